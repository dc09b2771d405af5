"""From an event to what comes of it: seen once, decided by the dialogue, stored with its effects, then carried out.

Case, event id and effects are stored in one transaction (the effects are the outbox), so that a redelivered event has
no second effect and a crash loses none. Two effects stay open for as long as they live: a run until its end was told,
an offer to type a secret until it is over. What is open when a process starts therefore tells what a crash cut off.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from weakref import WeakValueDictionary

from bot.core import speech
from bot.core.case import Case, case_from_json, case_to_json
from bot.core.codec import to_json
from bot.core.dialogue import Mind, advance
from bot.core.events import (
    Amend,
    Effect,
    Event,
    Expired,
    ForgetSecret,
    Interrupted,
    Meet,
    OfferSecret,
    Post,
    SecretTaken,
    Share,
    StartCheck,
    StopCheck,
    StopWatch,
    Watch,
    Whisper,
)
from bot.core.message import Button, Buttons, Message
from bot.core.model import Report
from bot.core.secret import Secret
from bot.engine.check import Network
from bot.settings import Settings
from bot.store.rows import CaseRow, StaleCase
from bot.store.store import Store
from bot.store.vault import Vault
from handlers.beside import Beside
from handlers.calm import Calm
from handlers.delivery import Due, Lane, due
from handlers.offers import Offers
from handlers.port import Port
from handlers.runs import Orders, Runs

_STALE_TRIES = 20
_KEY_BYTES = 16


class IdTaken(ValueError):  # noqa: N818 - nothing is wrong
    """The id of a new case is somebody else's: take another one."""


