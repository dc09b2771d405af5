"""How a case begins at Lark."""

import contextlib
import hashlib

from bot.core.access import is_admin
from bot.core.case import Case, case_id
from bot.core.events import Event
from bot.settings import Settings
from bot.store.threads import Thread
from handlers.conversation import Conversation, IdTaken
from handlers.lark.chat import NAME
from handlers.lark.inbound import Where
from handlers.lark.means import Means

_TURNS = 100


class Openings:
    def __init__(self, means: Means, conversation: Conversation, settings: Settings) -> None:
        self._threads, self._people, self._clock = means.threads, means.people, means.clock
        self._conversation, self._admins = conversation, settings.access.admins

    async def begin(
        self, name: str, where: Where, event: Event, *, place: str, root: str | None, origin: str = ""
    ) -> None:
        """A new case with its first event. A request that comes again finds the case that it began.

        `place` names what the case began with; `root` is the message whose thread it goes on in, None for one that is
        yet to be made in the direct chat; `origin` is the group where it was asked for.
        """
        channel = where.chat if root else where.user
        for turn in range(_TURNS):
            case = await self._case(place, turn, where)
            thread = Thread(case.id, case.person, channel, root, {"origin": origin}, self._clock())
            if await self._threads.put(thread) or await self._is_theirs(case):
                with contextlib.suppress(IdTaken):
                    await self._conversation.handle(name, case, event)
                    return

    async def _is_theirs(self, case: Case) -> bool:
        """Whether a thread that is there already is this person's: then the request has come before."""
        thread = await self._threads.of_case(case.id)
        return thread is not None and thread.person == case.person

    async def _case(self, place: str, turn: int, where: Where) -> Case:
        """A case whose id follows from what it began with, so that a request that comes again finds it."""
        seed = hashlib.sha256(f"lark:{where.tenant}:{place}:{turn}".encode()).digest()
        name = case_id(int.from_bytes(seed[:8], "big"))
        profile, lang = await self._people.known(where), await self._people.lang(where)
        admin, address = is_admin(self._admins, where.person), profile.address if profile else None
        return Case(name, where.person, NAME, place, lang, admin, address, met=profile is not None)
