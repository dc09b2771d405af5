"""What people do at Lark, as events of the conversation. What must be kept is stored before this returns."""

import asyncio
from collections.abc import Awaitable

import structlog

from bot import metrics
from bot.core.events import Pasted, Typed
from bot.core.understanding import understand
from bot.settings import Settings
from bot.store.seen import Seen
from handlers.asked import Asked, read_request
from handlers.conversation import Conversation
from handlers.ending import end
from handlers.lark.chat import LarkPort, unique
from handlers.lark.desk import Desk
from handlers.lark.inbound import Chosen, Entered, Happening, Press, Said
from handlers.lark.means import Means
from handlers.lark.openings import Openings
from handlers.lark.presses import NOTHING, Answer, Presses
from handlers.lark.request import own_words, read_line, without_command

LATE = 1800.0
"""Seconds after which nothing is begun for what somebody did. Lark delivers again for seven hours; by then they have
helped themselves, or do not look any more."""
_GIVEN_UP = 12 * 3600.0
"""Seconds after which Lark delivers nothing any more: a time before that is none, and what comes is taken as new."""
_log = structlog.get_logger(__name__)


class Reception:
    """`happened` takes whatever was read from a request. What asks Lark for something goes on in the background."""

    def __init__(self, means: Means, conversation: Conversation, port: LarkPort, settings: Settings) -> None:
        self._threads, self._people, self._clock = means.threads, means.people, means.clock
        self._store, self._seen = means.store, Seen.beside(means.store)
        self._conversation, self._desk = conversation, Desk(means)
        self._openings = Openings(means, conversation, settings)
        self._presses = Presses(means, conversation, port, self._openings, self._desk, self._later)
        self._tasks: set[asyncio.Task[None]] = set()
        self.me = ""
        """The bot's own open_id; empty while it is not known. Then a message that speaks to anybody is taken."""

    async def close(self) -> None:
        await end(self._tasks)

    async def happened(self, what: Happening) -> Answer:
        match what:
            case Said():
                await self._said(what)
            case Press():
                return await self._pressed(what)
            case Chosen():
                if not await self._missed(what):
                    self._chosen(what)
            case Entered():
                self._later(self._desk.greet(what.where))
        return NOTHING

    async def _said(self, said: Said) -> None:
        """A message of the direct chat, or one in a group that speaks to the bot."""
        if said.where.foreign:
            if not said.group:
                self._later(self._desk.tell(said.where, "command.stranger", said.message))
            return
        if said.group and not (self.me in said.mentioned if self.me else any(said.mentioned)):
            return
        if await self._missed(said):
            return
        heard = understand(own_words(said.text))
        if heard.lang is not None:
            await self._people.remember(said.where, lang=heard.lang)
        if said.group and heard.secret_seen:
            self._later(self._desk.take_back(said.message))
        asked = _asked_of(said)
        if asked.kind == "history" or not await self._belongs_to_a_case(said):
            await self._asked(said, asked)

    async def _pressed(self, press: Press) -> Answer:
        if press.link or press.where.foreign or not await self._missed(press):
            return await self._presses.pressed(press)
        if press.secret is not None:
            press.secret.wipe()
        return NOTHING

    async def _missed(self, what: Said | Press | Chosen) -> bool:
        """Whether something comes so late that the bot was away: then it is told so, once, and nothing is begun."""
        late = what.at is not None and LATE < self._clock() - what.at < _GIVEN_UP
        if not late or await self._seen.has(what.id):
            return False
        self._later(self._desk.missed(what.where, what.at or 0.0))
        return True

    async def _belongs_to_a_case(self, said: Said) -> bool:
        """Whether it was said in a case, which has then heard it."""
        case, typed = await self._case(said), Typed(without_command(said.text) or said.text)
        # A thread is kept before its case: what came in between comes again, and begins the case then.
        return case is not None and (
            await self._conversation.handle(said.id, case, typed) or await self._is_a_case(case)
        )

    async def _case(self, said: Said) -> str | None:
        """The case whose thread a message belongs to, if it is this person's."""
        known = await self._threads.at(said.where.chat, said.root)
        return known.case_id if known is not None and known.person == said.where.person else None

    async def _is_a_case(self, name: str) -> bool:
        return await self._store.case(name) is not None

    async def _asked(self, said: Said, asked: Asked) -> None:
        """A message that begins something: a case, mostly, in the person's direct chat."""
        where, answers = said.where, None if said.group else said.message
        root = None if said.group else said.root
        match asked.kind:
            case "check" | "explain":
                event = Pasted(asked.text) if asked.kind == "explain" else Typed(asked.text)
                origin = where.chat if said.group else ""
                await self._openings.begin(said.id, where, event, place=said.message, root=root, origin=origin)
            case "history":
                self._later(self._desk.history(where, answers, unique(f"history:{said.id}")))
            case "form":
                self._later(self._desk.form(where, answers, unique(f"form:{said.id}"), root=root or ""))
            case kind:
                key = "command.help" if kind == "help" else "command.unclear"
                self._later(self._desk.tell(where, key, said.message, private=said.group))

    def _chosen(self, chosen: Chosen) -> None:
        """An entry of the bot's menu. It comes without a chat: the direct one it is."""
        match chosen.entry:
            case "new":
                self._later(self._desk.form(chosen.where, None, unique(chosen.id)))
            case "cases":
                self._later(self._desk.history(chosen.where, None, unique(chosen.id)))
            case _:
                self._later(self._desk.tell(chosen.where, "command.help", None, uuid=unique(chosen.id)))

    def _later(self, work: Awaitable[object]) -> None:
        task = asyncio.create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _asked_of(said: Said) -> Asked:
    """What a message without a case asks for. In the direct chat everything but a few words belongs into a case."""
    line = read_line(said.text, group=said.group)
    if line is not None:
        return line
    if understand(said.text).wish == "history":
        return Asked("history")
    pasted = read_request(said.text)
    return pasted if pasted.kind == "explain" else Asked("check", said.text)


async def _quietly(work: Awaitable[object]) -> None:
    try:
        await work
    except Exception as error:  # noqa: BLE001 - an answer in the background ends nothing else
        _log.error("something for a person at Lark failed", fault=metrics.fault(error))
