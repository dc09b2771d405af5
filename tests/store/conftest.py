"""A store in a file of its own, and what is put into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.core.model import Advice, Finding, Link, Report, StepResult
from bot.store.rows import CaseRow
from bot.store.store import Store, open_store

URL = "sqlite:///var/bot.db"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(URL, tmp_path) as opened:
        yield opened


def a_case(case_id: str = "K7QF-2M", person: str = "web:ann", now: float = 1000.0, **state: object) -> CaseRow:
    return CaseRow(case_id, person, "web", "page", state or {"phase": "new"}, now, now)


def a_report(case_id: str = "K7QF-2M", words: str = "認証に失敗しました \x00 \ud800") -> Report:
    finding = Finding("login.wrong_credentials", "fail", {"server": words, "alternatives": ["login.protocol_disabled"]})
    step = StepResult(
        "imap.login", "fail", (finding,), "imap.example.jp:993", duration_ms=12.5, notes={"tried": ["PLAIN"]}
    )
    skipped = StepResult("imap.mailbox", "skipped", skipped_because="imap.login")
    advice = Advice(
        "login.wrong_credentials", "確認", ("入力する",), "member", (Link("例", "https://example.jp/", "ja"),)
    )
    return Report(
        case_id, "example.jp", None, "manual", "fail", "imap.login", "login.wrong_credentials", (step, skipped), (advice,),
        {"imap": 1}, "192.0.2.1", "2026-11-24T01:02:03.000+00:00", 345.6,
    )  # fmt: skip


def bytes_of(folder: Path) -> bytes:
    """All that the store has on the disk: the database, its log and whatever lies beside it."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())
