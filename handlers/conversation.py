"""From an event to what comes of it: seen once, decided by the dialogue, stored with its effects, then carried out.

Case, event id and effects are stored in one transaction (the effects are the outbox), so that a redelivered event has
no second effect and a crash loses none. Jobs carry the effects out, here or on another node. An effect is open until
that is done; a run until its end was told, an offer to type a secret and a watch for as long as they live. What is open
without a job therefore tells what a crash cut off.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any
from weakref import WeakValueDictionary

import structlog

from bot.core.case import Case, case_from_json, case_to_json
from bot.core.codec import to_json
from bot.core.dialogue import Mind, advance
from bot.core.events import Amend, Effect, Event, Expired, ForgetSecret, Post, SecretTaken, StartCheck, WatchEnded
from bot.core.limits import read_span
from bot.core.message import Message
from bot.core.secret import Secret
from bot.engine.check import Network
from bot.queue.job import Job, Queue
from bot.settings import Settings
from bot.store.rows import CaseRow, EffectRow, OfferClosed, StaleCase
from bot.store.store import Store
from bot.store.vault import Vault
from handlers.beside import Beside
from handlers.calm import Calm
from handlers.delivery import Delivery
from handlers.effects import Effects, Pages
from handlers.jobs import Due, Rules, due, expire_job, handle_on, jobs_of, lost_jobs
from handlers.offers import Offers
from handlers.port import Port, Surface
from handlers.runs import Runs
from handlers.watches import Watches

SWEEP_EVERY, SWEPT_AGE = 60.0, 120.0
"""Seconds between two searches for effects without a job, and how old those are at least."""
_STALE_TRIES = 20
_ORDERED_WITHIN = 30.0
"""Seconds within which the run that a secret was taken for is stored, or has failed to be."""
_log = structlog.get_logger(__name__)


class IdTaken(ValueError):  # noqa: N818 - nothing is wrong
    """The id of a new case is somebody else's: take another one."""


