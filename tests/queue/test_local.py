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
