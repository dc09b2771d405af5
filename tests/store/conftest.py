"""A store in a file of its own, and what is put into it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from bot.core.model import Advice, Finding, Link, Report, StepResult
from bot.store import migrations
from bot.store.engine import make_engine
from bot.store.place import prepare, read_place
from bot.store.reports import hash_of, report_row
from bot.store.rows import CaseRow, dump
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


async def make_older(url: str, root: Path) -> None:
    """A store as revision 0002 left it: a case whose report was linked, one that was not, and what was open."""
    place = read_place(url, root)
    if place.path is not None:
        prepare(place.path)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    engine = make_engine(place)
    async with engine.begin() as connection:
        config.attributes["connection"] = connection.sync_connection
        await connection.run_sync(lambda _: command.upgrade(config, "0002"))
        case, row = a_case(), report_row(a_report(), "ja", 1000.0)
        values = {"case": case.id, "person": case.person, "state": dump(case.state), "effect": '{"type": "Post"}'}
        for statement in (
            "INSERT INTO cases VALUES (:case, :person, 'web', '', :state, 1000, 1000, 1)",
            "INSERT INTO outbox (case_id, effect, created) VALUES (:case, :effect, 1000)",
            "INSERT INTO offers VALUES (:offer, :case, :person, '1234', 1600, NULL)",
        ):
            await connection.execute(sa.text(statement), values | {"offer": hash_of("an offer")})
        for name, key in ((case.id, hash_of("a key")), ("AAAA-22", None)):
            await connection.execute(
                sa.text("INSERT INTO reports VALUES (:case_id, :lang, :report, :notes, :key, :created)"),
                row | {"case_id": name, "key": key},
            )
    await engine.dispose()


async def check_brought_up(store: Store) -> None:
    """Everything of `make_older` is there, and goes on."""
    case = a_case().id
    assert await store.revision() == migrations.REVISION
    kept = await store.report_for(case, "a key")
    assert kept is not None
    assert await store.report_for("AAAA-22", "a key") is None
    assert await store.report("AAAA-22") is not None
    assert (await store.offer("an offer")) is not None
    assert [row.case_id for row in await store.open_effects()] == [case]
    known = await store.case(case)
    assert known is not None
    assert known.version == 1
    await store.put_report(kept.report, "ja", 2000.0)
    await store.add_report_key(case, "another key")
    assert await store.report_for(case, "a key") is not None, "the earlier link opens the next report"
    assert await store.take("e1", known, [{"type": "Post"}]) is not None
