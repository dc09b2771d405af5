"""The queue of a bot that is one process. What waits is lost with it, and made anew from the store by the next one."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import nullcontext
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot import metrics
from bot.logs import of_case
from bot.queue.job import CHECKS, WATCHES, Job, Work
from bot.store.rows import StoreError

AT_ONCE: Mapping[str, int] = {CHECKS: 100, WATCHES: 2}
"""Jobs of a queue that run side by side: what nobody waits for stays behind."""
_TRIES = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_log = structlog.get_logger(__name__)


class LocalQueue:
    """See `bot.queue.job.Queue`."""

    transactional = lasting = False

    def __init__(self, clock: Callable[[], float], at_once: Mapping[str, int] = AT_ONCE) -> None:
        self._clock = clock
        self._slots = {queue: asyncio.Semaphore(most) for queue, most in at_once.items()}
        self._work: Work = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._waiting: dict[Job, float] = {}
        """Jobs that are due, and since when."""
        self._tasks: dict[asyncio.Task[None], Job] = {}
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._open = True

    async def start(self, work: Work) -> None:
        self._work = work

    async def defer(self, jobs: Iterable[Job], connection: Any = None) -> None:  # noqa: ARG002 - it has none
        for job in jobs:
            if job.at is not None and (pause := job.at - self._clock()) > 0:
                self._later(job, pause)
            elif self._open:
                self._begin(job)

    async def restore(self, jobs: Iterable[Job]) -> None:
        there = {(job.task, job.case, job.effect) for job in self._tasks.values()}
        gone = [job for job in jobs if (job.task, job.case, job.effect) not in there]
        await self.defer(job for job in gone if _name(job) not in self._timers)

    async def tidy(self) -> None:
        """Nothing is left of what is over."""

    async def stop(self, name: str) -> None:
        if (timer := self._timers.pop(name, None)) is not None:
            timer.cancel()
        for task in [task for task, job in self._tasks.items() if job.name == name]:
            task.cancel()

    async def close(self, grace: float) -> None:
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        until = asyncio.get_running_loop().time() + grace
        while self._tasks and (left := until - asyncio.get_running_loop().time()) > 0:
            await asyncio.wait(self._tasks, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        self._open = False
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def settle(self) -> None:
        """Until everything that is to be shown was shown."""
        while tasks := [task for task, job in self._tasks.items() if job.task == "deliver"]:
            await asyncio.wait(tasks)

    async def pause(self) -> None:
        """There is no other node."""

    async def ready(self) -> None:
        """It always is."""

    async def depth(self) -> Mapping[str, tuple[int, float]]:
        now, found = self._clock(), dict[str, tuple[int, float]]()
        for job, since in self._waiting.items():
            count, oldest = found.get(job.queue, (0, 0.0))
            found[job.queue] = count + 1, max(oldest, now - since)
        return found

    def _later(self, job: Job, pause: float) -> None:
        name = _name(job)
        if (earlier := self._timers.pop(name, None)) is not None:
            earlier.cancel()

        def due() -> None:
            self._timers.pop(name, None)
            self._begin(job)

        self._timers[name] = asyncio.get_running_loop().call_later(pause, due)

    def _begin(self, job: Job) -> None:
        if job in self._waiting:
            return  # it will see what has come since
        self._waiting[job] = self._clock()
        task = asyncio.create_task(self._run(job))
        self._tasks[task] = job
        task.add_done_callback(lambda _: self._ended(task, job))

    def _ended(self, task: asyncio.Task[None], job: Job) -> None:
        del self._tasks[task]
        self._waiting.pop(job, None)

    async def _run(self, job: Job) -> None:
        """Locks and slots are given in the order in which they were asked for."""
        mine = self._locks.setdefault(job.lock, asyncio.Lock()) if job.lock is not None else nullcontext()
        async with mine, self._slots.get(job.queue, nullcontext()):
            await self._try(job)

    async def _try(self, job: Job) -> None:
        """What fails again and again is left to the next sweep; where the store is away it is waited for."""
        self._waiting.pop(job, None)
        pause, left = _FIRST_PAUSE, _TRIES
        while left:
            try:
                with of_case(job.case):
                    return await self._work[job.task](job)
            except StoreError as error:
                metrics.failed(error)
                _log.warning("a job waits for the store", task=job.task, case=job.case, why=str(error))
            except Exception as error:  # noqa: BLE001 - the next try may go better
                left -= 1
                _log.error("a job failed", task=job.task, case=job.case, left=left, fault=metrics.fault(error))
            await asyncio.sleep(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
        return None


def _name(job: Job) -> str:
    return job.name or f"{job.task}:{job.effect}"
