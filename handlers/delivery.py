"""Messages on their way to a platform: in order within a case, and of several states of one message only the newest."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.core.codec import from_json
from bot.core.events import Amend, Effect
from bot.faults import own_fault
from bot.store.rows import EffectRow

_TRIES = 4
_FIRST_PAUSE = 0.25
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Due:
    """An effect of the outbox that is to be carried out."""

    id: int
    case: str
    effect: Effect
    created: float


def due(row: EffectRow) -> Due:
    return Due(row.id, row.case_id, from_json(row.effect), row.created)


class Lane:
    """One case's messages. Its task lives only while something waits.

    `show` carries one effect out; `shown` is told of it, and of those that a newer state of the same message overtook.
    """

    def __init__(self, show: Callable[[Due], Awaitable[None]], shown: Callable[[Due], Awaitable[None]]) -> None:
        self._show, self._shown = show, shown
        self._waiting: deque[Due] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, due: Due) -> None:
        self._waiting.append(due)
        if self.idle:
            self._task = asyncio.create_task(self._run())

    @property
    def idle(self) -> bool:
        return self._task is None or self._task.done()

    async def wait(self) -> None:
        """Until nothing waits any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """Leave what waits to the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        while self._waiting:
            due = self._waiting.popleft()
            if not self._overtaken(due):
                await self._try(self._show, due)
            await self._try(self._shown, due)

    def _overtaken(self, due: Due) -> bool:
        return isinstance(due.effect, Amend) and any(
            isinstance(later.effect, Amend) and later.effect.key == due.effect.key for later in self._waiting
        )

    async def _try(self, act: Callable[[Due], Awaitable[None]], due: Due) -> None:
        """Act, with pauses between tries. What fails again and again is given up: the rest of the talk goes on."""
        for turn in range(_TRIES):
            try:
                return await act(due)
            except Exception as error:  # noqa: BLE001 - one message must not end the conversation
                _log.error("a message could not be delivered", case=due.case, turn=turn, fault=own_fault(error))
            await asyncio.sleep(_FIRST_PAUSE * 2**turn)
        return None
