"""The vault gives a secret out once, forgets in time, and shows nothing."""

import copy
import pickle

import pytest

from bot.core.secret import Secret
from bot.store.vault import Vault

WORD = "tr0ub4dor&3"


def test_a_secret_is_given_out_once() -> None:
    vault = Vault(10)
    handle = vault.put(Secret(WORD), "K7QF-2M", 0)
    taken = vault.take(handle, 9.9)
    assert taken is not None
    assert taken.unwrap() == WORD
    assert vault.take(handle, 9.9) is None


def test_handles_tell_nothing_and_differ() -> None:
    vault = Vault(10)
    handles = {vault.put(Secret(WORD), "K7QF-2M", 0) for _ in range(50)}
    assert len(handles) == 50
    assert all(len(handle) >= 22 and WORD not in handle for handle in handles)
    assert vault.take("K7QF-2M", 0) is None


def test_too_old_is_gone_and_wiped() -> None:
    vault, secret = Vault(10), Secret(WORD)
    handle = vault.put(secret, "K7QF-2M", 0)
    vault.expire(9.9)
    assert len(vault) == 1
    assert vault.take(handle, 10) is None
    with pytest.raises(ValueError, match="gone"):
        secret.unwrap()


def test_a_case_is_forgotten_alone() -> None:
    vault, mine, other = Vault(10), Secret(WORD), Secret("other")
    vault.put(mine, "K7QF-2M", 0)
    kept = vault.put(other, "AAAA-22", 0)
    vault.forget("K7QF-2M")
    with pytest.raises(ValueError, match="gone"):
        mine.unwrap()
    assert vault.take(kept, 1) is other


def test_closing_wipes_everything() -> None:
    vault, secret = Vault(10), Secret(WORD)
    vault.put(secret, "K7QF-2M", 0)
    vault.close()
    assert len(vault) == 0
    with pytest.raises(ValueError, match="gone"):
        secret.unwrap()


def test_nothing_shows() -> None:
    vault = Vault(10)
    vault.put(Secret(WORD), "K7QF-2M", 0)
    assert WORD not in repr(vault) + str(vault) + f"{vault}" + repr(vault._kept)
    for copied in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError):
            copied(vault)
