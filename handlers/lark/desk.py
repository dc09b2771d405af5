"""What the bot says to a person outside of any case: a greeting, help, the form that begins one, the list of theirs."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import structlog

from bot.core import asides
from bot.core.case import Case, case_from_json
from bot.core.intake import EXAMPLES
from bot.core.message import Message, Text
from bot.core.model import LANGS, Lang
from handlers.lark.api import Lost, Refused
from handlers.lark.chat import NAME, unique
from handlers.lark.form import start_form
from handlers.lark.inbound import Where
from handlers.lark.means import Means
from handlers.lark.parts import Part, button, side_by_side
from handlers.lark.request import COMMAND
from handlers.lark.view import LOCALES, Names, card_of, in_languages

_MOST_CASES = 8
_PATIENCE = 60.0
_log = structlog.get_logger(__name__)


class Desk:
    def __init__(self, means: Means) -> None:
        self._api, self._store, self._threads = means.api, means.store, means.threads
        self._people, self._words, self._mind = means.people, means.words, means.mind

    async def greet(self, where: Where) -> None:
        """Once, when somebody opens the direct chat."""
        profile = await self._people.profile(where)
        if profile.greeted:
            return
        await self._people.remember(where, greeted=True)
        starts = {"action": "start", "case": "", "key": ""}
        cards = {lang: self._card(self._text("greeting", lang), lang) for lang in LANGS}
        for lang, card in cards.items():
            card["body"]["elements"].append(side_by_side([button(self._words.of(lang)["form.start"], starts)]))
        await self._send(where, in_languages(cards, profile.lang), None, unique(f"greeting:{where.person}"))

    async def tell(
        self, where: Where, key: str, reply_to: str | None, *, private: bool = False, uuid: str | None = None
    ) -> None:
        """A sentence of ours; `private` where others read along."""
        lang = await self._people.lang(where)
        if private:
            await self._whisper(where, self._card(self._text(key, lang), lang))
        else:
            card = self.in_all_languages(key, lang)
            await self._send(where, card, reply_to, uuid or unique(f"{key}:{reply_to or where.person}"))

    async def missed(self, where: Where, at: float) -> None:
        """That the bot was away when somebody wrote or pressed something: within an hour Lark shows it once."""
        lang = await self._people.lang(where)
        cards = {one: self._card(self._words.of(one)["late"].format(time=_when(at)), one) for one in LANGS}
        await self._send(where, in_languages(cards, lang), None, unique(f"late:{where.person}"))

    async def form(self, where: Where, reply_to: str | None, uuid: str | None = None, *, root: str = "") -> None:
        """The form that begins a case, in the direct chat; `root` is the message whose thread it stands in."""
        lang = await self._people.lang(where)
        names = {one: Names(self._words.of(one), "", "start", root=root, whom=where.user) for one in LANGS}
        cards = {one: card_of(start_form(self._words.of(one)), names[one]) for one in LANGS}
        await self._send(where, in_languages(cards, lang), reply_to, uuid or unique(f"form:{reply_to}"))

    async def history(self, where: Where, reply_to: str | None, uuid: str | None = None) -> None:
        """A person's cases, in their direct chat."""
        lang = await self._people.lang(where)
        rows = [row for row in await self._store.cases_of(where.person, 30) if row.surface == NAME]
        cases = [(case_from_json(row.state), _when(row.updated)) for row in rows]
        named = [(case, when) for case, when in cases if case.domain or case.endpoints][:_MOST_CASES]
        links = await asyncio.gather(*(self._link(case) for case, _ in named))
        listed = [(case, when, url) for (case, when), url in zip(named, links, strict=True)]
        message = asides.history(listed, self._mind.wisdom(lang), Case("", where.person, NAME, "", lang))
        card = card_of(message, Names(self._words.of(lang)))
        await self._send(where, card, reply_to, uuid or unique(f"history:{reply_to}"))

    async def take_back(self, message: str) -> None:
        """Recall a message in which a secret stands before others: Lark allows it in groups that the bot manages."""
        try:
            await self._api.call("DELETE", f"/open-apis/im/v1/messages/{message}", patience=_PATIENCE)
        except (Refused, Lost) as error:
            _log.info("a message could not be recalled", code=getattr(error, "code", None))

    def in_all_languages(self, key: str, lang: Lang) -> Part:
        """A card with one sentence, for whoever reads it."""
        return in_languages({one: self._card(self._text(key, one), one) for one in LANGS}, lang)

    def toast(self, key: str) -> Mapping[str, Any]:
        """A short word above the card that was pressed, in the reader's language."""
        said = {LOCALES[lang]: self._text(key, lang)[:300] for lang in LANGS}
        return {"toast": {"type": "info", "content": said["en_us"], "i18n": said}}

    def _text(self, key: str, lang: Lang) -> str:
        return self._words.of(lang)[key].format(command=COMMAND, example=EXAMPLES["domain"])

    def _card(self, text: str, lang: Lang) -> Part:
        return card_of(Message(text, (Text(text),)), Names(self._words.of(lang)))

    async def _link(self, case: Case) -> str | None:
        thread = await self._threads.of_case(case.id)
        if thread is None or thread.root is None:
            return None
        try:
            answer = await self._api.call("GET", f"/open-apis/im/v1/messages/{thread.root}", patience=5.0)
        except (Refused, Lost):
            return None
        items = answer.get("items") or [{}]
        found = str(items[0].get("message_app_link"))
        return found if found.startswith("https://") else None

    async def _send(self, where: Where, card: Part, reply_to: str | None, uuid: str) -> None:
        body: dict[str, Any] = {
            "msg_type": "interactive",
            "content": json.dumps(card, ensure_ascii=False),
            "uuid": uuid,
        }
        if reply_to is not None:
            path = f"/open-apis/im/v1/messages/{reply_to}/reply"
            await self._api.call("POST", path, body | {"reply_in_thread": True}, patience=_PATIENCE)
            return
        new = body | {"receive_id": where.user}
        await self._api.call("POST", "/open-apis/im/v1/messages", new, patience=_PATIENCE, receive_id_type="open_id")

    async def _whisper(self, where: Where, card: Part) -> None:
        """A card that one person sees in a group, while they are there: nothing is lost with it."""
        body = {"chat_id": where.chat, "open_id": where.user, "msg_type": "interactive", "card": card}
        try:
            await self._api.call("POST", "/open-apis/ephemeral/v1/send", body, patience=10.0)
        except (Refused, Lost) as error:
            _log.info("an answer for one person could not be shown", code=getattr(error, "code", None))


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
