"""The queue of several nodes against a real PostgreSQL: what is lost is found, what has failed is forgotten."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from procrastinate.exceptions import ConnectorException
from procrastinate.schema import migrations_path

from bot.queue.job import CHECKS, Job, own_queue
from bot.queue.shared import SharedQueue
from bot.store.rows import StoreError
from tests.servers.postgres import Cluster, cluster, or_skip

pytestmark = [pytest.mark.real, pytest.mark.xdist_group("postgres")]
CHECK = Job("check", "CASE-1", 1, CHECKS, "effect:1", "run:CASE-1:1")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with or_skip(cluster()) as running:
        yield running


@pytest.fixture
def url(postgres: Cluster) -> Iterator[str]:
    with postgres.database() as url:
        yield url


@asynccontextmanager
async def a_queue(
    url: str, role: str = "worker", grace: float = 5.0, patience: float = 10.0
) -> AsyncIterator[SharedQueue]:
    """`patience` is how many seconds a connection is waited for."""
    queue = SharedQueue(url, "one", role, transactional=False, grace=grace)
    queue._connector._pool_args["timeout"] = patience
    await queue.open()
    try:
        yield queue
    finally:
        await queue.close(grace)


def jobs_in(url: str) -> list[tuple[str, str, str]]:
    """Task, case and state of each job, oldest first."""
    with psycopg.connect(url) as connection:
        query = "SELECT task_name, args->>'case', status::text FROM procrastinate_jobs ORDER BY id"
        return connection.execute(query).fetchall()


async def until_in(url: str, wanted: list[tuple[str, str, str]]) -> None:
    async with asyncio.timeout(10):
        while jobs_in(url) != wanted:
            await asyncio.sleep(0.02)


async def test_what_waits_or_is_under_way_is_not_put_in_once_more(url: str) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def check(_: Job) -> None:
        begun.set()
        await go.wait()

    async with a_queue(url) as queue:
        await queue.defer([CHECK])
        await queue.start({"check": check})
        await asyncio.wait_for(begun.wait(), 10)
        waits = replace(CHECK, case="CASE-2", effect=2, queue="node:two", lock=None, name=None)
        await queue.defer([waits])
        lost = replace(CHECK, case="CASE-3", effect=3, queue="node:two", lock=None, name="run:CASE-3:1")
        for _ in range(2):
            await queue.restore([CHECK, waits, lost])
        kept = [("check", "CASE-1", "doing"), ("check", "CASE-2", "todo"), ("check", "CASE-3", "todo")]
        assert jobs_in(url) == kept
        go.set()
        await until_in(url, kept[1:])


async def test_a_node_that_is_cut_off_keeps_no_lock(url: str) -> None:
    async with a_queue(url) as queue, queue._connector.pool.connection() as connection:
        shown = await (await connection.execute("SHOW idle_in_transaction_session_timeout")).fetchone()
        assert shown == ("15s",)


async def test_jobs_that_have_failed_for_good_are_forgotten(url: str) -> None:
    async with a_queue(url) as queue:
        await queue.defer([CHECK, replace(CHECK, case="CASE-2", effect=2, name="run:CASE-2:1")])
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("UPDATE procrastinate_jobs SET status = 'failed' WHERE args->>'case' = 'CASE-1'")
            await queue.tidy()
            assert len(jobs_in(url)) == 2, "it is there for whoever looks for the cause"
            connection.execute("UPDATE procrastinate_events SET at = at - interval '9 days'")
        await queue.tidy()
        assert jobs_in(url) == [("check", "CASE-2", "todo")]


async def test_it_ends_although_the_database_is_away(postgres: Cluster, url: str) -> None:
    async with a_queue(url, "all", grace=3.0, patience=0.5) as queue:
        await queue.start({})
        async with asyncio.timeout(10):
            while not (len(queue._workers) == 4 and all(w.worker_id for w in queue._workers.values())):
                await asyncio.sleep(0.02)
        postgres.stop()
        try:
            with pytest.raises(StoreError):
                await queue.ready()
            await asyncio.wait_for(queue.close(3.0), 20)
        finally:
            postgres.start()


async def test_a_job_whose_end_could_not_be_written_down_is_put_back(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PostgreSQL is away for the moment in which a job ends, and its worker goes on."""
    away, done = asyncio.Event(), list[Job]()

    async def check(job: Job) -> None:
        done.append(job)

    async with a_queue(url) as queue:
        finish = queue._app.job_manager.finish_job

        async def finish_later(**named: Any) -> None:
            if not away.is_set():
                away.set()
                raise ConnectorException
            await finish(**named)

        monkeypatch.setattr(queue._app.job_manager, "finish_job", finish_later)
        await queue.defer([CHECK])
        await queue.start({"check": check})
        await asyncio.wait_for(away.wait(), 10)
        await until_in(url, [("check", "CASE-1", "doing")])
        await queue.beat()
        assert jobs_in(url) == [("check", "CASE-1", "doing")], "it may be about to end"
        await queue.beat()
        await until_in(url, [])
        assert len(done) == 2


