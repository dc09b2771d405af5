"""`explain` as it is typed and piped."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from bot.store.place import ROOT


def _explain(*arguments: str, typed: bytes = b"", **environment: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "explain", "--json", *arguments],
        cwd=ROOT, env={**os.environ, **environment}, input=typed, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("words", ["-ERR", "-err", "-ERR [AUTH] Invalid login"])
def test_what_pop_servers_say_is_no_option(words: str) -> None:
    assert _explain(words)["code"] in {"login.unrecognised", "login.wrong_credentials"}
    assert _explain(words, "--lang", "en")["advice"]
    assert _explain("--", words)["code"] == _explain(words)["code"]


@pytest.mark.parametrize(
    ("typed", "encoding"),
    [
        ("535 用户名或密码错误".encode("gbk"), "utf-8:strict"),
        ("535 5.7.8 パスワードが違います".encode(), "ascii"),
        ("ログインできません。パスワードが違います".encode("cp932"), "cp932"),
        (b"535 5.7.8 bad \xff\xfe credentials", "utf-8:strict"),
        ("\ufeff-ERR パスワードが違います".encode(), "utf-8:strict"),
        ("あ".encode() * 50_000 + "\n535 5.7.8 パスワードが違います".encode(), "utf-8:strict"),
    ],
)
def test_a_text_is_read_in_whichever_encoding_it_was_saved(typed: bytes, encoding: str) -> None:
    found = _explain(typed=typed, PYTHONIOENCODING=encoding)
    assert found["code"] == "login.wrong_credentials"
    assert found["confidence"] > 0.9


def test_microsofts_sign_in_page_is_answered_with_the_sign_in() -> None:
    for words in ("AADSTS50126: Error validating credentials", "Sorry, but we’re having trouble\nAADSTS50126"):
        found = _explain(words, "--lang", "en")
        assert found["code"] == "login.wrong_credentials"
        assert found["advice"][0]["title"] == "Sign in again as the named administrator"


def test_a_sentence_that_names_no_cause_is_told_as_a_guess() -> None:
    found = _explain("メールサーバーに接続できません")
    assert found["confidence"] < 0.5
    assert len(found["alternatives"]) >= 2
