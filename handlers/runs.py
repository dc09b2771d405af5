"""Checks under way in this process: started, told step by step, stopped. What they come to goes back as events."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from bot.core.case import Case
from bot.core.cloud import DeviceCode, SignIn
from bot.core.dialogue import Mind
from bot.core.events import CodeGiven, Event, Finished, Interrupted, StartCheck, StepDone
from bot.core.model import Report, StepResult
from bot.core.secret import Secret
from bot.engine.check import Check, Network, NotAdmitted
from bot.engine.run import run
from bot.faults import own_fault
from handlers.delivery import Due

_log = structlog.get_logger(__name__)

Tell = Callable[[str, str, Sequence[Event]], Awaitable[object]]
"""Takes an event id, a case id and events that happened in a run."""


class Admission(Protocol):
    """Whether a run may begin, and whether the hosts that it has found may be probed. If not, the person was told."""

    async def admits(self, case: Case, start: StartCheck, task: Due, *, secret: bool) -> bool: ...

    async def admits_hosts(self, case: Case, start: StartCheck, task: Due, hosts: frozenset[str]) -> bool: ...


@dataclass(frozen=True, slots=True)
class Orders:
    """One run: the effect that orders it, whose case it is, and the secret where there is one."""

    due: Due
    start: StartCheck
    case: Case
    secret: Secret | None


class Runs:
    """`tell` takes events, `keep` stores a report before anybody is told of it, `over` hears that a run has ended."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        network: Network,
        mind: Mind,
        tell: Tell,
        keep: Callable[[Orders, Report], Awaitable[None]],
        over: Callable[[Due], Awaitable[None]],
        admission: Admission,
    ) -> None:
        self._network, self._mind, self._tell, self._keep, self._over = network, mind, tell, keep, over
        self._admission = admission
        self._tasks: dict[tuple[str, int], tuple[Orders, asyncio.Task[None]]] = {}

    def begin(self, orders: Orders) -> None:
        """Start a run. Its secret is wiped at the end, whatever the end is."""
        name = (orders.case.id, orders.start.run)
        task = asyncio.create_task(self._go_through(orders))
        self._tasks[name] = (orders, task)
        task.add_done_callback(lambda done: self._ended(name, done))

    async def stop(self, case: str, number: int) -> None:
        """Cancel a run; nothing of it is told any more."""
        if (found := self._tasks.get((case, number))) is not None:
            orders, task = found
            task.cancel()
            await self._over(orders.due)

    async def close(self, grace: float) -> None:
        """Let runs end within `grace` seconds, then cut them off; the next start says that they were interrupted."""
        tasks = [task for _, task in self._tasks.values()]
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=grace)
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    def __len__(self) -> int:
        return len(self._tasks)

    def _ended(self, name: tuple[str, int], task: asyncio.Task[None]) -> None:
        self._tasks.pop(name, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("the end of a check could not be told", case=name[0], fault=own_fault(error))

    async def _go_through(self, orders: Orders) -> None:
        name = f"run:{orders.case.id}:{orders.start.run}"
        end: Event = Interrupted(orders.start.run)
        try:
            if orders.secret is not None or orders.start.handle is None:  # otherwise the secret was lost on the way
                secret = orders.secret is not None
                if not await self._admission.admits(orders.case, orders.start, orders.due, secret=secret):
                    raise NotAdmitted  # noqa: TRY301 - one end for both
                end = Finished(orders.start.run, await self._checked(orders, name))
        except NotAdmitted:
            return await self._over(orders.due)
        except Exception as error:  # noqa: BLE001 - the bot's own fault: the person is told so, and that it is not the server's
            _log.error("a check failed", case=orders.case.id, fault=own_fault(error))
            end = Interrupted(orders.start.run, own_fault=True)
        finally:
            if orders.secret is not None:
                orders.secret.wipe()
        await self._tell(f"{name}:end", orders.case.id, (end,))
        return await self._over(orders.due)

    async def _checked(self, orders: Orders, name: str) -> Report:
        steps: asyncio.Queue[StepResult | DeviceCode | None] = asyncio.Queue()
        telling = asyncio.create_task(self._tell_steps(orders, name, steps))
        request = orders.start.request
        check = Check(
            orders.case.id,
            request,
            self._mind.wisdom(request.lang),
            self._network,
            orders.secret,
            orders.case.admin,
            on_step=steps.put_nowait,
            sign_in=self._sign_in(orders, steps.put_nowait),
            admit=lambda hosts: self._admission.admits_hosts(orders.case, orders.start, orders.due, hosts),
        )
        try:
            report = await run(check)
            steps.put_nowait(None)
            await telling
        finally:
            telling.cancel()
            await asyncio.wait([telling])
        await self._keep(orders, report)
        return report

    def _sign_in(self, orders: Orders, show: Callable[[DeviceCode], None]) -> SignIn | None:
        client_id = self._network.client_id if orders.start.sign_in else None
        return SignIn(client_id, show) if client_id and self._network.signs_in else None

    async def _tell_steps(
        self, orders: Orders, name: str, steps: asyncio.Queue[StepResult | DeviceCode | None]
    ) -> None:
        """Tell of steps as they finish; those that finished meanwhile are told together. None is the end."""
        told, waiting = 0, [await steps.get()]
        while waiting[-1] is not None:
            while not steps.empty():
                waiting.append(steps.get_nowait())
            events = tuple(_event(orders.start.run, step) for step in waiting if step is not None)
            await self._tell(f"{name}:step:{told}", orders.case.id, events)
            told += len(events)
            waiting = waiting[-1:] if waiting[-1] is None else [await steps.get()]


def _event(run: int, told: StepResult | DeviceCode) -> StepDone | CodeGiven:
    if isinstance(told, DeviceCode):
        return CodeGiven(run, told.url, told.code, told.minutes)
    return StepDone(run, told)
