"""The terminal's short way to the store: the same rows, without SQLAlchemy once the schema is there."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from bot.core.report import report_to_json
from bot.store.keeping import GROUP, Keeping, keep_report
from bot.store.migrations import REVISION
from bot.store.place import ROOT
from bot.store.store import open_store
from tests.store.conftest import URL, a_report, bytes_of

_KEEP = """
import json, sys
from pathlib import Path
from bot.store.keeping import keep_report
from bot.core.report import report_from_json
report = report_from_json(json.load(sys.stdin))
print(keep_report(sys.argv[2], report, "en", root=Path(sys.argv[1])), "sqlalchemy" in sys.modules)
"""


def _keep(root: Path, case_id: str) -> str:
    command = [sys.executable, "-W", "error", "-c", _KEEP, str(root), URL]
    report = json.dumps(report_to_json(a_report(case_id)))
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, input=report).stdout.strip()


def test_the_first_report_makes_the_store_and_the_next_ones_need_no_sqlalchemy(tmp_path: Path) -> None:
    assert _keep(tmp_path, "AAAA-AA") == "None True"
    assert _keep(tmp_path, "BBBB-BB") == "None False"
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as found:
        rows = found.execute("SELECT case_id, lang FROM reports ORDER BY case_id").fetchall()
    assert rows == [("AAAA-AA", "en"), ("BBBB-BB", "en")]


async def test_both_ways_write_the_same_row(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path) as store:
        await store.put_report(a_report("AAAA-AA"), "ja", 1000.0)
        keeping = Keeping(URL, root=tmp_path)
        await keeping.add(a_report("BBBB-BB"), "ja")
        await keeping.flush()
        first, second = await store.report("AAAA-AA"), await store.report("BBBB-BB")
    assert keeping.problem is None
    assert first is not None
    assert second is not None
    assert (first.report.steps, first.report.advice, first.notes) == (
        second.report.steps,
        second.report.advice,
        second.notes,
    )


async def test_a_batch_is_stored_in_groups_and_to_the_last(tmp_path: Path) -> None:
    keeping = Keeping(URL, root=tmp_path)
    for number in range(2 * GROUP + 1):
        await keeping.add(a_report(f"C{number:05}"), "ja")
    await keeping.flush()
    await keeping.flush()
    assert keeping.problem is None
    async with open_store(URL, tmp_path) as store:
        assert [await store.report(f"C{number:05}") is not None for number in (0, GROUP, 2 * GROUP)] == [
            True,
            True,
            True,
        ]


def test_old_reports_go_when_new_ones_come(tmp_path: Path) -> None:
    mark = "mark-of-the-old-one"
    keep_report(URL, a_report("AAAA-AA", mark), "ja", root=tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as past:
        past.execute("UPDATE reports SET created = created - 31 * 86400")
        past.commit()
    assert keep_report(URL, a_report("BBBB-BB"), "ja", retention_days=30, root=tmp_path) is None
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as found:
        assert found.execute("SELECT case_id FROM reports").fetchall() == [("BBBB-BB",)]
    assert mark.encode() not in bytes_of(tmp_path)


def test_problems_are_told_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.keeping.BUSY_SECONDS", 0.05)
    assert "neither SQLite" in str(keep_report("mysql://x", a_report(), "ja", root=tmp_path))
    assert keep_report(URL, a_report(), "ja", root=tmp_path) is None
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db", isolation_level=None)) as locking:
        locking.execute("BEGIN EXCLUSIVE")
        assert "another program keeps it locked" in str(keep_report(URL, a_report(), "ja", root=tmp_path))
    (tmp_path / "var" / "bot.db").write_bytes(b"no database" * 1000)
    assert "no SQLite database" in str(keep_report(URL, a_report(), "ja", root=tmp_path))


def test_a_schema_of_another_revision_is_not_written_to_directly(tmp_path: Path) -> None:
    assert keep_report(URL, a_report(), "ja", root=tmp_path) is None
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as other:
        other.execute("UPDATE alembic_version SET version_num = ?", (REVISION + "x",))
        other.commit()
    assert "newer version" in str(keep_report(URL, a_report(), "ja", root=tmp_path))
