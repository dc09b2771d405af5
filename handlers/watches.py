"""Watches: what fails and needs no secret is checked again and again, until it works or the time for it is over."""

import functools
from collections.abc import Awaitable, Callable

import structlog

from bot import metrics
from bot.core.case import Case, case_from_json
from bot.core.dialogue import Mind
from bot.core.events import Watch
from bot.core.model import Report, Request
from bot.engine.check import Check, Network, NotAdmitted
from bot.engine.run import run
from bot.queue.job import Job, Queue
from bot.store.store import Store
from handlers.jobs import Due, Rules, due, look_job

_log = structlog.get_logger(__name__)


class Watches:
    """`admits` says whether servers may be looked at now; `told` hears of each end, and whether it works again."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        store: Store,
        queue: Queue,
        network: Network,
        mind: Mind,
        rules: Rules,
        clock: Callable[[], float],
        admits: Callable[[Case, Request, frozenset[str]], Awaitable[bool]],
        told: Callable[[Due, bool], Awaitable[None]],
    ) -> None:
        self._store, self._queue, self._network, self._mind = store, queue, network, mind
        self._rules, self._clock, self._admits, self._told = rules, clock, admits, told

    async def look(self, job: Job) -> None:
        """One look, unless the watch was ended; then the next one, or the end."""
        row = await self._store.open_effect(job.effect)
        case = await self._store.case(job.case)
        asked = due(row) if row is not None else None
        if asked is None or case is None or not isinstance(asked.effect, Watch):
            return
        over = self._clock() >= asked.created + self._rules.watch_whole
        works = not over and await self._works(asked.effect, case_from_json(case.state))
        if over or works:
            await self._told(asked, works)
            await self._store.effects_done([asked.id], self._clock())
        else:
            await self._queue.defer([look_job(asked, self._rules, self._clock())])

    async def _works(self, watch: Watch, case: Case) -> bool:
        """One look. That servers are to be left alone, or a fault of the bot's own, is no news."""
        request = watch.request
        wisdom, admits = self._mind.wisdom(request.lang), functools.partial(self._admits, case, request)
        try:
            if not await admits(frozenset()):
                return False
            report = await run(Check(case.id, request, wisdom, self._network, None, case.admin, admit=admits))
        except NotAdmitted:
            return False
        except Exception as error:  # noqa: BLE001 - the next look may go better
            _log.error("a look of a watch failed", case=case.id, fault=metrics.fault(error))
            return False
        return recovered(report, watch.failing_step)


def recovered(report: Report, failing_step: str) -> bool:
    """Whether the step that failed does not any more."""
    return any(step.id == failing_step and step.status in ("pass", "warn") for step in report.steps)
