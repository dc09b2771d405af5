"""Checks under way in this process, told step by step. What they come to goes back as events."""

import asyncio
import contextlib
import functools
import itertools
import secrets
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol, TypeVar

import structlog

from bot import metrics
from bot.core.case import Case, case_from_json
from bot.core.cloud import DeviceCode, SignIn
from bot.core.dialogue import Mind
from bot.core.events import CodeGiven, Event, Finished, Interrupted, StartCheck, StepDone
from bot.core.model import Lang, Report, StepResult
from bot.core.secret import Secret
from bot.engine.check import Check, Network, NotAdmitted
from bot.engine.run import run
from bot.queue.job import CHECKS, Job
from bot.store.rows import StoreError
from bot.store.store import Store
from bot.store.vault import Vault
from handlers.jobs import Due, due, handle_in_vault, run_name

T = TypeVar("T")
_TELL_EVERY = 0.2
"""Seconds between two tellings of steps: no platform shows more states than that."""
_AT_ONCE = 24
"""Runs of this process that are connected to servers at the same time: more would make everybody wait."""
_OUTAGE, _FIRST_PAUSE, _LONGEST_PAUSE = 30.0, 0.25, 2.0
"""Seconds for which the store may be away during a run without its secret or its outcome being lost."""
_log = structlog.get_logger(__name__)

Tell = Callable[[str, str, Sequence[Event]], Awaitable[object]]
"""Takes an event id, a case id and events that happened in a run."""


class Admission(Protocol):
    """Whether a run may begin, and whether the hosts that it has found may be probed. If not, the person was told."""

    async def admits(self, case: Case, start: StartCheck, task: Due, *, secret: bool) -> bool: ...

    async def admits_hosts(self, case: Case, start: StartCheck, task: Due, hosts: frozenset[str]) -> bool: ...

    async def heed(self, case: Case, report: Report) -> None:
        """Leave the servers alone that ask for it in a report."""
        ...

    def told(self, case: Case, report: Report) -> Report:
        """The report as the case's person may know it."""
        ...


@dataclass(frozen=True, slots=True)
class Orders:
    """One run: the effect that orders it, whose case it is, and the secret where there is one.

    `lost` is whether the node is dead that alone could do it: it held the secret, or the person signed in there.
    """

    due: Due
    start: StartCheck
    case: Case
    secret: Secret | None
    lost: bool = False


