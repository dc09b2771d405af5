"""From an event to what comes of it: seen once, decided by the dialogue, stored with its effects, then carried out.

Case, event id and effects are stored in one transaction (the effects are the outbox), so that a redelivered event has no
second effect and a crash loses none. Two effects stay open for as long as they live: a run until its end was told, an
offer to type a secret until it is over. What is open at the start of the process therefore tells what a crash cut off.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from weakref import WeakValueDictionary

import structlog

from bot.core import speech
from bot.core.case import Case, case_from_json, case_to_json
from bot.core.codec import from_json, to_json
from bot.core.dialogue import Abilities, Mind, advance
from bot.core.events import (
    Amend,
    Effect,
    Event,
    ForgetSecret,
    Interrupted,
    OfferSecret,
    Post,
    StartCheck,
    StopCheck,
    Whisper,
)
from bot.core.message import Message
from bot.core.model import Report
from bot.core.secret import Secret
from bot.engine.check import Network
from bot.settings import Settings
from bot.store.rows import CaseRow, StaleCase
from bot.store.store import Store
from bot.store.vault import Vault
from handlers.delivery import Due, Lane
from handlers.offers import Offers
from handlers.port import Port
from handlers.runs import Orders, Runs

_STALE_TRIES = 20
_log = structlog.get_logger(__name__)


class Conversation:
    """All cases of this process. `ports` are the platforms by name; a case's `surface` names its own."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        mind: Mind,
        network: Network,
        ports: Mapping[str, Port],
        settings: Settings,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._vault, self._mind, self._ports, self._clock = store, vault, mind, ports, clock
        self._abilities = Abilities(secrets=settings.secret_entry != "off")
        self.offers = Offers(store, settings.web.origin, settings.secrets.ttl, clock, self.handle)
        self._runs = Runs(network, self._handle_all, self._keep)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._lanes: dict[str, Lane] = {}
        self._seen = 0
        """The last effect of the outbox that this process has taken up."""

    async def start(self) -> None:
        """Go on where the last process ended: deliver what waits, say which runs were cut off, let offers run out."""
        left = [_due(row) for row in await self._store.open_effects()]
        self._seen = max((due.id for due in left), default=0)
        for due in left:
            match due.effect:
                case StartCheck(run=run):
                    await self.handle(f"interrupted:{due.case}:{run}", due.case, Interrupted(run))
                    await self._done(due)
                case _:
                    await self._carry_out(due)

    async def stop(self, grace: float) -> None:
        """Let runs and messages end within `grace` seconds; what is left is taken up at the next start."""
        await self._runs.close(grace)
        self.offers.close()
        lanes = [lane for lane in self._lanes.values() if not lane.idle]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                for lane in lanes:
                    await lane.wait()
        for lane in lanes:
            lane.stop()
        self._vault.close()

    async def handle(self, event_id: str, case: Case | str, event: Event, *, said: Message | None = None) -> bool:
        """Take an event of a case (a stored one by its id, or a new one) once; False where it was seen before.

        `said` is how the surface shows what the person did; it is posted before the answer.
        """
        first = (Post(f"said:{event_id}", said),) if said is not None else ()
        return await self._take(event_id, case, (event,), first)

    async def take_secret(self, token: str, secret: Secret) -> bool:
        """Spend an offer for the secret that was typed for it; False, and the secret is wiped, where it is not open."""
        offer = await self.offers.spend(token)
        if offer is None:
            secret.wipe()
            return False
        handle = self._vault.put(secret, offer.case_id, self._clock())
        await self.handle(f"secret:{handle}", offer.case_id, self.offers.taken(handle))
        return True

    async def _handle_all(self, event_id: str, case: str, events: Sequence[Event]) -> bool:
        return await self._take(event_id, case, events)

    async def _take(
        self, event_id: str, case: Case | str, events: Sequence[Event], first: tuple[Effect, ...] = ()
    ) -> bool:
        name = case if isinstance(case, str) else case.id
        async with self._lock(name):
            for _ in range(_STALE_TRIES):
                row = await self._store.case(name)
                if row is None and isinstance(case, str):
                    return False
                known = case_from_json(row.state) if row is not None else case
                assert isinstance(known, Case)
                after, effects = self._decide(known, events)
                try:
                    changed = _row(after, row, self._clock())
                    taken = await self._store.take(event_id, changed, [to_json(e) for e in (*first, *effects)])
                except StaleCase:
                    continue  # another process was faster: decide again on what it made of the case
                if taken:
                    await self._take_up(name)
                return taken
        raise RuntimeError("a case was changed by others again and again")

    def _decide(self, case: Case, events: Iterable[Event]) -> tuple[Case, list[Effect]]:
        """The dialogue's answer to events that came together; of several states of a message the last one stays."""
        effects: list[Effect] = []
        for event in events:
            case, more = advance(case, event, self._mind, self._abilities)
            newer = {effect.key for effect in more if isinstance(effect, Amend)}
            effects = [e for e in effects if not (isinstance(e, Amend) and e.key in newer)] + list(more)
        return case, effects

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _take_up(self, case: str) -> None:
        """Carry out what this process has just stored for a case."""
        for row in await self._store.open_effects(case):
            if row.id > self._last.get(case, 0):
                self._last[case] = row.id
                await self._carry_out(_due(row))

    async def _carry_out(self, due: Due) -> None:
        """What stays within the process happens at once; what is shown waits for its turn."""
        match due.effect:
            case StartCheck():
                await self._begin(due, due.effect)
            case StopCheck(run=run):
                self._runs.stop(due.case, run)
                await self._done(due)
            case ForgetSecret():
                self._vault.forget(due.case)
                await self.offers.kill(due.case)
                await self._done(due)
            case _:
                self._lane(due.case).add(due)

    def _lane(self, case: str) -> Lane:
        for name in [name for name, lane in self._lanes.items() if lane.idle and name != case]:
            del self._lanes[name]
        return self._lanes.setdefault(case, Lane(self._show, self._done))

    async def _done(self, due: Due) -> None:
        await self._store.effect_done(due.id, self._clock())
