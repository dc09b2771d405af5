"""The store in PostgreSQL: connections that are kept, and what becomes of them when the server goes away."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from bot.store import engine
from bot.store.migrations import REVISION
from bot.store.rows import StaleCase, StoreError
from bot.store.store import open_store
from tests.servers.postgres import Cluster, cluster, or_skip
from tests.store.conftest import a_case, check_brought_up, make_older

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("postgres")]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with or_skip(cluster()) as running:
        yield running


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as url:
        yield url


def connections(url: str) -> int:
    """How many connections others have to this database."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    assert found is not None
    return int(found[0])


async def test_a_node_that_is_cut_off_within_a_transaction_keeps_nobody_waiting(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "IMPATIENCE", "SET idle_in_transaction_session_timeout = '300ms'")
    async with open_store(url) as cut_off, open_store(url) as other:
        await other.take("e1", a_case(), [])
        case = await other.case("K7QF-2M")
        assert case is not None

        async def cut_in_the_middle() -> None:
            async with cut_off._writing() as connection:
                await cut_off._write_case(connection, case)
                async with asyncio.timeout(10):
                    assert await other.take("e2", case, []) is not None
                await connection.execute(sa.text("SELECT 1"))

        with pytest.raises(StoreError):
            await cut_in_the_middle()


async def test_an_event_is_taken_once_by_however_many_at_once(url: str) -> None:
    async with open_store(url) as one, open_store(url) as other:
        taken = await asyncio.gather(
            *(store.take("e1", a_case(), [{"n": 1}]) for store in (one, other) * 5), return_exceptions=True
        )
        assert sum(isinstance(rows, list) for rows in taken) == 1
        assert all(rows is None or isinstance(rows, list | StaleCase) for rows in taken)
        assert len(await one.open_effects()) == 1


async def test_of_changes_of_a_person_at_once_none_is_lost(url: str) -> None:
    async with open_store(url) as one, open_store(url) as other:
        changes = [
            store.change_person("slack:T1:U1", lambda row, n=n: replace(row, state={**row.state, str(n): n}))
            for n, store in enumerate((one, other) * 5)
        ]
        await asyncio.gather(*changes)
        kept = await one.person("slack:T1:U1")
    assert kept is not None
    assert kept.state == {str(n): n for n in range(10)}


async def test_a_store_of_an_older_program_is_brought_up_by_whichever_node_is_first(url: str, tmp_path: Path) -> None:
    await make_older(url, tmp_path)

    async def start() -> None:
        async with open_store(url) as store:
            assert await store.revision() == REVISION

    await asyncio.gather(*(start() for _ in range(3)))
    async with open_store(url) as store:
        await check_brought_up(store)


async def test_connections_are_kept_and_not_more_than_allowed(url: str) -> None:
    async with open_store(url) as store:
        for turn in range(3):
            work = [store.take(f"{turn}-{n}", a_case(f"C{turn}-{n}"), []) for n in range(40)]
            assert all(rows is not None for rows in await asyncio.gather(*work))
        assert connections(url) == engine._CONNECTIONS


async def test_a_server_that_comes_back_is_found_again(
    url: str, postgres: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_TRUSTED", 0.0)
    async with open_store(url) as store:
        await asyncio.gather(*(store.take(f"a{n}", a_case(f"A{n}"), []) for n in range(20)))
        postgres.stop()
        with pytest.raises(StoreError):
            await store.take("lost", a_case("LOST"), [])
        postgres.start()
        for number in range(20):
            assert await store.case(f"A{number}") is not None
            assert await store.take(f"b{number}", a_case(f"B{number}"), []) is not None
        assert await store.case("LOST") is None
