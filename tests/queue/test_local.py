"""The queue of one process: jobs of one lock are done one at a time, whatever becomes of those that wait."""

import asyncio
from collections import Counter
from dataclasses import replace

from bot.queue.job import Job
from bot.queue.local import LocalQueue
from bot.store.nodes import steady

ACCOUNT = Job("check", "CASE-1", 1, "node:here", "account:one", "run:CASE-1:1")


class Runs:
    """Work that lasts until it is let go."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.most: Counter[str | None] = Counter()
        self.go = asyncio.Event()
        self._under_way = 0

    async def check(self, job: Job) -> None:
        self.begun.append(job.case)
        self._under_way += 1
        self.most[job.lock] = max(self.most[job.lock], self._under_way)
        try:
            await self.go.wait()
        finally:
            self._under_way -= 1


async def test_cancelling_one_that_waits_does_not_let_the_next_one_overtake() -> None:
    runs, queue = Runs(), LocalQueue(steady())
    await queue.start({"check": runs.check})
    jobs = [replace(ACCOUNT, case=f"CASE-{n}", effect=n, name=f"run:CASE-{n}:1") for n in (1, 2, 3)]
    await queue.defer(jobs)
    while not runs.begun:
        await asyncio.sleep(0)
    await queue.stop("run:CASE-2:1")
    for _ in range(20):
        await asyncio.sleep(0)
    assert runs.begun == ["CASE-1"]
    runs.go.set()
    while len(runs.begun) < 2:
        await asyncio.sleep(0)
    await queue.close(1)
    assert runs.begun == ["CASE-1", "CASE-3"]
    assert set(runs.most.values()) == {1}


async def test_what_has_a_job_gets_no_other_one() -> None:
    """Whether it is being carried out, waits for its turn, or for its time."""
    runs, now = Runs(), [1000.0]
    queue = LocalQueue(lambda: now[0])
    await queue.start({"check": runs.check})
    later = replace(ACCOUNT, case="CASE-3", effect=3, name="run:CASE-3:1", lock=None, at=now[0] + 0.2)
    jobs = [ACCOUNT, replace(ACCOUNT, case="CASE-2", effect=2, name="run:CASE-2:1"), later]
    await queue.defer(jobs)
    while not runs.begun:
        await asyncio.sleep(0)
    now[0] += 1.0  # what is late is not put off
    await queue.restore([*jobs[:2], replace(later, at=now[0] + 600)])
    runs.go.set()
    async with asyncio.timeout(5):
        while len(runs.begun) < 3:
            await asyncio.sleep(0.01)
    await queue.close(1)
    assert sorted(runs.begun) == ["CASE-1", "CASE-2", "CASE-3"]


async def test_what_has_no_job_gets_one() -> None:
    runs, queue = Runs(), LocalQueue(steady())
    await queue.start({"check": runs.check})
    await queue.restore([ACCOUNT])
    while not runs.begun:
        await asyncio.sleep(0)
    runs.go.set()
    await queue.close(1)
    assert runs.begun == ["CASE-1"]
