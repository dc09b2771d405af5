"""`doctor` and a real PostgreSQL: the store's server, its clock, and the queue of several nodes."""

from collections.abc import Iterator

import procrastinate
import psycopg
import pytest

from bot.health.stored import check_queue, check_store
from bot.store.look import look_at_queue
from bot.store.migrations import REVISION
from bot.store.store import open_store
from tests.health.test_stored import every_line_says_what_to_do, stored, told
from tests.servers.postgres import Postgres, or_skip, server

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("postgres")]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with or_skip(server()) as running:
        yield running


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    with postgres.database() as made:
        yield made


def act(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


async def test_an_empty_database_stays_empty(url: str) -> None:
    found = [*await check_store(stored(url)), *await check_queue(stored(url, url))]
    assert told(found) == [
        ("pass", "store"),
        ("pass", "clock"),
        ("pass", "store.retention_days"),
        ("pass", "queue"),
    ]
    assert "PostgreSQL" in found[0].found
    assert "first start" in found[0].found
    with psycopg.connect(url) as connection:
        assert not connection.execute("SELECT 1 FROM pg_tables WHERE schemaname = 'public'").fetchall()


async def test_a_schema_of_ours_of_another_revision(url: str) -> None:
    async with open_store(url):
        pass
    assert f"revision {REVISION}" in (await check_store(stored(url)))[0].found
    act(url, "UPDATE alembic_version SET version_num = '0001'")
    assert told(await check_store(stored(url)))[0] == ("warn", "store")
    act(url, "UPDATE alembic_version SET version_num = '9999'")
    assert told(await check_store(stored(url)))[0] == ("fail", "store")


async def test_a_database_that_can_only_be_read(url: str) -> None:
    name = url.rpartition("/")[2]
    act(url, f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    found = await check_store(stored(url))
    assert ("fail", "store") in told(found)
    assert "standby" in str(found)
    assert every_line_says_what_to_do(found)


async def test_a_queue_with_and_without_workers(url: str) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        assert told(await check_queue(stored(url, url))) == [("warn", "queue")]
        await app.configure_task("bot.check", queue="checks", allow_unknown=True).defer_async()
        await app.configure_task(
            "bot.later", queue="watches", allow_unknown=True, schedule_in={"days": 1}
        ).defer_async()
    (idle,) = await check_queue(stored(url, url))
    assert (idle.mark, idle.todo) == ("fail", "start nodes: run --role web, run --role worker")
    act(url, "INSERT INTO procrastinate_workers DEFAULT VALUES")
    (well,) = await check_queue(stored(url, url))
    assert (well.mark, "1 take jobs, 1 jobs wait" in well.found) == ("pass", True)
    act(url, "UPDATE procrastinate_events SET at = now() - interval '90 seconds' WHERE type = 'deferred'")
    (late,) = await check_queue(stored(url, url))
    assert (late.mark, "checks for 9" in late.found, bool(late.todo)) == ("warn", True, True)
    act(url, "UPDATE procrastinate_workers SET last_heartbeat = now() - interval '50 seconds'")
    assert told(await check_queue(stored(url, url))) == [("fail", "queue")]
    assert set((await look_at_queue(url)).waiting) == {"checks"}


async def test_a_queue_of_another_version(url: str) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url))
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
    act(url, "DROP FUNCTION procrastinate_fetch_job_v2")
    (found,) = await check_queue(stored(url, url))
    assert (found.mark, "procrastinate_fetch_job_v2 is missing" in found.found) == ("fail", True)
    assert "Upgrade" in found.todo
    act(url, "DROP TABLE procrastinate_workers CASCADE")
    assert told(await check_queue(stored(url, url))) == [("fail", "queue")]


async def test_a_user_without_rights_and_a_wrong_password(postgres: Postgres, url: str) -> None:
    name = url.rpartition("/")[2]
    act(url, "REVOKE CREATE ON SCHEMA public FROM public", f"CREATE ROLE r{name} LOGIN PASSWORD 'Practice-7-secret'")
    place = url.rpartition("@")[2]
    try:
        found = await check_store(stored(f"postgresql://r{name}:Practice-7-secret@{place}"))
        assert "may not make tables" in str(found)
        assert every_line_says_what_to_do(found)
        (refused,) = await check_store(stored(f"postgresql://r{name}:Practice-8-secret@{place}"))
        assert (refused.mark, "password" in refused.found) == ("fail", True)
        assert "Practice-8-secret" not in str(refused)
    finally:
        act(url, f"DROP ROLE r{name}")
