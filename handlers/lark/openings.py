"""How a case begins at Lark."""

import hashlib

from bot.core.access import is_admin
from bot.core.case import Case, case_id
from bot.core.events import Event
from bot.settings import Settings
from bot.store.threads import Thread
from handlers.conversation import Conversation
from handlers.lark.chat import NAME
from handlers.lark.inbound import Where
from handlers.lark.means import Means

_TRIES = 100


class Openings:
    def __init__(self, means: Means, conversation: Conversation, settings: Settings) -> None:
        self._store, self._threads, self._people, self._clock = means.store, means.threads, means.people, means.clock
        self._conversation, self._admins = conversation, settings.access.admins

    async def begin(
        self, name: str, where: Where, event: Event, *, place: str, root: str | None, origin: str = ""
    ) -> None:
        """A new case with its first event. A request that comes again finds the case that it began.

        `place` names what the case began with; `root` is the message whose thread it goes on in, None for one that is
        yet to be made in the direct chat; `origin` is the group where it was asked for.
        """
        case = await self._fresh(place, where)
        if case is None:
            return
        channel = where.chat if root else where.user
        await self._threads.put(Thread(case.id, case.person, channel, root, {"origin": origin}, self._clock()))
        await self._conversation.handle(name, case, event)

    async def _fresh(self, place: str, where: Where) -> Case | None:
        """A case whose id follows from what it began with."""
        profile = await self._people.known(where)
        for turn in range(_TRIES):
            seed = hashlib.sha256(f"lark:{where.tenant}:{place}:{turn}".encode()).digest()
            name = case_id(int.from_bytes(seed[:8], "big"))
            row = await self._store.case(name)
            if row is not None and (row.person, row.place) != (where.person, place):
                continue
            lang, address = await self._people.lang(where), profile.address if profile else None
            admin = is_admin(self._admins, where.person)
            met = profile is not None
            return Case(name, where.person, NAME, place, lang, admin, address, met=met)
        return None
