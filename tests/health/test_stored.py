"""`doctor` and the store: it looks, says what to do, and changes nothing."""

import os
import socket
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bot.health.house import check_settings
from bot.health.outcome import Outcome
from bot.health.stored import check_queue, check_store
from bot.settings import QueueSettings, Settings, SlackSettings, StoreSettings, WebSettings
from bot.store.migrations import REVISION
from bot.store.store import open_store


def stored(url: str, queue: str | None = None, **parts: object) -> Settings:
    return Settings(store=StoreSettings(url=url), queue=QueueSettings(url=queue), **parts)  # type: ignore[arg-type]


def told(outcomes: Sequence[Outcome]) -> list[tuple[str, str]]:
    return [(outcome.mark, outcome.what) for outcome in outcomes]


def every_line_says_what_to_do(outcomes: Sequence[Outcome]) -> bool:
    return all(outcome.todo for outcome in outcomes if outcome.mark in ("fail", "warn"))


# SQLite.


async def test_a_store_that_is_not_there_yet_is_not_made(tmp_path: Path) -> None:
    found = await check_store(stored(f"sqlite:///{tmp_path}/var/deep/bot.db"))
    assert told(found) == [("pass", "store"), ("pass", "store.retention_days")]
    assert "first start" in found[0].found
    assert not list(tmp_path.iterdir())


async def test_a_store_in_use_is_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/bot.db"
    async with open_store(url):
        found = await check_store(stored(url))
    assert told(found)[0] == ("pass", "store")
    assert f"revision {REVISION}" in found[0].found


@pytest.mark.parametrize(("revision", "mark", "todo"), [("0001", "warn", "backup"), ("9999", "fail", "newer")])
async def test_another_revision_is_told_and_left_alone(tmp_path: Path, revision: str, mark: str, todo: str) -> None:
    path = tmp_path / "bot.db"
    async with open_store(f"sqlite:///{path}"):
        pass
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [revision])
    found = await check_store(stored(f"sqlite:///{path}"))
    assert told(found)[0] == (mark, "store")
    assert todo in found[0].todo
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


async def test_no_database_at_all(tmp_path: Path) -> None:
    (tmp_path / "bot.db").write_bytes(b"no database" * 1000)
    (found,) = await check_store(stored(f"sqlite:///{tmp_path}/bot.db"))
    assert (found.mark, "no SQLite database" in found.found) == ("fail", True)


async def test_a_store_that_another_program_keeps_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.look.BUSY_SECONDS", 0.1)
    async with open_store(f"sqlite:///{tmp_path}/bot.db"):
        with closing(sqlite3.connect(tmp_path / "bot.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            (found,) = await check_store(stored(f"sqlite:///{tmp_path}/bot.db"))
    assert (found.mark, "another program keeps it locked" in found.found) == ("fail", True)


async def test_what_others_may_read_is_told(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/bot.db"):
        pass
    (tmp_path / "bot.key").write_text("k")
    for name in ("bot.db", "bot.key"):
        (tmp_path / name).chmod(0o644)
    found = await check_store(stored(f"sqlite:///{tmp_path}/bot.db"))
    assert [(one.mark, one.todo) for one in found if one.mark == "warn"] == [
        ("warn", f"chmod 600 {tmp_path}/{name}") for name in ("bot.db", "bot.key")
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    (found,) = await check_store(stored(f"sqlite:///{tmp_path}/bot.db"))
    tmp_path.chmod(0o700)
    assert (found.mark, "cannot be written" in found.found, bool(found.todo)) == ("fail", True, True)


# Several nodes.


async def test_what_nodes_must_have_in_common() -> None:
    alone = await check_settings(stored("sqlite:///var/x.db"))
    assert told(alone) == [("pass", "settings")]
    slack = SlackSettings(enabled=True, client_id="1.2")
    apart = await check_settings(stored("sqlite:///var/x.db", "postgresql://db/x", slack=slack))
    assert told(apart)[1:] == [("fail", "store.url"), ("fail", "slack.encryption_key"), ("fail", "web.public_url")]
    assert every_line_says_what_to_do(apart)
    web = WebSettings(public_url="https://bot.example.test")
    well = await check_settings(stored("postgresql://db/x", "postgresql://db/x", web=web))
    assert told(well) == [("pass", "settings")]


async def test_the_queue_of_one_process() -> None:
    (found,) = await check_queue(stored("sqlite:///var/x.db"))
    assert (found.mark, "in this process" in found.found) == ("pass", True)


async def test_a_server_that_is_not_there() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"postgresql://bot:Practice-7-secret@127.0.0.1:{closed.getsockname()[1]}/migcheck"
        found = [*await check_store(stored(url)), *await check_queue(stored(url, url))]
    assert told(found) == [("fail", "store"), ("fail", "queue")]
    assert every_line_says_what_to_do(found)
    assert "Practice-7-secret" not in str(found)
