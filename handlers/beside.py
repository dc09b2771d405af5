"""What the conversation does beside messages and runs: meeting people, limits, showing reports to others."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

from bot import metrics
from bot.core import asides
from bot.core.abilities import Abilities, Mind
from bot.core.access import Access, is_admin, may_know
from bot.core.case import Case
from bot.core.codec import to_json
from bot.core.events import Event, Limited, Meet, Met, Share, Shared, StartCheck
from bot.core.model import Report, Request
from bot.core.privilege import neutral
from bot.core.speech import reader
from bot.engine.check import Network
from bot.settings import Settings
from bot.store.store import Store
from bot.store.uses import Uses
from handlers.calm import Calm
from handlers.gate import Gate
from handlers.jobs import Due
from handlers.port import Port, Surface


class Handle(Protocol):
    """The conversation's `handle`."""

    def __call__(self, event_id: str, case: str, event: Event) -> Awaitable[bool]: ...


class Beside:
    """`handle` takes events back into the conversation."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        store: Store,
        network: Network,
        mind: Mind,
        settings: Settings,
        clock: Callable[[], float],
        surfaces: Mapping[str, Surface],
        handle: Handle,
        calm: Calm,
    ) -> None:
        self._store, self._mind, self._settings, self._clock = store, mind, settings, clock
        self._surfaces, self._handle, self._calm = surfaces, handle, calm
        self._network = network
        self._gate = Gate(Uses.beside(store), settings)

    def abilities(self, surface: Surface | None) -> Abilities:
        """What can be done for a case."""
        open_to_all = surface is not None and surface.open_to_all
        access = None if open_to_all else Access(tuple(self._settings.access.domains))
        secrets = self._settings.secret_entry != "off"  # noqa: S105 - how, not what
        share = surface is not None and surface.channels
        page = self._network.registration is not None
        return Abilities(secrets, access, watch=True, sign_in=self._network.signs_in, sign_in_page=page, share=share)

    def admin(self, case: Case, surface: Surface | None) -> bool:
        """Whether the case's person may everything, as the settings say now."""
        if surface is not None and surface.open_to_all:
            return case.admin
        return is_admin(self._settings.access.admins, case.person)

    async def admits(self, case: Case, start: StartCheck, task: Due, *, secret: bool) -> bool:
        """Whether a run may begin; otherwise the person is told."""
        await self._calm.wait()
        return await self._is_free(case, task, await self._gate.admit(case, start, self._clock(), secret=secret))

    async def admits_hosts(self, case: Case, start: StartCheck, task: Due, hosts: frozenset[str]) -> bool:
        """Whether servers that a run has found may be probed; otherwise the person is told."""
        return await self._is_free(case, task, await self._gate.admit_hosts(case, start, hosts, self._clock()))

    async def _is_free(self, case: Case, task: Due, over: Limited | None) -> bool:
        """Whether nothing is over; otherwise the person is told."""
        if over is not None:
            metrics.limited(over.kind)
            await self._handle(f"limited:{task.id}", case.id, over)
        return over is None

    async def admits_look(self, case: Case, request: Request, hosts: frozenset[str]) -> bool:
        """Whether a watch may look at the servers that were typed, or at those that it has found. Nobody is told."""
        return await self._gate.admit_look(case, request, hosts, self._clock())

    async def heed(self, case: Case, report: Report) -> None:
        """Leave the servers alone that ask for it in a report."""
        await self._gate.cool(case, report, self._clock())

    def told(self, case: Case, report: Report) -> Report:
        """The report as the case's person may know it: nobody can open more of it than that."""
        access = self.abilities(self._surfaces.get(case.surface)).access
        return report if may_know(case, access) else neutral(report, reader(case, self._mind.wisdom(case.lang), report))

    async def meet(self, port: Port, case: Case, task: Due, meet: Meet) -> None:
        """Ask the platform who the person is, then go on with what they said."""
        who = await port.introduce(case)
        if who is not None:
            met = Met(meet.first, who.lang, who.address, self.admin(case, port), meet.secret_seen)
            await self._handle(f"met:{task.id}", case.id, met)

    async def share(self, port: Port, case: Case, task: Due, share: Share) -> None:
        """Show the report to others, once, and tell the person how that went."""
        kept = await self._store.report(case.id)
        problem = "gone"
        if kept is not None:
            wisdom, key = self._mind.wisdom(case.lang), f"shown:{task.id}"
            message = asides.shown_to_others(case, kept.report, wisdom, account=share.account)
            again = await self._store.message(case.id, key) is not None
            await self._store.put_message(case.id, case.person, key, to_json(message), self._clock())
            problem = await port.share(case, key, share.channel, message, again=again)
        await self._handle(f"shared:{task.id}", case.id, Shared(problem))
