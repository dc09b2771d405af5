"""`audit` as it is typed, over a real store."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.commands.audit import line, read_since
from bot.store.place import ROOT
from bot.store.store import open_store
from bot.store.tables import audit
from bot.store.uses import Uses

NOON = datetime.fromisoformat("2026-11-20T12:00:00+09:00").timestamp()
ANN, BOB, OTHER = "slack:T1:U456", "web:bob", "slack:T2:U456"
Entry = tuple[str, str, str, Mapping[str, Any], float]
ENTRIES: tuple[Entry, ...] = (
    (ANN, "K7QF-2M", "login", {"domain": "example.co.jp", "hosts": [], "account": "taro@example.co.jp"}, NOON),
    (ANN, "K7QF-2M", "hosts", {"hosts": ["imap.example.co.jp", "smtp.example.co.jp"]}, NOON + 1),
    (BOB, "ABCD-EF", "refused:person", {"domain": "例え.jp", "hosts": ["192.0.2.1"], "account": None}, NOON + 3600),
    (OTHER, "WXYZ-23", "check", {"domain": "example.net", "hosts": [], "account": None}, NOON + 86_400),
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


def _note(url: str, entries: tuple[Entry, ...]) -> None:
    async def put() -> None:
        async with open_store(url) as store:
            uses = Uses.beside(store)
            for entry in entries:
                await uses.note(*entry)

    asyncio.run(put())


def _audit(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "MIGCHECK_STORE__URL": url, "LC_ALL": "C.UTF-8", "TZ": "Asia/Tokyo"}
    command = [sys.executable, "-W", "error", "-m", "bot", "audit", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


def test_oldest_first_one_line_each_in_local_time(url: str) -> None:
    _note(url, ENTRIES)
    done = _audit(url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "2026-11-20 12:00:00+09:00  slack:T1:U456  K7QF-2M  login  domain=example.co.jp account=taro@example.co.jp",
        "2026-11-20 12:00:01+09:00  slack:T1:U456  K7QF-2M  hosts  hosts=imap.example.co.jp,smtp.example.co.jp",
        "2026-11-20 13:00:00+09:00  web:bob  ABCD-EF  refused:person  domain=例え.jp hosts=192.0.2.1",
        "2026-11-21 12:00:00+09:00  slack:T2:U456  WXYZ-23  check  domain=example.net",
    ]


@pytest.mark.parametrize(
    ("options", "cases"),
    [
        (("--person", ANN), ["K7QF-2M", "K7QF-2M"]),
        (("--person", "U456"), ["K7QF-2M", "K7QF-2M", "WXYZ-23"]),
        (("--person", "bob"), ["ABCD-EF"]),
        (("--person", "%"), []),
        (("--person", "U45_"), []),
        (("--person", "456"), []),
        (("--since", "2026-11-21"), ["WXYZ-23"]),
        (("--since", "2026-11-20T13:00"), ["ABCD-EF", "WXYZ-23"]),
        (("--since", "2026-11-20T04:00:00Z", "--person", "U456"), ["WXYZ-23"]),
        (("--since", "9999d"), ["K7QF-2M", "K7QF-2M", "ABCD-EF", "WXYZ-23"]),
    ],
)
def test_of_one_person_and_since_a_time(url: str, options: tuple[str, ...], cases: list[str]) -> None:
    _note(url, ENTRIES)
    done = _audit(url, *options, "--json")
    assert done.returncode == 0
    assert [json.loads(entry)["case"] for entry in done.stdout.splitlines()] == cases
    assert (done.stderr == "") is bool(cases)


def test_a_span_counts_back_from_now(url: str) -> None:
    now = time.time()
    _note(url, ((ANN, "OLD-ER", "check", {}, now - 7300), (ANN, "NEW-ER", "check", {}, now - 7100)))
    done = _audit(url, "--since", "2h")
    assert [entry.split("  ")[2] for entry in done.stdout.splitlines()] == ["NEW-ER"]
    assert read_since("7d", 1_000_000.0) == 1_000_000.0 - 7 * 86_400


@pytest.mark.parametrize("typed", ["yesterday", "7", "2026-13-01", "0d", "-1h", "\x1b[2J", "0001-01-01"])
def test_a_time_that_cannot_be_read_is_bad_input_with_examples(url: str, typed: str) -> None:
    done = _audit(url, "--since=" + typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert "7d, 2026-11-01" in done.stderr
    assert "\x1b" not in done.stderr


def test_json_is_one_object_a_line(url: str) -> None:
    _note(url, ENTRIES)
    first, _, third, _ = (json.loads(entry) for entry in _audit(url, "--json").stdout.splitlines())
    assert first == {
        "at": "2026-11-20T12:00:00+09:00",
        "person": ANN,
        "case": "K7QF-2M",
        "what": "login",
        "subject": {"domain": "example.co.jp", "hosts": [], "account": "taro@example.co.jp"},
    }
    assert third["subject"]["domain"] == "例え.jp"


def test_an_empty_trail_says_so(url: str) -> None:
    done = _audit(url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "audit: there is no such entry\n")


def test_a_store_that_fails_is_told_in_words(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"no database" * 1000)
    done = _audit(f"sqlite:///{tmp_path}/bot.db")
    assert (done.returncode, done.stdout) == (4, "")
    assert "no SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


HOSTILE = "a\x1b[2Jb\r\nc\u202ed\x9b1m domain=bank.example\u2028e\x00"


@pytest.mark.parametrize("as_json", [True, False])
def test_what_people_typed_does_nothing_to_a_terminal(url: str, as_json: bool) -> None:
    _note(url, ((HOSTILE, HOSTILE, HOSTILE, {HOSTILE: HOSTILE, "hosts": [HOSTILE]}, NOON),))
    done = _audit(url, *(("--json",) if as_json else ()))
    assert done.returncode == 0, done.stderr
    (entry,) = done.stdout.splitlines()
    assert entry.isprintable()
    if as_json:
        assert json.loads(entry)["subject"]["hosts"] == [HOSTILE]
    else:
        assert r"a\x1b[2Jb\r\nc\u202ed\x9b1m\x20domain=bank.example\u2028e\x00" in entry
        assert " domain=" not in entry


def test_a_long_trail_is_read_to_its_end(url: str) -> None:
    """More than are read at once, in the order in which they were noted."""

    rows = [{"at": NOON, "person": ANN, "case_id": f"{n:06}", "what": "check", "subject": {}} for n in range(2_500)]

    async def put() -> None:
        async with open_store(url) as store, Uses.beside(store)._writing() as connection:
            await connection.execute(sa.insert(audit), rows)

    asyncio.run(put())
    done = _audit(url)
    assert [entry.split("  ")[2] for entry in done.stdout.splitlines()] == [f"{n:06}" for n in range(2_500)]


def test_what_has_no_value_is_left_out() -> None:
    row = {"id": 1, "at": NOON, "person": ANN, "case_id": "K7QF-2M", "what": "login", "subject": {"b": None, "a": 3}}
    assert line(row).endswith("slack:T1:U456  K7QF-2M  login  a=3")
