"""What is pressed and sent in cards. A secret that was typed goes into the vault, and nowhere else."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from bot.core.case import Case, case_from_json
from bot.core.events import Pressed, Submitted
from bot.core.forms import form_again, read_form
from bot.core.intake import InputError
from bot.core.message import Message
from bot.core.model import Lang
from handlers.conversation import Conversation
from handlers.lark.chat import NAME, LarkPort, unique
from handlers.lark.desk import Desk
from handlers.lark.form import start_form
from handlers.lark.inbound import Press
from handlers.lark.means import Means
from handlers.lark.openings import Openings
from handlers.lark.view import Names, card_of

Answer = Mapping[str, Any]
"""What the answer to a request says: nothing, a toast, or the card as it is from now on."""
NOTHING: Answer = {}
_MOST_SPENT = 10_000


class Presses:
    """`later` does something after the answer: it must come within three seconds."""

    def __init__(  # noqa: PLR0917 - one of each part
        self,
        means: Means,
        conversation: Conversation,
        port: LarkPort,
        openings: Openings,
        desk: Desk,
        later: Callable[[Awaitable[object]], None],
    ) -> None:
        self._store, self._people, self._words, self._mind = means.store, means.people, means.words, means.mind
        self._threads = means.threads
        self._conversation, self._port, self._openings = conversation, port, openings
        self._desk, self._later = desk, later
        self._spent: dict[str, None] = {}
        """Presses whose secret was taken: Lark may deliver them again."""

    async def pressed(self, press: Press) -> Answer:
        """A button: a link is Lark's business; forms come back with their errors; the others are events."""
        if press.link or press.where.foreign:
            _wipe(press)
            return NOTHING
        if press.action == "start":
            self._later(self._desk.form(press.where, None, unique(press.id)))
            return NOTHING
        if press.action == "submit" and press.form == "start":
            mine = press.whom in ("", press.where.user)
            return await self._started(press) if mine else self._desk.toast("command.not_yours")
        row = await self._store.case(press.case)
        if row is None or row.person != press.where.person:
            _wipe(press)
            return self._desk.toast("command.gone" if row is None else "command.not_yours")
        case = case_from_json(row.state)
        if press.secret is not None:
            return await self._secret(press, case)
        if press.action == "submit":
            return await self._submitted(press, case)
        await self._conversation.handle(press.id, case.id, Pressed(press.action))
        offer_withdrawn = press.action == "cancel" and press.key.startswith("offer")
        return self._closed("talk.cancelled", case.lang) if offer_withdrawn else NOTHING

    async def _started(self, press: Press) -> Answer:
        """The form that begins a case: it comes back with what is wrong beside its fields, or closed."""
        lang = await self._people.lang(press.where)
        texts = self._words.of(lang)
        known, errors = read_form(Case("", press.where.person, NAME, "", lang), press.values)
        wrong = _told(errors, texts)
        if not errors and not known.domain and not known.endpoints:
            wrong = {"domain": texts["form.missing"]}
        if wrong:
            return self._again(start_form(texts, press.values, wrong), lang, press)
        event, root = Submitted("start", press.values), await self._root(press)
        await self._openings.begin(press.id, press.where, event, place=press.message or press.id, root=root)
        return self._closed("form.sent", lang)

    async def _root(self, press: Press) -> str | None:
        """Where the case goes on: in the thread that its form stands in, otherwise in one below the form."""
        if not press.where.chat:
            return None
        free = press.root and await self._threads.at(press.where.chat, press.root) is None
        return (press.root if free else press.message) or None

    async def _submitted(self, press: Press, case: Case) -> Answer:
        """A form of a case."""
        if press.form != "share":
            _, errors = read_form(case, press.values)
            if errors:
                again = form_again(press.form, case, self._mind.wisdom(case.lang), press.values, errors)
                return self._again(again, case.lang, press)
        await self._conversation.handle(press.id, case.id, Submitted(press.form, press.values))
        return self._closed("form.sent", case.lang)

    async def _secret(self, press: Press, case: Case) -> Answer:
        """Take the secret for the case's live offer. The card loses its field."""
        assert press.secret is not None
        if press.id in self._spent:
            press.secret.wipe()
            return self._closed("secret.taken", case.lang)
        self._spend(press.id)  # also while it is being taken
        taken = False
        try:
            token = await self._conversation.offers.renew(case.id) if self._port.secret_forms else None
            taken = token is not None and await self._conversation.take_secret(token, press.secret)
        finally:
            if not taken:
                press.secret.wipe()
                self._spent.pop(press.id, None)
        return self._closed("secret.taken" if taken else "talk.expired", case.lang)

    def _spend(self, name: str) -> None:
        self._spent[name] = None
        while len(self._spent) > _MOST_SPENT:
            del self._spent[next(iter(self._spent))]

    def _again(self, message: Message, lang: Lang, press: Press) -> Answer:
        """The card with its form, filled in and with its errors."""
        return _card(
            card_of(message, Names(self._words.of(lang), press.case, press.key, root=press.root, whom=press.whom))
        )

    def _closed(self, key: str, lang: Lang) -> Answer:
        """The card without anything that can be pressed."""
        return _card(self._desk.in_all_languages(key, lang))


def _wipe(press: Press) -> None:
    if press.secret is not None:
        press.secret.wipe()


def _told(errors: Sequence[InputError], texts: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with each field, with an example."""
    return {
        error.field: texts["input_error"].format(
            field=texts.get(f"field.{error.field}", error.field), typed=error.typed[:100], example=error.example
        )
        for error in errors
    }


def _card(card: Mapping[str, Any]) -> Answer:
    return {"card": {"type": "raw", "data": dict(card)}}
