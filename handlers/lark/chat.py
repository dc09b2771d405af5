"""Lark as a port of the conversation: a case is a thread in the person's direct chat with the bot."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog

from bot.core import asides
from bot.core.advice import advise
from bot.core.case import Case
from bot.core.message import Form, Message, Text
from bot.core.model import LANGS
from bot.core.speech import reader
from bot.store.threads import Thread
from handlers.lark.api import Lost, Refused
from handlers.lark.gallery import Gallery
from handlers.lark.groups import Group, Groups
from handlers.lark.inbound import Where
from handlers.lark.means import Means
from handlers.lark.parts import Part
from handlers.lark.view import Names, card_of, in_languages
from handlers.port import Introduction

NAME = "lark"
_GONE = frozenset({230011, 230026, 230110, 231003})
"""Codes of a message that was recalled or deleted: there is nothing to change, and no thread to go on in."""
_NO_THREADS = frozenset({230071, 230072})
_TOO_OLD = 230031
_HINT_PATIENCE, _SHARE_PATIENCE = 10.0, 60.0
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a case's messages go."""

    thread: Thread
    where: Where
    origin: str
    """The group where the case began; empty for the direct chat."""


class LarkPort:
    """See `handlers.port.Port`."""

    name = NAME
    open_to_all = False
    channels = True
    update_every = 0.25
    """Lark takes five changes of one message a second."""

    def __init__(self, means: Means, *, secret_forms: bool) -> None:
        self._api, self._threads, self._people, self._words = means.api, means.threads, means.people, means.words
        self._store, self._mind, self._clock = means.store, means.mind, means.clock
        self.secret_forms = secret_forms
        self._groups, self._gallery = Groups(means.api), Gallery(means.api)

    # What the conversation asks for.

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:  # noqa: ARG002 - see below
        """Show a message: the first of a case may become the root of its thread, all others stand in it.

        A message that may have been posted already is posted again under the same `uuid`: Lark shows it once.
        """
        spot = await self._spot(case)
        content = json.dumps(await self._card(case, key, message, spot), ensure_ascii=False)
        body = {"msg_type": "interactive", "content": content, "uuid": unique(f"{case.id}/{key}")}
        if (name := await self._in_thread(case, spot.thread.root, body)) is not None:
            return name
        new = body | {"receive_id": spot.where.user}
        sent = await self._api.call("POST", "/open-apis/im/v1/messages", new, receive_id_type="open_id")
        name, channel = str(sent["message_id"]), str(sent.get("chat_id") or spot.thread.channel)
        await self._threads.begin(case.id, channel, name, spot.thread.place, instead_of=spot.thread.root)
        if spot.thread.root is None:
            await self._hint(case, spot)
        return name

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        """Change a message; one that is gone, or too old to be changed, stays as it is."""
        content = json.dumps(await self._card(case, key, message, await self._spot(case)), ensure_ascii=False)
        try:
            await self._api.call("PATCH", f"/open-apis/im/v1/messages/{ref}", {"content": content})
        except Refused as refused:
            if refused.code not in _GONE and refused.code != _TOO_OLD:
                raise

    async def introduce(self, case: Case) -> Introduction:
        """The person's address. Lark tells no language; what they write does."""
        profile = await self._people.profile(where_of(case.person))
        return Introduction(None, profile.address)

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:
        """Show a report in a group of this organisation that the person is a member of; once, as in `post`."""
        lost = "unsure" if again else "failed"
        try:
            group = await self._groups.find(channel)
            if group is None or not await self._groups.has(channel, where_of(case.person).user):
                return "not_a_member"
            if group.external:
                return "shared_outside"
            card = await self._for_everybody(case, message)
            body = {"receive_id": channel, "msg_type": "interactive", "content": json.dumps(card, ensure_ascii=False)}
            body["uuid"], lost = unique(f"{case.id}/{key}"), "unsure"
            path, patience = "/open-apis/im/v1/messages", _SHARE_PATIENCE
            await self._api.call("POST", path, body, patience=patience, receive_id_type="chat_id")
        except Refused:
            return "not_a_member"
        except Lost:
            return lost
        return ""

    # How it is done.

    async def _spot(self, case: Case) -> _Spot:
        thread = await self._threads.of_case(case.id)
        where = where_of(case.person)
        if thread is None:
            thread = Thread(case.id, case.person, where.user, None, {}, self._clock())
            await self._threads.put(thread)
        return _Spot(thread, where, str(thread.place.get("origin") or ""))

    async def _card(self, case: Case, key: str, message: Message, spot: _Spot) -> Part:
        takes_secret = self.secret_forms and key.startswith("offer")
        if any(isinstance(block, Form) and block.name == "share" for block in message.blocks):
            message = self._where_to(message, await self._groups.shared_with(spot.where, spot.origin), case)
        image = await self._gallery.hang(message.picture)
        code = str(message.data.get("code", ""))
        names = Names(self._words.of(case.lang), case.id, key, takes_secret=takes_secret, code=code, image=image)
        return card_of(message, names)

    def _where_to(self, message: Message, groups: list[Group], case: Case) -> Message:
        """The question where to show a report, with the groups that there are."""
        if not groups:
            text = self._words.of(case.lang)["share.no_groups"]
            return Message(text, (Text(text),))
        options = tuple((group.id, group.name) for group in groups)

        def filled(form: Form) -> Form:
            inputs = tuple(
                replace(one, options=options, value=options[0][0]) if one.name == "channel" else one
                for one in form.inputs
            )
            return replace(form, inputs=inputs)

        return replace(message, blocks=tuple(filled(b) if isinstance(b, Form) else b for b in message.blocks))

    async def _in_thread(self, case: Case, root: str | None, body: Mapping[str, Any]) -> str | None:
        """Reply to the first message of the case's thread, or where that was recalled to what the bot showed last.

        The id of what is shown; None where there is no thread, or nothing left of it.
        """
        if root is None:
            return None
        if (name := await self._reply(root, body)) is not None:
            return name
        rows = await self._store.messages_of(case.person, case_id=case.id)
        last = next((row.ref for row in reversed(rows) if row.ref not in (None, root)), None)
        return await self._reply(last, body) if last is not None else None

    async def _reply(self, to: str, body: Mapping[str, Any]) -> str | None:
        """The id of the reply; None where the message is gone that it would reply to."""
        path = f"/open-apis/im/v1/messages/{to}/reply"
        try:
            return str((await self._api.call("POST", path, {**body, "reply_in_thread": True}))["message_id"])
        except Refused as refused:
            if refused.code in _NO_THREADS:
                return str((await self._api.call("POST", path, body))["message_id"])
            if refused.code not in _GONE:
                raise
            return None

    async def _hint(self, case: Case, spot: _Spot) -> None:
        """Say in the group where the case is talked about: to the person alone, and only while they are there."""
        if not spot.origin:
            return
        text = self._words.of(case.lang)["command.opened"]
        card = card_of(Message(text, (Text(text),)), Names(self._words.of(case.lang)))
        body = {"chat_id": spot.origin, "open_id": spot.where.user, "msg_type": "interactive", "card": card}
        try:
            await self._api.call("POST", "/open-apis/ephemeral/v1/send", body, patience=_HINT_PATIENCE)
        except (Refused, Lost) as error:
            _log.info("a hint could not be shown in a group", code=getattr(error, "code", None))

    async def _for_everybody(self, case: Case, message: Message) -> Part:
        """A report for a group, in each reader's own language where it is known how."""
        main = card_of(message, Names(self._words.of(case.lang), silent=True))
        kept = await self._store.report(case.id)
        if kept is None:
            return main
        account = message == asides.shown_to_others(case, kept.report, self._mind.wisdom(case.lang), account=True)
        cards = {case.lang: main}
        for lang in LANGS:
            if lang != case.lang:
                wisdom, told = self._mind.wisdom(lang), replace(case, lang=lang)
                circumstances = reader(told, wisdom, kept.report).circumstances
                report = replace(kept.report, advice=advise(kept.report.steps, circumstances, wisdom.catalogue))
                shown = asides.shown_to_others(told, report, wisdom, account=account)
                cards[lang] = card_of(shown, Names(self._words.of(lang), silent=True))
        return in_languages(cards, case.lang)


def where_of(person: str) -> Where:
    """A person by our own name for them."""
    _, tenant, user = person.split(":", 2)
    return Where(tenant, user)


def unique(name: str) -> str:
    """A `uuid` for posting: within an hour Lark shows what carries it once. At most 50 characters."""
    return hashlib.sha256(name.encode()).hexdigest()[:40]