class Runs:
    """`tell` takes events; a report is stored before anybody is told of it."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        store: Store,
        vault: Vault,
        network: Network,
        mind: Mind,
        tell: Tell,
        admission: Admission,
        clock: Callable[[], float],
    ) -> None:
        self._store, self._vault, self._network, self._mind, self._tell = store, vault, network, mind, tell
        self._admission, self._clock = admission, clock
        self._turns = asyncio.Semaphore(_AT_ONCE)

    async def check(self, job: Job) -> None:
        """Run the check that an effect orders, unless it was stopped. Its secret is wiped, whatever the end is."""
        row = await self._store.open_effect(job.effect)
        ordered = due(row) if row is not None else None
        if ordered is None or not isinstance(ordered.effect, StartCheck):
            return
        start, case = ordered.effect, await self._store.case(job.case)
        secret = self._vault.take(handle_in_vault(start.handle), self._clock()) if start.handle else None
        try:
            if case is not None:
                with metrics.under_way():
                    lost = secret is None if start.handle else start.sign_in and job.queue == CHECKS
                    await self._go_through(Orders(ordered, start, case_from_json(case.state), secret, lost))
        finally:
            if secret is not None:
                secret.wipe()
        await self._store.effects_done([ordered.id], self._clock())

    async def interrupted(self, ordered: Due, start: StartCheck) -> None:
        """A process has died over a run: say so."""
        await self._tell(f"{run_name(ordered.case, start.run)}:end", ordered.case, (Interrupted(start.run),))
        await self._store.effects_done([ordered.id], self._clock())

    async def _go_through(self, orders: Orders) -> None:
        name = run_name(orders.case.id, orders.start.run)
        end: Event = Interrupted(orders.start.run)
        try:
            if not orders.lost:
                secret = orders.secret is not None
                admits = functools.partial(self._admission.admits, orders.case, orders.start, orders.due, secret=secret)
                if not await _insist(admits):
                    return
                end = Finished(orders.start.run, await self._checked(orders, name))
        except NotAdmitted:
            return
        except StoreError:
            raise  # nothing can be told now: the job is tried again
        except Exception as error:  # noqa: BLE001 - the bot's own fault: the person is told so, and that it is not the server's
            _log.error("a check failed", case=orders.case.id, fault=metrics.fault(error))
            end = Interrupted(orders.start.run, own_fault=True)
        await _insist(lambda: self._tell(f"{name}:end", orders.case.id, (end,)))

    async def _checked(self, orders: Orders, name: str) -> Report:
        news, turn = _News(), AsyncExitStack()
        telling = asyncio.create_task(self._tell_steps(orders, name, news))
        request = orders.start.request
        check = Check(
            orders.case.id,
            request,
            self._mind.wisdom(request.lang),
            self._network,
            None if orders.start.sign_in else orders.secret,
            orders.case.admin,
            on_step=news.add,
            sign_in=self._sign_in(orders, news.add_at_once),
            admit=lambda hosts: self._admits(orders, hosts, turn),
        )
        try:
            async with turn:
                report = await run(check)
        finally:
            news.close()
            await asyncio.wait([telling])
        told = self._admission.told(orders.case, report)
        await _insist(lambda: self._admission.heed(orders.case, report))
        await _insist(lambda: self._keep(orders.due, told, request.lang))
        metrics.checked(report)
        return report

    async def _keep(self, ordered: Due, report: Report, lang: Lang) -> None:
        """Store what came out, unless somebody took this node for dead and has told an end: that one stays."""
        if await self._store.open_effect(ordered.id) is not None:
            await self._store.put_report(report, lang, self._clock())

    async def _admits(self, orders: Orders, hosts: frozenset[str], turn: AsyncExitStack) -> bool:
        """Everybody's discovery comes before anybody's log-in: the first findings are there at once.

        Then runs take turns, except where a person is waited for in between.
        """
        if not await _insist(lambda: self._admission.admits_hosts(orders.case, orders.start, orders.due, hosts)):
            return False
        if not orders.start.sign_in:
            await turn.enter_async_context(self._turns)
        return True

    def _sign_in(self, orders: Orders, show: Callable[[DeviceCode], None]) -> SignIn | None:
        client_id = self._network.client_id if orders.start.sign_in else None
        if not client_id or not self._network.signs_in:
            return None
        return SignIn(client_id, show, grant=orders.secret, registration=self._network.registration)

    async def _tell_steps(self, orders: Orders, name: str, news: "_News") -> None:
        """Tell of steps as they finish, those of a moment together. The report tells of the last ones itself."""
        turn = secrets.token_hex(4)  # a run that is taken up by another node tells its steps anew
        for number in itertools.count():
            if not (told := await news.gather()):
                return
            events = tuple(_event(orders.start.run, one) for one in told)
            tell = functools.partial(self._tell, f"{name}:{turn}:{number}", orders.case.id, events)
            with contextlib.suppress(StoreError):  # the end is told all the same
                await _insist(tell)


async def _insist(act: Callable[[], Awaitable[T]]) -> T:
    """Do it although the store may be away for a while: a secret serves once. Raises StoreError in the end."""
    until, pause = asyncio.get_running_loop().time() + _OUTAGE, _FIRST_PAUSE
    while True:
        try:
            return await act()
        except StoreError:
            if asyncio.get_running_loop().time() + pause > until:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


class _News:
    """What has come up in a run and was not told yet."""

    def __init__(self) -> None:
        self._waiting: list[StepResult | DeviceCode] = []
        self._some, self._hurry, self._over = asyncio.Event(), asyncio.Event(), False
        self._earliest = 0.0

    def add(self, one: StepResult | DeviceCode) -> None:
        self._waiting.append(one)
        self._some.set()

    def add_at_once(self, one: DeviceCode) -> None:
        """The person is waited for."""
        self.add(one)
        self._hurry.set()

    def close(self) -> None:
        """Nothing comes any more; steps that wait need not be told."""
        self._waiting = [one for one in self._waiting if isinstance(one, DeviceCode)]
        self._over = True
        self._some.set()
        self._hurry.set()

    async def gather(self) -> list[StepResult | DeviceCode]:
        """What has come up, not more often than it can be shown; nothing at the end."""
        await self._some.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._earliest):
                await self._hurry.wait()
        gathered, self._waiting = self._waiting, []
        if not self._over:
            self._some.clear()
            self._hurry.clear()
        self._earliest = asyncio.get_running_loop().time() + _TELL_EVERY
        return gathered


def _event(run: int, told: StepResult | DeviceCode) -> StepDone | CodeGiven:
    if isinstance(told, DeviceCode):
        return CodeGiven(run, told.url, told.code, told.minutes)
    return StepDone(run, told)
