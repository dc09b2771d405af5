"""What a case has to show: in order, and of several states of one message only the newest, not too often."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping, Sequence

import structlog

from bot import metrics
from bot.core.case import Case
from bot.core.events import Amend, Effect, ForgetSecret, OfferSecret, Post, Share, Support
from bot.queue.job import Job
from bot.store.rows import StoreError
from bot.store.store import Store
from handlers.effects import Effects
from handlers.jobs import ELSEWHERE, Due, due, overtaken
from handlers.port import Away, Unreachable

_TRIES = 4
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 30.0
_PATIENCE = 3 * 86_400.0
"""Seconds for which a message waits for a platform that is away: longer than a weekend."""
_ONCE = (Share, ForgetSecret)
"""Effects that would be shown twice if they were carried out twice, or end what was offered later."""
_COUNTED: Mapping[type[Effect], metrics.DeliveryKind] = {
    Post: "post",
    Amend: "amend",
    Share: "share",
    OfferSecret: "offer",
    Support: "post",
}
_log = structlog.get_logger(__name__)


class Delivery:
    """Runs for one case at a time, on whichever node; what is open is in the store."""

    def __init__(self, store: Store, effects: Effects) -> None:
        self._store, self._effects = store, effects
        self._news: dict[str, asyncio.Event] = {}

    def look(self, case: str) -> None:
        """There is more to show: a delivery that pauses looks at once."""
        if (news := self._news.get(case)) is not None:
            news.set()

    async def deliver(self, job: Job) -> None:
        """Show what is open until nothing is. A state of a message that comes too soon waits, the rest goes ahead."""
        news = self._news[job.case] = asyncio.Event()
        settled: set[int] = set()
        try:
            while dues := await self._open(job.case, settled):
                news.clear()
                pause = await self._round(await self._effects.case(job.case), dues, settled)
                if pause > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause):
                            await news.wait()
        finally:
            self._news.pop(job.case, None)

    async def _open(self, case: str, settled: set[int]) -> list[Due]:
        dues = [due(row) for row in await self._store.open_effects(case) if row.id not in settled]
        return [one for one in dues if not isinstance(one.effect, ELSEWHERE)]

    async def _round(self, case: Case | None, dues: Sequence[Due], settled: set[int]) -> float:
        """Carry out what may be carried out now; the seconds until something more may be.

        What is done is noted at the end: whoever does it again sees that it was shown, but for a few.
        """
        old = list(overtaken(dues))
        finished, pauses = list(old), [0.0]
        for one in dues:
            if one in old:
                continue
            if case is not None and isinstance(one.effect, Amend):
                pause = await self._effects.pause(case, one.effect)
                if pause > 0:
                    pauses.append(pause)
                    continue
            await self._try(case, one)
            settled.add(one.id)
            if isinstance(one.effect, _ONCE):
                await self._done([one])
            elif not isinstance(one.effect, OfferSecret):  # it is open as long as the offer is
                finished.append(one)
        await self._done(finished)
        return max(pauses)

    async def _try(self, case: Case | None, due: Due) -> None:
        """Act. What cannot be shown for days is given up: the rest of the talk goes on. Raises StoreError."""
        if case is None:
            return  # erased meanwhile
        ok = False
        try:
            async with asyncio.timeout(_PATIENCE):
                ok = await self._insist(case, due)
        except TimeoutError:
            _log.error("a platform was away for too long", case=due.case)
        _count(case, due, ok=ok)

    async def _insist(self, case: Case, due: Due) -> bool:
        """Act, with pauses between tries; whether it was done. What fails again and again is given up.

        Where a platform is away it is waited for; where the store is, the whole job is tried again. Raises StoreError.
        """
        turn, pause = 0, _FIRST_PAUSE
        while turn < _TRIES:
            try:
                await self._effects.carry_out(case, due)
            except StoreError:
                raise
            except Unreachable as error:
                _log.info("a person cannot be reached any more", case=due.case, why=str(error))
                return False
            except Away:
                _log.info("a message waits for its platform", case=due.case)
            except Exception as error:  # noqa: BLE001 - one message must not end the conversation
                _log.error("a message could not be delivered", case=due.case, turn=turn, fault=metrics.fault(error))
                turn += 1
            else:
                return True
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)
        return False

    async def _done(self, dues: Iterable[Due]) -> None:
        await self._store.effects_done([one.id for one in dues], self._effects.now())


def _count(case: Case, due: Due, *, ok: bool) -> None:
    if (kind := _COUNTED.get(type(due.effect))) is not None:
        metrics.delivered(case.surface, kind, ok=ok)
