"""Checks under way in this process: started, told step by step, stopped. What they come to goes back as events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import structlog

from bot.core.case import Case
from bot.core.events import Event, Finished, Interrupted, StartCheck, StepDone
from bot.core.model import Report, StepResult
from bot.core.secret import Secret
from bot.core.wisdom import Wisdom
from bot.engine.check import Check, Network
from bot.engine.run import run
from bot.faults import own_fault

_log = structlog.get_logger(__name__)

Tell = Callable[[str, str, Sequence[Event]], Awaitable[object]]
"""Takes an event id, a case id and events: what `Conversation` does with what happens in a run."""


@dataclass(frozen=True, slots=True)
class Orders:
    """One run: what is asked, by whom, and the secret where there is one."""

    case: Case
    start: StartCheck
    secret: Secret | None


class Runs:
    """`keep` stores a report before anybody is told of it."""

    def __init__(self, network: Network, tell: Tell, keep: Callable[[Orders, Report], Awaitable[None]]) -> None:
        self._network, self._tell, self._keep = network, tell, keep
        self._tasks: dict[tuple[str, int], asyncio.Task[None]] = {}

    def begin(self, orders: Orders, wisdom: Wisdom) -> asyncio.Task[None]:
        """Start a run; the task ends after its last event was told."""
        name = (orders.case.id, orders.start.run)
        task = asyncio.create_task(self._go_through(orders, wisdom))
        self._tasks[name] = task
        task.add_done_callback(lambda _: self._tasks.pop(name, None))
        return task

    def stop(self, case: str, number: int) -> None:
        """Cancel a run; nothing of it is told any more."""
        if (task := self._tasks.get((case, number))) is not None:
            task.cancel()

    async def close(self, grace: float) -> None:
        """Let runs end within `grace` seconds, then cut them off; the next start says that they were interrupted."""
        tasks = list(self._tasks.values())
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)

    async def _go_through(self, orders: Orders, wisdom: Wisdom) -> None:
        name = f"run:{orders.case.id}:{orders.start.run}"
        try:
            end = await self._checked(orders, wisdom, name)
        except Exception as error:  # noqa: BLE001 - the bot's own fault: the person is told so, and that it is not the server's
            _log.error("a check failed", case=orders.case.id, fault=own_fault(error))
            end = Interrupted(orders.start.run, own_fault=True)
        finally:
            if orders.secret is not None:
                orders.secret.wipe()
        await self._tell(f"{name}:end", orders.case.id, (end,))

    async def _checked(self, orders: Orders, wisdom: Wisdom, name: str) -> Finished:
        steps: asyncio.Queue[StepResult | None] = asyncio.Queue()
        telling = asyncio.create_task(self._tell_steps(orders, name, steps))
        start = orders.start
        try:
            check = Check(
                orders.case.id, start.request, wisdom, self._network, orders.secret, orders.case.admin, on_step=steps.put_nowait
            )
            report = await run(check)
            steps.put_nowait(None)
            await telling
        finally:
            telling.cancel()
        await self._keep(orders, report)
        return Finished(start.run, report)

    async def _tell_steps(self, orders: Orders, name: str, steps: asyncio.Queue[StepResult | None]) -> None:
        """Tell of steps as they finish; those that finished meanwhile are told together. None is the end."""
        told, waiting = 0, [await steps.get()]
        while waiting[-1] is not None:
            while not steps.empty():
                waiting.append(steps.get_nowait())
            events = tuple(StepDone(orders.start.run, step) for step in waiting if step is not None)
            await self._tell(f"{name}:step:{told}", orders.case.id, events)
            told += len(events)
            waiting = waiting[-1:] if waiting[-1] is None else [await steps.get()]
