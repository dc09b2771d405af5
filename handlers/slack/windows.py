"""Opening windows (views) at Slack, within the three seconds for which a trigger is good."""

import asyncio
from collections.abc import Mapping
from typing import Any

import structlog

from bot.core import asides
from bot.core.case import Case
from bot.core.codec import from_json
from bot.core.forms import ask_servers
from bot.core.message import Form, Message
from handlers.conversation import Conversation
from handlers.slack.api import Lost, Refused
from handlers.slack.chat import SlackPort
from handlers.slack.inbound import Press, Where
from handlers.slack.means import Means
from handlers.slack.parts import Part
from handlers.slack.people import DEFAULT_LANG, Profile
from handlers.slack.tokens import where_of
from handlers.slack.view import Names
from handlers.slack.window import form_window, more_window, secret_window, share_window, start_form

_PATIENCE = 2.5
_PROFILE_SECONDS = 1.0
"""How long a window waits for the language that it is in; the rest of the three seconds is for opening it."""
_log = structlog.get_logger(__name__)


class Windows:
    """`secrets` says that a secret may be typed into a window (`secrets.entry: modal`)."""

    def __init__(self, means: Means, port: SlackPort, *, secrets: bool) -> None:
        self._api, self._tokens, self._store, self._threads = means.api, means.tokens, means.store, means.threads
        self._people, self._words, self._replies, self._mind = means.people, means.words, means.replies, means.mind
        self._port, self._secrets = port, secrets
        self.conversation: Conversation | None = None

    def opens(self, press: Press) -> bool:
        """Whether a button opens a window."""
        name = press.action.partition(".")[0]
        return name in ("form", "servers", "share", "more") or (
            name == "secret" and self._secrets and press.key.startswith("offer")
        )

    async def start(self, where: Where, profile: Profile | None = None) -> None:
        """The form that begins a case. Its language is known, or is asked for if there is time."""
        profile = profile or await self._profile_in_time(where)
        words = self._words.of(profile.lang if profile else DEFAULT_LANG)
        address = profile.address if profile else None
        form = start_form(words, address.rpartition("@")[2] if address else "", "")
        about = {"channel": where.channel, "response_url": where.response_url or ""}
        await self._open(where, form_window(form, words["form.start.lead"], about, words))

    async def _profile_in_time(self, where: Where) -> Profile | None:
        try:
            return await asyncio.wait_for(self._people.profile(where), _PROFILE_SECONDS)
        except (TimeoutError, Lost):
            return None

    async def open(self, press: Press, case: Case) -> None:
        """The window of a button."""
        about = {"case": case.id, "key": press.key}
        words = self._words.of(case.lang)
        match press.action.split("."):
            case ["servers"]:
                view = self._form(ask_servers(case, self._mind.wisdom(case.lang)), about, words)
            case ["form", _]:
                view = self._form(await self._message(case, press.key), about, words)
            case ["more"]:
                message = await self._message(case, press.key)
                view = more_window(message.blocks, Names(words)) if message else None
            case ["share"]:
                view = await self._share(case, press.where, about, words)
            case _:
                view = await self._secret(case, about, words)
        if view is not None:
            await self._open(press.where, view)

    async def say(self, where: Where, text: str) -> None:
        """An answer for one person, where they typed."""
        await self._replies.say(where, text, None, await self._tokens.token(where))

    def _form(self, message: Message | None, about: Mapping[str, str], words: Mapping[str, str]) -> Part | None:
        form = next((block for block in message.blocks if isinstance(block, Form)), None) if message else None
        return form_window(form, message.text, about, words) if form and message else None

    async def _message(self, case: Case, key: str) -> Message | None:
        row = await self._store.message(case.id, key)
        message: Message | None = from_json(row.body) if row is not None else None
        return message

    async def _share(self, case: Case, where: Where, about: Mapping[str, str], words: Mapping[str, str]) -> Part | None:
        kept = await self._store.report(case.id)
        if kept is None:
            return None
        thread = await self._threads.of_case(case.id)
        origin = where_of(thread.place).channel if thread else ""
        token = await self._tokens.token(where)
        outside = await self._port.shared_outside(token, origin) if origin and token else None
        preview = asides.shown_to_others(case, kept.report, self._mind.wisdom(case.lang), account=False)
        sure = outside is False
        return share_window(preview, origin if origin and not outside else None, about, words, sure=sure)

    async def _secret(self, case: Case, about: Mapping[str, str], words: Mapping[str, str]) -> Part | None:
        """The field for the secret, for as long as the offer lives; each window has a token of its own."""
        assert self.conversation is not None  # it is there before anything is pressed
        token = await self.conversation.offers.renew(case.id)
        if token is None:
            return None
        message = await self._message(case, about["key"])
        code = str(message.data.get("code", "-")) if message is not None else "-"
        lead = words["form.secret.lead"].format(account=case.account or "", case=case.id, code=code)
        return secret_window({**about, "token": token}, lead, words)

    async def _open(self, where: Where, view: Part) -> None:
        token = await self._tokens.token(where)
        if token is None or where.trigger is None:
            return
        try:
            await self._api.call(token, "views_open", trigger_id=where.trigger, view=view, patience=_PATIENCE)
        except (Refused, Lost) as error:
            _log.warning("a window could not be opened", error=_word(error), view=view["callback_id"])


def _word(error: Any) -> str:
    return str(getattr(error, "error", "lost"))
