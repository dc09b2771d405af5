"""The local chat page's requests: what the person does, as events of the conversation."""

import hashlib
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from bot.core.case import Case, case_from_json, case_id
from bot.core.cloud_talk import FORM as ADMIN_FORM
from bot.core.cloud_talk import is_m365
from bot.core.dialogue import Mind
from bot.core.events import Event, Pressed, Submitted, Typed
from bot.core.message import Fields, Message, Text, Untrusted
from bot.core.model import Lang
from bot.core.pasted import without_secrets
from bot.core.understanding import understand
from bot.store.store import Store
from handlers.conversation import Conversation
from handlers.web.guard import from_own_page
from handlers.web.pages import Words, words_in
from handlers.web.port import NAME
from handlers.web.session import Sessions, language

MOST_TEXT = 20_000
"""Characters of a typed text: a long pasted log still fits."""
_MOST_FIELDS, _MOST_VALUE, _MOST_LABEL = 20, 1_000, 100
_ID = re.compile(r"[A-Za-z0-9-]{8,64}\Z")
_ACTION = re.compile(r"[a-z0-9_]+(?::[a-z0-9_.]+){0,2}\Z")


@dataclass(frozen=True, slots=True)
class Act:
    """What a page sent: who, in which case (None: a new one), under which id of the page's own, and the rest."""

    person: str
    case: str | None
    id: str
    lang: Lang
    values: Mapping[str, Any]

    def text(self, name: str, most: int) -> str:
        value = self.values.get(name)
        if not isinstance(value, str) or not value.strip():
            raise web.HTTPBadRequest
        if len(value) > most:
            raise web.HTTPRequestEntityTooLarge(most, len(value))
        return value


class Chat:
    """Every request needs the cookie of a session and must come from the page itself."""

    def __init__(
        self,
        store: Store,
        conversation: Conversation,
        mind: Mind,
        sessions: Sessions,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store, self._conversation, self._mind = store, conversation, mind
        self._sessions, self._clock = sessions, clock

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/chat/say", self.say),
            web.post("/chat/press", self.press),
            web.post("/chat/submit", self.submit),
            web.post("/chat/secret", self.secret),
        ]

    async def say(self, request: web.Request) -> web.Response:
        """Free text. What looks like a secret in it is neither kept nor shown again."""
        act = await self._act(request)
        text, case = act.text("text", MOST_TEXT), await self._case(act)
        return await self._handle(act, case, Typed(text), _said(text, case, words_in(act.lang, self._mind)))

    async def press(self, request: web.Request) -> web.Response:
        act = await self._act(request)
        action, label = act.text("action", _MOST_LABEL), act.text("label", _MOST_LABEL)
        if act.case is None or not _ACTION.match(action):
            raise web.HTTPBadRequest
        return await self._handle(act, await self._case(act), Pressed(action), _did(Text(label), label))

    async def submit(self, request: web.Request) -> web.Response:
        act = await self._act(request)
        form, values = act.text("form", _MOST_LABEL), _fields(act.values.get("values"))
        if act.case is None:
            raise web.HTTPBadRequest
        labels = self._mind.wisdom(act.lang).catalogue.texts["words"]
        rows = tuple(
            (labels.get(_label(form, name), name), without_secrets(value)[0]) for name, value in values.items() if value
        )
        said = _did(Fields(rows), ", ".join(value for _, value in rows) or form)
        return await self._handle(act, await self._case(act), Submitted(form, values), said)

    async def secret(self, request: web.Request) -> web.Response:
        """Where this page may send the secret that was typed into it, or where its person signs in with Microsoft.

        410 where nothing is offered.
        """
        act = await self._act(request)
        case = await self._case(act)
        token = await self._conversation.offers.renew(case.id) if act.case is not None else None
        if token is None:
            raise web.HTTPGone
        return web.json_response({"address": f"/m365/{token}" if is_m365(case) else f"/s/{token}"})

    async def _act(self, request: web.Request) -> Act:
        person = self._sessions.person(request)
        if person is None:
            raise web.HTTPUnauthorized
        if not from_own_page(request) or request.content_type != "application/json":
            raise web.HTTPForbidden
        try:
            values = await request.json()
        except (json.JSONDecodeError, UnicodeDecodeError, RecursionError):
            raise web.HTTPBadRequest from None
        if not isinstance(values, dict):
            raise web.HTTPBadRequest
        name, case = values.get("id"), values.get("case")
        if not isinstance(name, str) or not _ID.match(name) or not isinstance(case, str | None):
            raise web.HTTPBadRequest
        return Act(person, case, name, language(request), values)

    async def _case(self, act: Act) -> Case:
        """The case as it stands; a new one gets its id from the page's own id, so that a repeated request finds it."""
        if act.case is not None:
            row = await self._store.case(act.case)
            if row is None or row.person != act.person:
                raise web.HTTPNotFound
            return case_from_json(row.state)
        for turn in range(100):
            seed = hashlib.sha256(f"{act.person}:{act.id}:{turn}".encode()).digest()
            name = case_id(int.from_bytes(seed[:8]))
            row = await self._store.case(name)
            if row is None:
                return Case(name, act.person, NAME, act.id, act.lang, admin=True)
            if (row.person, row.place) == (act.person, act.id):
                return case_from_json(row.state)
        raise web.HTTPInternalServerError

    async def _handle(self, act: Act, case: Case, event: Event, said: Message) -> web.Response:
        await self._conversation.handle(f"{act.person}:{act.id}", case, event, said=said)
        return web.json_response({"case": case.id})


def _fields(values: Any) -> dict[str, str]:
    """A form's fields. A secret never comes this way."""
    if not isinstance(values, dict) or len(values) > _MOST_FIELDS:
        raise web.HTTPBadRequest
    if not all(isinstance(value, str) and len(value) <= _MOST_VALUE for value in values.values()):
        raise web.HTTPBadRequest
    return {name: value for name, value in values.items() if name != "secret"}


def _label(form: str, name: str) -> str:
    """The key of the word that stood beside a field: an administrator's form asks for the account by another name."""
    return "field.admin" if (form, name) == (ADMIN_FORM, "account") else f"field.{name}"


def _said(text: str, case: Case, words: Words) -> Message:
    """The person's own words in the conversation."""
    if understand(text, offered=case.offered, domain=case.domain).secret_seen:
        return _did(Text(words("chat.removed"), "note"), words("chat.removed"))
    return _did(Untrusted("", text), text)


def _did(block: Text | Untrusted | Fields, text: str) -> Message:
    return Message(text, (block,), {"role": "person"})
