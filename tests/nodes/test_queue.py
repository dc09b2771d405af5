"""The queues alone: what becomes of jobs whose worker has died, whose store is away, or whose person is out of reach."""

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest

from bot.queue.job import CHAT, CHECKS, Job, Task, Work, own_queue
from bot.queue.local import LocalQueue
from bot.queue.shared import SILENT_FOR, SharedQueue
from bot.store.rows import StoreError
from handlers.port import Unreachable
from tests.handlers.person import Desk
from tests.handlers.test_conversation import Office, Open, office
from tests.nodes.people import until
from tests.servers.postgres import Postgres

__all__ = ["office"]
ALIVE = "11111111"
DEAD = "22222222"
TASKS: tuple[Task, ...] = ("deliver", "check", "watch", "expire")


class Hands:
    """Carries jobs out as it is told, and keeps what it did."""

    def __init__(self, act: Callable[[Job], object] | None = None) -> None:
        self.done: list[Job] = []
        self.begun: list[Job] = []
        self.open = asyncio.Event()
        self._act = act

    @property
    def work(self) -> Work:
        return dict.fromkeys(TASKS, self.carry_out)

    async def carry_out(self, job: Job) -> None:
        self.begun.append(job)
        await self.open.wait()
        if self._act is not None:
            self._act(job)
        self.done.append(job)


@asynccontextmanager
async def queue(url: str, node: str, role: str, hands: Hands | None) -> AsyncIterator[SharedQueue]:
    made = SharedQueue(url, node, role, transactional=True, grace=2.5)
    await made.open()
    if hands is not None:
        await made.start(hands.work)
    try:
        yield made
    finally:
        if hands is not None:
            hands.open.set()
        await made.close(2.5)


async def alive() -> frozenset[str]:
    return frozenset({ALIVE})


def grown_old(url: str) -> None:
    """As if the signs of life had come to an end a while ago."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            f"UPDATE procrastinate_workers SET last_heartbeat = now() - interval '{SILENT_FOR + 1} s'".encode()
        )


def waiting(url: str) -> list[tuple[str, str, str | None]]:
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT status, queue_name, queueing_lock FROM procrastinate_jobs ORDER BY id"
        ).fetchall()


async def test_what_a_dead_node_alone_could_do_is_given_to_somebody_who_says_so(postgres: Postgres) -> None:
    """What it was at, what waited in its queue, and of two jobs with one name only one."""
    mine = own_queue(DEAD)
    first, second = (
        Job("check", "A", 1, mine, "account:x", "run:A:1"),
        Job("check", "B", 2, mine, "account:x", "run:B:1"),
    )
    with postgres.database() as url:
        gone, worker = Hands(), Hands()
        worker.open.set()
        async with queue(url, DEAD, "web", gone) as dying:
            await dying.defer([first])
            await until(lambda: gone.begun)
            await dying.defer([second, first])  # the second one of a name waits for the first one's end
            assert len(waiting(url)) == 3
            grown_old(url)
            async with queue(url, ALIVE, "worker", worker) as living:
                assert await living.rescue(alive) == 3
                await until(lambda: {job.case for job in worker.done} == {"A", "B"})
                await until(lambda: not waiting(url))
                assert sorted(job.effect for job in worker.done) == [1, 2]


async def test_a_worker_that_ends_gives_signs_of_life_until_its_last_job_is_done(postgres: Postgres) -> None:
    with postgres.database() as url:
        hands = Hands()
        async with queue(url, ALIVE, "worker", hands) as ending, queue(url, DEAD, "web", None) as other:
            await ending.defer([Job("check", "A", 1, CHECKS, "effect:1", "run:A:1")])
            await until(lambda: hands.begun)
            pausing = asyncio.create_task(ending.pause())
            await asyncio.sleep(0)
            grown_old(url)
            await ending.beat()
            assert await other.rescue(alive) == 0
            hands.open.set()
            await pausing
            assert [job.case for job in hands.done] == ["A"]
            assert waiting(url) == []


async def test_what_does_not_end_in_time_goes_to_others(postgres: Postgres) -> None:
    with postgres.database() as url:
        slow, quick = Hands(), Hands()
        quick.open.set()
        async with queue(url, DEAD, "worker", slow) as ending:
            await ending.defer([Job("check", "A", 1, CHECKS, "effect:1", "run:A:1")])
            await until(lambda: slow.begun)
            began = time.monotonic()
            await ending.pause()
            assert time.monotonic() - began < 2.5
            async with queue(url, ALIVE, "worker", quick):
                await until(lambda: quick.done)
            assert slow.done == []


async def test_a_job_that_failed_is_not_put_back_beside_one_of_its_name(postgres: Postgres) -> None:
    """The database would refuse it, and the job be taken for one under way for ever."""
    turns = itertools.count()

    def act(_: Job) -> None:
        if next(turns) == 0:
            raise StoreError("away")

    with postgres.database() as url:
        hands = Hands(act)
        async with queue(url, ALIVE, "web", hands) as one:
            job = Job("deliver", "A", 0, CHAT, "case:A", "deliver:A")
            await one.defer([job])
            await until(lambda: hands.begun)
            await one.defer([job])
            hands.open.set()
            await until(lambda: hands.done)
            await until(lambda: not waiting(url))


async def test_without_other_nodes_the_store_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.queue.local._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("bot.queue.local._LONGEST_PAUSE", 0.001)
    turns = itertools.count()

    def act(_: Job) -> None:
        if next(turns) < 50:
            raise StoreError("full")

    hands = Hands(act)
    hands.open.set()
    local = LocalQueue(time.time)
    await local.start(hands.work)
    await local.defer([Job("deliver", "A")])
    await until(lambda: hands.done)
    await local.close(1)


class Moody(Desk):
    """A platform whose posting fails with this, so many times."""

    error: Exception = StoreError("away")

    async def _take(self, kind, key, message) -> None:
        if self.fail:
            self.fail -= 1
            raise self.error
        await super()._take(kind, key, message)


async def test_a_message_is_not_given_up_because_the_store_was_away(
    office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.queue.local._FIRST_PAUSE", 0.001)
    monkeypatch.setattr("handlers.delivery._FIRST_PAUSE", 0.001)
    desk = Moody(fail=8)
    async with office(desk=desk) as here:
        await _helped(here)
        assert await here.store.open_effects() == []


async def test_a_person_out_of_reach_is_tried_once(office: Open) -> None:
    desk = Moody(fail=1)
    desk.error = Unreachable("T0001")
    async with office(desk=desk) as here:
        await here.say("help", "e1")
        await here.talk.settle()
        assert desk.names() == []
        assert await here.store.open_effects() == []


async def _helped(here: Office) -> None:
    await here.say("help", "e1")
    await here.desk.begins("help")
    await here.talk.settle()
