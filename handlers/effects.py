"""One effect carried out: a message shown or changed, a run stopped, an offer made."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from bot.core import cloud_talk
from bot.core.case import Case, case_from_json
from bot.core.codec import from_json, to_json
from bot.core.dialogue import Mind
from bot.core.events import (
    Amend,
    ForgetSecret,
    Meet,
    OfferSecret,
    Post,
    Share,
    StartCheck,
    StopCheck,
    StopWatch,
    Support,
    Watch,
)
from bot.core.message import Button, Buttons, Message
from bot.queue.job import Queue
from bot.store.store import Store
from bot.store.vault import Vault
from handlers.beside import Beside
from handlers.calm import Calm
from handlers.jobs import Due, run_name
from handlers.keys import fresh_key
from handlers.offers import Offers
from handlers.port import Port
from handlers.support import messages_for_support

Make = Callable[[], Awaitable[tuple[Message, Message]]]
"""Makes a message when it is shown: what is kept of it opens nothing; what is shown may hold a link that does."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Where people reach the bot's pages, and whether a platform's own form takes secrets (`secrets.entry: modal`)."""

    origin: str
    modal: bool


class Effects:
    """`ports` are the platforms by name; a case's `surface` names its own."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        store: Store,
        vault: Vault,
        queue: Queue,
        mind: Mind,
        ports: Mapping[str, Port],
        pages: Pages,
        offers: Offers,
        beside: Beside,
        calm: Calm,
        now: Callable[[], float],
    ) -> None:
        self._store, self._vault, self._queue, self._mind, self._ports = store, vault, queue, mind, ports
        self._pages, self._offers, self._beside, self._calm, self.now = pages, offers, beside, calm, now

    async def case(self, name: str) -> Case | None:
        row = await self._store.case(name)
        return case_from_json(row.state) if row is not None else None

    async def pause(self, case: Case, amend: Amend) -> float:
        """Seconds until a message may be changed once more; the last state of one may always be shown."""
        port = self._ports.get(case.surface)
        if port is None or amend.message.data.get("progress") != "running" or not port.update_every:
            return 0.0
        known = await self._store.message(case.id, amend.key)
        if known is None or known.updated == known.created:  # the first change of it
            return 0.0
        return min(port.update_every, known.updated + port.update_every - self.now())

    async def carry_out(self, case: Case, due: Due) -> None:
        """Do it, or do it once more: nothing is shown twice."""
        match due.effect:
            case StopCheck(run=run):
                await self._stop_check(case.id, run)
            case ForgetSecret():
                self._vault.forget(case.id)
                await self._store.kill_offers(case.id, self.now())  # one may have been made while this was decided
            case StopWatch():
                await self._stop_watch(case.id, due)
            case _ if (port := self._ports.get(case.surface)) is not None:
                await self._calm.wait()
                await self._show(port, case, due)
            case _:
                pass  # a platform that was switched off

    async def _show(self, port: Port, case: Case, due: Due) -> None:
        match due.effect:
            case Post(key=key, message=message):
                await self._post(port, case, key, message)
            case Amend(key=key, message=message):
                await self._amend(port, case, key, message)
            case OfferSecret(key=key):
                if case.offered:  # otherwise it was taken back before it was shown
                    await self._once(port, case, key, lambda: self._offer(port, case))
            case Support(key=key):
                await self._once(port, case, key, lambda: self._support(port, case))
            case Meet() as meet:
                await self._beside.meet(port, case, due, meet)
            case Share() as share:
                await self._beside.share(port, case, due, share)
            case _:
                raise AssertionError(type(due.effect))

    async def _once(self, port: Port, case: Case, key: str, make: Make) -> None:
        """Show a message once."""
        known = await self._store.message(case.id, key)
        if known is not None and known.ref is not None:
            return
        kept, shown = await make()
        await self._store.put_message(case.id, case.person, key, to_json(kept), self.now())
        ref = await port.post(case, key, shown, again=known is not None)
        if known is not None:  # what was found may be an earlier state
            await port.amend(case, key, ref, shown)
        await self._store.put_ref(case.id, key, ref)

    async def _post(self, port: Port, case: Case, key: str, message: Message) -> None:
        async def make() -> tuple[Message, Message]:
            return message, await self._with_page(case, message) if "verdict" in message.data else message

        await self._once(port, case, key, make)

    async def _amend(self, port: Port, case: Case, key: str, message: Message) -> None:
        known = await self._store.message(case.id, key)
        if known is None or known.ref is None:
            return await self._post(port, case, key, message)
        await self._store.put_message(case.id, case.person, key, to_json(message), self.now())
        return await port.amend(case, key, known.ref, message)

    async def _offer(self, port: Port, case: Case) -> tuple[Message, Message]:
        """The offer. Only its code is kept, not the way to it."""
        token, code = await self._offers.make(case.id, case.person)
        fresh = await self.case(case.id)
        if fresh is None or not fresh.offered:  # over a crash an earlier way was still good, and was taken meanwhile
            await self._store.kill_offers(case.id, self.now())
        wisdom = self._mind.wisdom(case.lang)
        microsoft = cloud_talk.is_m365(case)
        page = f"{self._pages.origin}/{'m365' if microsoft else 's'}/{token}"
        url = None if self._pages.modal and port.secret_forms and not microsoft else page
        kept = replace(cloud_talk.offer(case, wisdom, code, None), data={"code": code})
        return kept, replace(cloud_talk.offer(case, wisdom, code, url), data=kept.data)

    async def _support(self, port: Port, case: Case) -> tuple[Message, Message]:
        """What the person hands over to support; it is put together when it is shown."""
        access = self._beside.abilities(port).access
        return await messages_for_support(case, self._store, self._mind, access, self._pages.origin)

    async def _with_page(self, case: Case, message: Message) -> Message:
        """A report's message with the link to its page, whose key is in the person's message alone."""
        key = await fresh_key(self._store, case.id)
        texts = self._mind.wisdom(case.lang).catalogue.texts
        page, export = texts["web"]["chat.full_report"], texts["words"]["button.export"]
        links = (
            Button("page", page, url=f"{self._pages.origin}/r/{case.id}?k={key}"),
            Button("export", export, url=f"{self._pages.origin}/r/{case.id}/export?k={key}"),
        )
        return replace(message, blocks=(*message.blocks, Buttons(links)))

    # What is not shown.

    async def _stop_check(self, case: str, run: int) -> None:
        """End a run before its job begins, or cancel the job."""
        await self._end(case, lambda effect: isinstance(effect, StartCheck) and effect.run == run)
        await self._queue.stop(run_name(case, run))

    async def _stop_watch(self, case: str, stop: Due) -> None:
        """End the watches that were asked for before."""
        for name in await self._end(case, lambda effect: isinstance(effect, Watch), before=stop.id):
            await self._queue.stop(f"watch:{name}")

    async def _end(self, case: str, which: Callable[[object], bool], before: float = math.inf) -> list[int]:
        rows = await self._store.open_effects(case)
        ids = [row.id for row in rows if row.id < before and which(from_json(row.effect))]
        await self._store.effects_done(ids, self.now())
        return ids