class Conversation:
    """All cases, as one node sees them.

    A case's `surface` names its platform: one of the `ports`, or one that is served `elsewhere`, by other nodes.
    """

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        store: Store,
        vault: Vault,
        queue: Queue,
        mind: Mind,
        network: Network,
        ports: Mapping[str, Port],
        settings: Settings,
        clock: Callable[[], float] = time.time,
        node: str = "here",
        elsewhere: Mapping[str, Surface] = MappingProxyType({}),
    ) -> None:
        self._store, self._vault, self._queue, self._mind = store, vault, queue, mind
        self._surfaces: Mapping[str, Surface] = {**elsewhere, **ports}
        self._clock = clock
        every, whole = read_span(settings.watch.every), read_span(settings.watch.for_)
        self._rules = Rules(node, settings.secrets.ttl, every, whole)
        pages = Pages(settings.web.origin, settings.secret_entry == "modal")  # noqa: S105 - how, not what
        self.offers, self.calm = Offers(store, settings.secrets.ttl, clock), Calm()
        self._beside = Beside(store, network, mind, settings, clock, self._surfaces, self.handle, self.calm)
        effects = Effects(store, vault, queue, mind, ports, pages, self.offers, self._beside, self.calm, clock)
        self._delivery = Delivery(store, effects)
        self._runs = Runs(store, vault, network, mind, self._take, self._beside, clock)
        admits = self._beside.admits_look
        self._watches = Watches(store, queue, network, mind, self._rules, clock, admits, self._watch_ended)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> None:
        """Go on where the last process ended. Where jobs end with their process, runs were cut off: say so."""
        await self._queue.start(
            {
                "deliver": self._delivery.deliver,
                "check": self._runs.check,
                "watch": self._watches.look,
                "expire": self._expire,
            }
        )
        if self._queue.lasting:
            return
        left = _known(await self._store.open_effects())
        await self._queue.defer(
            jobs_of((one for one in left if not isinstance(one.effect, StartCheck)), self._rules, self._clock())
        )
        for one in left:
            if isinstance(one.effect, StartCheck):
                await self._runs.interrupted(one, one.effect)

    async def sweep(self, age: float) -> None:
        """Give what has been open for `age` seconds a job again, for the case that its own was lost."""
        left = _known(await self._store.open_effects(before=self._clock() - age))
        await self._queue.restore(lost_jobs(left, self._rules, self._clock()))

    async def settle(self) -> None:
        """Until what was decided so far is shown."""
        await self._queue.settle()

    async def stop(self, grace: float) -> None:
        """Let what is under way end within `grace` seconds; the rest is taken up by others, or at the next start."""
        try:
            await self._queue.close(grace)
        finally:
            self._vault.close()

    async def handle(self, event_id: str, case: Case | str, event: Event, *, said: Message | None = None) -> bool:
        """Take an event of a case (a stored one by its id, or a new one) once; False where it was seen before.

        `said` is how the surface shows what the person did; it is posted before the answer. Raises StoreError.
        """
        first = (Post(f"said:{event_id}", said),) if said is not None else ()
        return await self._take(event_id, case, (event,), first)

    async def take_secret(self, token: str, secret: Secret) -> bool:
        """Spend an offer for the secret that was typed for it; False, and the secret is wiped, where it is not open."""
        offer = await self.offers.find(token)
        if offer is None:
            secret.wipe()
            return False
        handle, ordered = self._vault.put(secret, offer.case_id, self._clock()), False
        taken = SecretTaken(handle_on(self._rules.node, handle))
        try:
            ordered = await self._take(f"secret:{handle}", offer.case_id, (taken,), spend=token)
        except OfferClosed:
            pass  # somebody was faster
        finally:
            if not ordered:  # where the store has failed: a run that was ordered all the same says what it lacks
                self._vault.forget_one(handle)
        return ordered

    async def wipe(self) -> None:
        """Wipe secrets that are too old, and those of runs that were stopped, maybe by another node."""
        now = self._clock()
        self._vault.expire(now)
        for handle, case in self._vault.waiting(now - _ORDERED_WITHIN):
            left = (one.effect for one in _known(await self._store.open_effects(case)))
            if handle_on(self._rules.node, handle) not in {e.handle for e in left if isinstance(e, StartCheck)}:
                self._vault.forget_one(handle)

    async def _take(
        self,
        event_id: str,
        case: Case | str,
        events: Sequence[Event],
        first: tuple[Effect, ...] = (),
        spend: str | None = None,
    ) -> bool:
        name = case if isinstance(case, str) else case.id
        async with self._locks.setdefault(name, asyncio.Lock()):
            for _ in range(_STALE_TRIES):
                row = await self._store.case(name)
                known = case_from_json(row.state) if row is not None else case
                if isinstance(known, str):
                    return False
                if isinstance(case, Case) and case.person != known.person:
                    raise IdTaken(f"the id {name} of a new case is somebody else's")
                after, effects = self._decide(known, events)
                changed = _case_row(after, row, self._clock())
                try:
                    return await self._keep(event_id, changed, (*first, *effects), spend)
                except StaleCase:
                    continue  # another process was faster: decide again on what it made of the case
        raise RuntimeError("a case was changed by others again and again")

    def _decide(self, case: Case, events: Iterable[Event]) -> tuple[Case, list[Effect]]:
        """The dialogue's answer to events that came together; of several states of a message only the last stays."""
        effects: list[Effect] = []
        surface = self._surfaces.get(case.surface)
        abilities, case = self._beside.abilities(surface), replace(case, admin=self._beside.admin(case, surface))
        for event in events:
            case, more = advance(case, event, self._mind, abilities)
            newer = {effect.key for effect in more if isinstance(effect, Amend)}
            effects = [e for e in effects if not (isinstance(e, Amend) and e.key in newer)] + list(more)
        return case, effects

    async def _keep(self, event_id: str, case: CaseRow, effects: Sequence[Effect], spend: str | None) -> bool:
        """Store what an event comes to, with the jobs for it; False where it was seen before."""
        together = self._enqueue if self._queue.transactional else None
        kept = [to_json(effect) for effect in effects]
        withdraw = any(isinstance(effect, ForgetSecret) for effect in effects)
        rows = await self._store.take(event_id, case, kept, spend=spend, withdraw=withdraw, enqueue=together)
        if rows and together is None:
            await self._enqueue(rows)
        self._delivery.look(case.id)
        return rows is not None

    async def _enqueue(self, rows: Sequence[EffectRow], connection: Any = None) -> None:
        await self._queue.defer(jobs_of(map(due, rows), self._rules, self._clock()), connection)

    async def _expire(self, job: Job) -> None:
        """An offer has run out, unless there is a later one by now; then that one's end is waited for."""
        row = await self._store.open_effect(job.effect)
        if row is None:
            return
        until = await self.offers.open_until(job.case)
        if until is not None:
            await self._queue.defer([expire_job(due(row), until)])
            return
        case = await self._store.case(job.case)
        if case is not None and case_from_json(case.state).offered:
            await self.handle(f"expired:{job.effect}", job.case, Expired())
        await self._store.effects_done([job.effect], self._clock())

    async def _watch_ended(self, asked: Due, recovered: bool) -> None:
        await self.handle(f"watched:{asked.id}", asked.case, WatchEnded(recovered))


def _known(rows: Iterable[EffectRow]) -> list[Due]:
    """What this version of the program can read: what another one has left holds nobody else up."""
    known = []
    for row in rows:
        try:
            known.append(due(row))
        except (KeyError, TypeError):
            _log.error("something open is of another version of the program", case=row.case_id)
    return known


def _case_row(case: Case, before: CaseRow | None, now: float) -> CaseRow:
    created, version = (before.created, before.version) if before is not None else (now, 0)
    return CaseRow(case.id, case.person, case.surface, case.place, case_to_json(case), created, now, version)
