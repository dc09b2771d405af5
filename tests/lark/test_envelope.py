"""Requests by webhook: age, nonce and what is kept of them."""

import json

import pytest

from handlers.lark.envelope import FRESH, Envelopes, Forged
from tests.servers.lark.people import encrypt, signed

KEY, TOKEN, NOW = "k" * 16, "t" * 16, 1_800_000_000.0


def request(number: int, at: float = NOW, nonce: str | None = None) -> tuple[dict[str, str], bytes]:
    raw = json.dumps({"encrypt": encrypt(KEY, json.dumps({"header": {"token": TOKEN}, "number": number}))})
    return signed(KEY, raw, at, nonce), raw.encode()


def test_a_request_is_good_once_and_again_where_it_was_not_dealt_with() -> None:
    envelopes = Envelopes(KEY, TOKEN, lambda: NOW)
    headers, raw = request(1)
    assert envelopes.open(headers, raw)["number"] == 1
    with pytest.raises(Forged, match="replayed"):
        envelopes.open(headers, raw)
    envelopes.forget(headers)
    assert envelopes.open(headers, raw)["number"] == 1


def test_another_request_of_the_same_second_and_nonce_is_another_request() -> None:
    envelopes = Envelopes(KEY, TOKEN, lambda: NOW)
    assert [envelopes.open(*request(n, nonce="n"))["number"] for n in range(3)] == [0, 1, 2]


@pytest.mark.parametrize(
    ("age", "good"), [(FRESH - 1, True), (FRESH + 2, False), (-FRESH + 1, True), (-FRESH - 2, False)]
)
def test_age_counts_in_both_directions(age: float, good: bool) -> None:
    envelopes = Envelopes(KEY, TOKEN, lambda: NOW)
    if good:
        assert envelopes.open(*request(1, NOW - age))
    else:
        with pytest.raises(Forged, match="stale"):
            envelopes.open(*request(1, NOW - age))


def test_what_is_kept_of_requests_does_not_grow() -> None:
    now = [NOW]
    envelopes = Envelopes(KEY, TOKEN, lambda: now[0])
    for number in range(50):
        envelopes.open(*request(number, now[0]))
        now[0] += FRESH
    assert len(envelopes._seen) <= 4