class Conversation:
    """All cases of this process. `ports` are the platforms by name; a case's `surface` names its own."""

    def __init__(  # noqa: PLR0917 - one of each part
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
        self._origin, self._modal = settings.web.origin, settings.secret_entry == "modal"  # noqa: S105 - how, not what
        self.offers = Offers(store, settings.secrets.ttl, clock, self._done, self._expired)
        self.calm = Calm()
        self._beside = Beside(store, network, mind, settings, clock, self.handle, self._done, self.calm)
        self._runs = Runs(network, mind, self._take, self._keep, self._done, self._beside)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._lanes: dict[str, Lane] = {}
        self._open: set[int] = set()
        """Effects that this process has taken up and that are not done."""
        self._page_keys: dict[str, str] = {}

    async def start(self) -> None:
        """Go on where the last process ended: deliver what waits, say which runs were cut off, let offers run out."""
        left = [due(row) for row in await self._store.open_effects()]
        self._open.update(task.id for task in left)
        for task in left:
            if not isinstance(task.effect, StartCheck):
                await self._carry_out(task)
        for task in left:  # last, so that no state of before comes after what is said now
            if isinstance(task.effect, StartCheck):
                await self._interrupted(task, task.effect.run)

    async def stop(self, grace: float) -> None:
        """Let runs and messages end within `grace` seconds; what is left is taken up at the next start."""
        await self._runs.close(grace)
        await self.offers.close()
        await self._beside.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                await self.settle()
        for lane in self._lanes.values():
            await lane.stop()
        self._vault.close()

    async def settle(self) -> None:
        """Until every message that is due was delivered."""
        for lane in list(self._lanes.values()):
            await lane.wait()

    async def handle(self, event_id: str, case: Case | str, event: Event, *, said: Message | None = None) -> bool:
        """Take an event of a case (a stored one by its id, or a new one) once; False where it was seen before.

        `said` is how the surface shows what the person did; it is posted before the answer. Raises StoreError.
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
        return await self.handle(f"secret:{handle}", offer.case_id, SecretTaken(handle))

    async def _take(
        self, event_id: str, case: Case | str, events: Sequence[Event], first: tuple[Effect, ...] = ()
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
                    taken = await self._store.take(event_id, changed, [to_json(e) for e in (*first, *effects)])
                except StaleCase:
                    continue  # another process was faster: decide again on what it made of the case
                await self._take_up(name)  # for a redelivered event as well: the first time may have ended before this
                return taken
        raise RuntimeError("a case was changed by others again and again")

    def _decide(self, case: Case, events: Iterable[Event]) -> tuple[Case, list[Effect]]:
        """The dialogue's answer to events that came together; of several states of a message only the last stays."""
        effects: list[Effect] = []
        port = self._ports.get(case.surface)
        abilities, case = self._beside.abilities(port), replace(case, admin=self._beside.admin(case, port))
        for event in events:
            case, more = advance(case, event, self._mind, abilities)
            newer = {effect.key for effect in more if isinstance(effect, Amend)}
            effects = [e for e in effects if not (isinstance(e, Amend) and e.key in newer)] + list(more)
        return case, effects

    async def _take_up(self, case: str) -> None:
        """Carry out what this process has just stored for a case."""
        for row in await self._store.open_effects(case):
            if row.id not in self._open:
                self._open.add(row.id)
                await self._carry_out(due(row))

    async def _carry_out(self, task: Due) -> None:
        """What stays within the process happens at once; what is shown waits for its turn."""
        match task.effect:
            case StartCheck():
                await self._begin(task, task.effect)
            case StopCheck(run=run):
                await self._runs.stop(task.case, run)
                await self._done(task)
            case ForgetSecret():
                self._vault.forget(task.case)
                await self.offers.kill(task.case)
                await self._done(task)
            case Watch() if (case := await self._beside.case(task.case)) is not None:
                self._beside.watch(task, task.effect, case)
            case StopWatch():
                await self._beside.stop_watch(task)
            case _:
                self._lane(task.case).add(task)

    async def _begin(self, task: Due, start: StartCheck) -> None:
        row = await self._store.case(task.case)
        secret = self._vault.take(start.handle, self._clock()) if start.handle is not None else None
        if row is not None:
            self._runs.begin(Orders(task, start, case_from_json(row.state), secret))

    def _lane(self, case: str) -> Lane:
        for name in [name for name, lane in self._lanes.items() if lane.idle and name != case]:
            del self._lanes[name]
        return self._lanes.setdefault(case, Lane(self._show, self._shown))

    async def _done(self, task: Due) -> None:
        await self._store.effect_done(task.id, self._clock())
        self._open.discard(task.id)

    async def _interrupted(self, task: Due, run: int) -> None:
        await self.handle(f"interrupted:{task.id}", task.case, Interrupted(run))
        await self._done(task)

    async def _expired(self, task: Due) -> None:
        await self.handle(f"expired:{task.id}", task.case, Expired())

    async def _keep(self, orders: Orders, report: Report) -> None:
        """Store a report with the key to its page; the key itself is in the person's message alone."""
        key = self._page_keys[report.case] = secrets.token_urlsafe(_KEY_BYTES)
        await self._store.put_report(report, orders.start.request.lang, self._clock(), key)

    # What is shown.

    async def _show(self, task: Due) -> None:
        await self.calm.wait()
        row = await self._store.case(task.case)
        case = case_from_json(row.state) if row is not None else None
        if case is None or (port := self._ports.get(case.surface)) is None:
            return  # erased meanwhile, or a platform that was switched off
        match task.effect:
            case Post(key=key, message=message):
                await self._post(port, case, key, message, await self._with_page(case, message))
            case Amend(key=key, message=message):
                await self._amend(port, case, key, message)
            case Whisper(message=message):
                await port.whisper(case, message)
            case OfferSecret(key=key):
                await self._offer(port, case, key, task)
            case Meet():
                await self._beside.meet(port, case, task, task.effect)
            case Share():
                await self._beside.share(port, case, task, task.effect)
            case _:
                raise AssertionError(type(task.effect))

    async def _shown(self, task: Due) -> None:
        if not isinstance(task.effect, OfferSecret):
            await self._done(task)

    async def _post(self, port: Port, case: Case, key: str, kept: Message, shown: Message) -> None:
        """Show a message once. What is kept of it opens nothing; what is shown may hold a link that does."""
        known = await self._store.message(case.id, key)
        if known is not None and known.ref is not None:
            return
        await self._store.put_message(case.id, case.person, key, to_json(kept), self._clock())
        ref = await port.post(case, key, shown, again=known is not None)
        if known is not None:  # what was found may be an earlier state, whose links have ended
            await port.amend(case, key, ref, shown)
        await self._store.put_ref(case.id, key, ref)

    async def _amend(self, port: Port, case: Case, key: str, message: Message) -> None:
        known = await self._store.message(case.id, key)
        if known is None or known.ref is None:
            return await self._post(port, case, key, message, message)
        await self._store.put_message(case.id, case.person, key, to_json(message), self._clock())
        return await port.amend(case, key, known.ref, message)

    async def _offer(self, port: Port, case: Case, key: str, task: Due) -> None:
        if not case.offered:  # taken back before it was shown
            return await self._done(task)
        known = await self._store.message(case.id, key)
        if known is not None and known.ref is not None:
            return self.offers.resume(task, case.person)
        token, code = await self.offers.make(task, case.person)
        wisdom = self._mind.wisdom(case.lang)
        kept = replace(speech.secret_offer(case, wisdom, code, None), data={"code": code})
        url = None if self._modal and port.secret_forms else f"{self._origin}/s/{token}"
        return await self._post(port, case, key, kept, speech.secret_offer(case, wisdom, code, url))

    async def _with_page(self, case: Case, message: Message) -> Message:
        """A report's message with the link to its page."""
        if "verdict" not in message.data:
            return message
        key = self._page_keys.pop(case.id, None)
        if key is None and (kept := await self._store.report(case.id)) is not None:
            key = secrets.token_urlsafe(_KEY_BYTES)  # the one of before a crash is not known any more
            await self._store.put_report(kept.report, kept.lang, kept.created, key)
        texts = self._mind.wisdom(case.lang).catalogue.texts
        page, export = texts["web"]["chat.full_report"], texts["words"]["button.export"]
        links = (
            Button("page", page, url=f"{self._origin}/r/{case.id}?k={key}"),
            Button("export", export, url=f"{self._origin}/r/{case.id}/export?k={key}"),
        )
        return replace(message, blocks=(*message.blocks, Buttons(links)))


def _case_row(case: Case, before: CaseRow | None, now: float) -> CaseRow:
    created, version = (before.created, before.version) if before is not None else (now, 0)
    return CaseRow(case.id, case.person, case.surface, case.place, case_to_json(case), created, now, version)