async def test_a_node_that_ends_over_moving_a_dead_nodes_jobs_loses_none(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any, **__: Any) -> None:
        raise ConnectorException

    async def alive() -> frozenset[str]:
        return frozenset({"one"})

    async with a_queue(url) as queue:
        for number, node in enumerate(("one", "dead", "dead", "gone"), 1):
            waits = replace(CHECK, case=f"CASE-{number}", effect=number, queue=own_queue(node), name=f"run:{number}")
            await queue.defer([waits])
        monkeypatch.setattr(queue._app.job_manager, "defer_job_async", away)
        with contextlib.suppress(StoreError):
            await queue.rescue(alive)
        assert jobs_in(url) == [("check", f"CASE-{number}", "todo") for number in (1, 2, 3, 4)]
        with psycopg.connect(url) as connection:
            query = "SELECT queue_name, lock, queueing_lock FROM procrastinate_jobs ORDER BY id"
            kept, *moved = connection.execute(query).fetchall()
        assert kept == (own_queue("one"), CHECK.lock, "run:1")
        assert {(queue, name) for queue, _, name in moved} == {(CHECKS, None)}
        assert len({lock for _, lock, _ in moved}) == 3, "none waits for another"


async def test_tables_of_another_version_are_left_alone_until_somebody_brings_them_up(url: str) -> None:
    """As docs/operations.md says: with the files of procrastinate itself, by their names."""
    files = sorted(migrations_path.glob("*.sql"))
    (first,) = [number for number, file in enumerate(files) if file.name.startswith("03.03.00_01_pre")]
    bring_up(url, files[:first])
    for _ in range(2):
        with pytest.raises(StoreError, match=r"another version of procrastinate \(procrastinate_\w+ is missing\)"):
            async with a_queue(url):
                raise AssertionError
    bring_up(url, files[first:])
    done = asyncio.Event()

    async def check(_: Job) -> None:
        done.set()

    async with a_queue(url) as queue:
        await queue.start({"check": check})
        await queue.defer([CHECK])
        await asyncio.wait_for(done.wait(), 10)
        await until_in(url, [])


def bring_up(url: str, files: Sequence[Path]) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for file in files:
            connection.execute(file.read_bytes())


async def test_that_the_store_is_away_is_no_fault_of_the_bots_own(url: str) -> None:
    done = asyncio.Event()

    async def check(_: Job) -> None:
        if not done.is_set():
            done.set()
            raise StoreError("the store is away")

    with structlog.testing.capture_logs() as said:
        async with a_queue(url) as queue:
            await queue.defer([CHECK])
            await queue.start({"check": check})
            await until_in(url, [])
    (line,) = [line for line in said if "job" in line["event"]]
    assert (line["event"], line["log_level"]) == ("a job waits for the store", "warning")
    assert (line["case"], line["why"]) == ("CASE-1", "the store is away")
