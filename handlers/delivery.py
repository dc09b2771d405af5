"""Messages on their way to a platform: in order within a case, and of several states of one message only the newest."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import structlog

from bot.core.events import Amend, Effect
from bot.faults import own_fault

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


class Lane:
    """One case's messages. Its task lives only while something waits.

    `deliver` carries one effect out; `done` is told of it, and of those that a newer state of the same message overtook.
    """

    def __init__(self, deliver: Callable[[Due], Awaitable[None]], done: Callable[[Due], Awaitable[None]]) -> None:
        self._deliver, self._done = deliver, done
        self._waiting: deque[Due] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, due: Due) -> None:
        self._waiting.append(due)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    @property
    def idle(self) -> bool:
        return self._task is None or self._task.done()

    async def wait(self) -> None:
        """Until nothing waits any more."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        while self._waiting:
            due = self._waiting.popleft()
            if not self._overtaken(due):
                await self._try(due)
            await self._done(due)

    def _overtaken(self, due: Due) -> bool:
        return isinstance(due.effect, Amend) and any(
            isinstance(later.effect, Amend) and later.effect.key == due.effect.key for later in self._waiting
        )

    async def _try(self, due: Due) -> None:
        """Carry an effect out. What fails again and again is given up, so that the rest of the talk goes on."""
        for turn in range(_TRIES):
            try:
                return await self._deliver(due)
            except Exception as error:  # noqa: BLE001 - one message must not end the conversation
                _log.error("a message could not be delivered", case=due.case, turn=turn, fault=own_fault(error))
            await asyncio.sleep(_FIRST_PAUSE * 2**turn)
        return None
