"""The queue of several nodes against a real PostgreSQL: what is lost is found, what has failed is forgotten."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from procrastinate.exceptions import ConnectorException

from bot.queue.job import CHECKS, Job
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
