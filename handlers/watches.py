"""Watches: what fails and needs no secret is checked again and again, until it works or the time for it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.core.case import Case
from bot.core.dialogue import Mind
from bot.core.events import Watch
from bot.core.model import Report
from bot.engine.check import Check, Network
from bot.engine.run import run
from bot.faults import own_fault
from handlers.delivery import Due

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Span:
    """How often one looks, and for how long; seconds."""

    every: float
    whole: float


class Watches:
    """The watches of this process. `ended` hears of each end, and whether it works again."""

    def __init__(
        self,
        network: Network,
        mind: Mind,
        span: Span,
        clock: Callable[[], float],
        ended: Callable[[Due, bool], Awaitable[None]],
    ) -> None:
        self._network, self._mind, self._span, self._clock, self._ended = network, mind, span, clock, ended
        self._tasks: dict[str, tuple[Due, asyncio.Task[None]]] = {}

    def begin(self, due: Due, watch: Watch, case: Case) -> None:
        """Watch from when it was asked for, also where another process began it."""
        task = asyncio.create_task(self._watch(due, watch, case))
        self._tasks[case.id] = (due, task)
        task.add_done_callback(lambda _: self._tasks.pop(case.id, None))

    def stop(self, case: str) -> Due | None:
        """End a case's watch; the effect that asked for it, where there was one."""
        found = self._tasks.pop(case, None)
        if found is None:
            return None
        found[1].cancel()
        return found[0]

    async def close(self) -> None:
        """The process ends; open watches are taken up by the next one."""
        tasks = [task for _, task in self._tasks.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, due: Due, watch: Watch, case: Case) -> None:
        until = due.created + self._span.whole
        while True:
            gone = self._clock() - due.created
            pause = self._span.every - gone % self._span.every
            if self._clock() + pause > until:
                await asyncio.sleep(max(0.0, until - self._clock()))
                return await self._ended(due, False)
            await asyncio.sleep(pause)
            if await self._works(watch, case):
                return await self._ended(due, True)

    async def _works(self, watch: Watch, case: Case) -> bool:
        """One look. A fault of the bot's own is no news."""
        wisdom = self._mind.wisdom(watch.request.lang)
        try:
            report = await run(Check(case.id, watch.request, wisdom, self._network, None, case.admin))
        except Exception as error:  # noqa: BLE001 - the next look may go better
            _log.error("a look of a watch failed", case=case.id, fault=own_fault(error))
            return False
        return recovered(report, watch.failing_step)


def recovered(report: Report, failing_step: str) -> bool:
    """Whether the step that failed does not any more."""
    return any(step.id == failing_step and step.status in ("pass", "warn") for step in report.steps)
