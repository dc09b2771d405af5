"""`report` and `erase` as they are typed, over a real store."""

import asyncio
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot.asking import reader_for
from bot.core.advice import advise
from bot.core.model import Finding, Lang, Report, StepResult
from bot.core.report import report_to_json
from bot.network import wisdom_in
from bot.store.place import ROOT
from bot.store.store import open_store
from tests.store.conftest import a_case

_JAPANESE = re.compile(r"[぀-ヿ]")


def _report(case: str = "K7QF-2M") -> Report:
    finding = Finding("login.wrong_credentials", "fail", {"server": "NO [AUTHENTICATIONFAILED] <b>no</b>"})
    steps = (
        StepResult("imap.connect", "pass", (), "imap.example.jp:993", duration_ms=3.0),
        StepResult(
            "imap.login", "fail", (finding,), "imap.example.jp:993", duration_ms=12.5, notes={"tried": ["PLAIN"]}
        ),
    )
    made = Report(
        case, "example.jp", None, "manual", "fail", "imap.login", "login.wrong_credentials", steps, (), {"imap": 1},
        "192.0.2.1", "2026-11-24T01:02:03.000+00:00", 345.6,
    )  # fmt: skip
    wisdom = wisdom_in("ja")
    return replace(made, advice=advise(steps, reader_for(wisdom, "ja", report=made).circumstances, wisdom.catalogue))


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/bot.db"


def _store(url: str, report: Report, lang: Lang = "ja", person: str = "web:ann") -> None:
    async def put() -> None:
        async with open_store(url) as store:
            await store.take(f"e-{report.case}", a_case(report.case, person), [])
            await store.put_report(report, lang, 1000.0)

    asyncio.run(put())


def _bot(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "MIGCHECK_STORE__URL": url, "LC_ALL": "C.UTF-8"}
    command = [sys.executable, "-W", "error", "-m", "bot", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("typed", ["K7QF-2M", "k7qf-2m", "k7qf2m", " K7QF 2M "])
def test_the_same_object_comes_back_however_the_id_is_typed(url: str, typed: str) -> None:
    report = _report()
    _store(url, report)
    done = _bot(url, "report", typed, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(json.dumps(report_to_json(report)))


def test_it_is_told_in_the_language_that_is_asked_for(url: str) -> None:
    _store(url, _report())
    japanese, english = (_bot(url, "report", "K7QF-2M", "--lang", lang) for lang in ("ja", "en"))
    assert (japanese.returncode, english.returncode) == (0, 0)
    assert "NO [AUTHENTICATIONFAILED] <b>no</b>" in english.stdout
    assert _JAPANESE.search(japanese.stdout)
    assert "■" in english.stdout, "advice is among it"
    own_words = re.sub(r"^.*https?://.*$", "", english.stdout, flags=re.MULTILINE)
    assert not _JAPANESE.search(own_words), "titles of Japanese pages apart, nothing is Japanese"


@pytest.mark.parametrize("typed", ["ABCD-EF", "not-an-id", ""])
def test_an_unknown_case_is_bad_input_with_an_example(url: str, typed: str) -> None:
    done = _bot(url, "report", typed)
    assert (done.returncode, done.stdout) == (2, "")
    assert "python -m bot report K7QF-2M" in done.stderr


def test_a_store_that_fails_is_the_bots_own_fault_in_words(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"no database" * 1000)
    done = _bot(f"sqlite:///{tmp_path}/bot.db", "report", "K7QF-2M")
    assert done.returncode == 4
    assert "no SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_page_is_written_to_a_file(url: str, tmp_path: Path) -> None:
    _store(url, _report())
    done = _bot(url, "report", "K7QF-2M", "--html", str(tmp_path / "page.html"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "K7QF-2M" in page
    assert "<b>no</b>" not in page
    refused = _bot(url, "report", "K7QF-2M", "--html", str(tmp_path / "missing" / "page.html"))
    assert refused.returncode == 2
    assert "No such file" in refused.stderr


def test_a_person_is_erased_and_nobody_else(url: str) -> None:
    _store(url, _report("K7QF-2M"))
    _store(url, _report("ABCD-EF"), person="web:bob")
    done = _bot(url, "erase", "--person", "web:ann")
    assert (done.returncode, done.stdout) == (0, "Erased of web:ann: 1 reports, 1 cases.\n")
    assert _bot(url, "report", "K7QF-2M").returncode == 2
    assert _bot(url, "report", "ABCD-EF").returncode == 0
    again = _bot(url, "erase", "--person", "web:ann")
    assert (again.returncode, again.stdout) == (0, "Nothing was kept of web:ann.\n")
    assert _bot(url, "erase", "--person", " ").returncode == 2
