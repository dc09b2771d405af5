"""Lark as the stories' surface: people before the strict Lark of tests/servers."""

import functools
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.app import Mind
from bot.core.model import Lang
from handlers.lark.words import Words
from tests.servers.lark import Answer, FakeLark, Person
from tests.servers.lark.card import words_of
from tests.servers.lark.people import Ack
from tests.servers.lark.state import Posted, value_of
from tests.stories.pages import Opened, PageDoor, opened
from tests.stories.surface import Door, Hands, Make, Seen, Sheet

WORDS = Words(Mind())
SPOKEN: Mapping[Lang | None, str] = {
    None: "{0}",
    "ja": "{0} の移行を確認してください",
    "en": "please look at {0} for me",
    "zh": "请检查 {0} 的迁移",
}
"""Lark tells no language: what people write does."""


def settings_of(lark: FakeLark, mode: str = "webhook") -> dict[str, str]:
    """What makes a bot serve this Lark."""
    way = {"MIGCHECK_LARK__ENCRYPT_KEY": lark.encrypt_key if mode == "webhook" else ""}
    way |= {"MIGCHECK_LARK__MODE": "websocket"} if mode == "websocket" else {}
    return {
        "MIGCHECK_LARK__ENABLED": "true",
        "MIGCHECK_LARK__BASE_URL": lark.base_url,
        "MIGCHECK_LARK__APP_ID": lark.app_id,
        "MIGCHECK_LARK__APP_SECRET": lark.app_secret,
        "MIGCHECK_LARK__VERIFICATION_TOKEN": lark.verification_token,
        **way,
    }


class _Remembering(Person):
    """Knows what was sent last."""

    last: dict[str, Any] | None = None

    async def deliver(self, body: dict[str, Any]) -> Ack:
        self.last = body
        return await super().deliver(body)


@dataclass(frozen=True, slots=True)
class LarkSeen:
    message: Posted

    @property
    def case(self) -> str:
        values = [str(value_of(part).get("case") or "") for part in self.message.buttons]
        return next((value for value in values if value), "")

    @property
    def thread(self) -> str:
        return self.message.root or self.message.id

    @property
    def text(self) -> str:
        return self.message.words

    @property
    def marked(self) -> str:
        return "\n".join(part["content"] for part in self.message.elements if part["tag"] == "markdown")

    @property
    def actions(self) -> Sequence[str]:
        forms = [part["name"].replace("_", ".", 1) for part in self.message.elements if part["tag"] == "form"]
        return [action for action in self.message.actions if action != "submit"] + forms

    @property
    def links(self) -> Mapping[str, str]:
        return {str(value_of(part)["action"]): url for part in self.message.buttons for url in _opens(part)}

    @property
    def addresses(self) -> Sequence[str]:
        return [url for part in self.message.buttons for url in _opens(part)]

    @property
    def colour(self) -> str:
        return str((self.message.card or {}).get("header", {}).get("template", ""))

    @property
    def report(self) -> bool:
        return self.message.button("export") is not None


def _opens(button: Mapping[str, Any]) -> list[str]:
    return [str(b["default_url"]) for b in button.get("behaviors", []) if b["type"] == "open_url"]


@dataclass(slots=True)
class LarkSheet:
    """The form of a card. What is wrong comes back in the same card, behind each field."""

    person: Person
    message: Posted

    def _parts(self) -> list[dict[str, Any]]:
        return next((part["elements"] for part in self.message.elements if part["tag"] == "form"), [])

    @property
    def fields(self) -> Mapping[str, str]:
        named = [part for part in self._parts() if "name" in part and part["tag"] != "button"]
        return {p["name"]: str(p.get("default_value") or p.get("initial_option") or "") for p in named}

    @property
    def text(self) -> str:
        return self.message.words

    async def send(self, **values: str) -> Mapping[str, str]:
        await self.person.submits(self.message, **values)
        parts = self._parts()
        said = [(field, words_of(beside).strip()) for field, beside in itertools.pairwise(parts)]
        return {field["name"]: text for field, text in said if "name" in field and text.startswith("✗")}


@dataclass(frozen=True, slots=True)
class CardDoor:
    """The field in the card; once that is closed there is nothing to type into."""

    person: Person
    message: Posted

    async def give(self, secret: str) -> bool:
        if self.message.field("secret") is None:
            return False
        over = {WORDS.of(lang)["talk.expired"] for lang in ("ja", "en", "zh")}
        await self.person.submits(self.message, secret=secret)
        return not any(words in self.message.words for words in over)


class LarkHands:
    """See `surface.Hands`."""

    def __init__(self, person: _Remembering, lang: Lang | None) -> None:
        self._person, self._lark, self._spoken = person, person.lark, SPOKEN[lang]
        self.lang: Lang = lang or "ja"
        self.name = f"lark:{person.lark.tenant}:{person.id}"
        self._root: str | None = None

    async def begin(self, text: str) -> None:
        self._root = await self._person.says(self._spoken.format(text))

    async def say(self, text: str) -> None:
        await self._person.says(text, thread=self._root or self.sees()[-1].thread)

    async def press(self, seen: Seen, action: str) -> None:
        assert isinstance(seen, LarkSeen)
        await self._person.presses(seen.message, action)

    async def sheet(self, seen: Seen | None, name: str) -> Sheet:
        if isinstance(seen, LarkSeen) and f"form.{name}" in seen.actions:
            return LarkSheet(self._person, seen.message)
        before = {message.id for message in self._person.sees()}
        if seen is None:
            await self._person.menu("new")
        else:
            await self.press(seen, name)

        def found() -> LarkSeen | None:
            new = [one for one in self.sees() if one.message.id not in before]
            return next((one for one in new if f"form.{name}" in one.actions), None)

        return LarkSheet(self._person, (await self._lark.until(found)).message)

    async def door(self, offer: Seen) -> Door:
        assert isinstance(offer, LarkSeen)
        return PageDoor(offer.links["secret"]) if "secret" in offer.links else CardDoor(self._person, offer.message)

    async def cases(self) -> str:
        before = len(self.sees())
        await self._person.says("history")
        await self._lark.until(lambda: len(self.sees()) > before)
        return self.sees()[-1].text

    async def open(self, address: str) -> Opened:
        return await opened(address)

    async def repeat(self, times: int = 1) -> None:
        assert self._person.last is not None
        for _ in range(times):
            await self._person.deliver(self._person.last)

    async def ask(self, text: str) -> None:
        await self.command(text)

    async def command(self, text: str, place: str | None = None) -> None:
        """As text: an answer to it stands in its thread where one is alone with the bot."""
        typed = f"/migcheck {text}"
        if place is None:
            self._root = await self._person.says(typed)
        else:
            await self.mention(typed, place)

    async def mention(self, text: str, place: str) -> None:
        self._root = None
        await self._person.mentions(text, place)

    def sees(self, place: str | None = None) -> Sequence[LarkSeen]:
        return [LarkSeen(message) for message in self._person.sees(place)]

    async def until(self, found: Callable[[], Any], limit: float) -> Any:
        return await self._lark.until(found, limit)


class LarkSurface:
    """See `surface.Surface`."""

    kind = "lark"
    lang: Lang = "ja"

    def __init__(self, lark: FakeLark, mode: str) -> None:
        self._lark, self._mode, self.name = lark, mode, f"lark-{mode}"

    @property
    def settings(self) -> Mapping[str, str]:
        return settings_of(self._lark, self._mode)

    async def connect(self, origin: str) -> None:
        self._lark.delivery.url = f"{origin}/lark/events" if self._mode == "webhook" else None
        if self._mode == "websocket":
            await self._lark.until(lambda: any(not socket.closed for socket in self._lark.sockets))
        await self._lark.until(lambda: self._lark.made("bot.info"))

    def person(self, name: str, email: str | None, lang: Lang | None) -> LarkHands:
        user = f"ou_{name}"
        self._lark.person(user, email=email)
        return LarkHands(_Remembering(self._lark, user, self._lark.tenant), lang)

    def stranger(self, name: str) -> LarkHands:
        user = f"ou_{name}"
        self._lark.person(user)
        return LarkHands(_Remembering(self._lark, user, "tenant9"), None)

    def words(self, lang: Lang) -> Mapping[str, str]:
        return WORDS.of(lang)

    def written(self) -> str:
        lark = self._lark
        shown = [(m.text, m.card, m.states) for m in lark.messages.values() if m.author == lark.bot]
        return json.dumps([shown, [c.args for c in lark.calls], lark.toasts], ensure_ascii=False)

    def place(self, name: str, *people: Hands, shared: bool = False, bot: bool = True) -> str:
        members = [person.name.rpartition(":")[2] for person in people]
        return self._lark.group(f"oc_{name}", *members, *([self._lark.bot] if bot else []), external=shared)

    def public(self, place: str) -> Sequence[LarkSeen]:
        shown = self._lark.messages.values()
        return [LarkSeen(m) for m in shown if (m.chat, m.author, m.whom) == (place, self._lark.bot, None)]

    def stumble(self) -> Callable[[], bool]:
        script = self._lark.script
        script["auth"].append(Answer(503))
        script["user.get"].append(Answer(429, wait=0.2))
        script["message.reply"].extend([Answer(429, wait=0.2), Answer(503), Answer(0), Answer(400, 230020)])
        script["message.patch"].extend([Answer(429, wait=0.2), Answer(500), Answer(400, 230020)])
        return self._spent

    def lose_answers(self) -> Callable[[], bool]:
        self._lark.script["message.reply"].extend([Answer(502, after_effect=True), Answer(0, after_effect=True)])
        return self._spent

    def faults(self) -> Sequence[str]:
        return self._lark.faults

    def _spent(self) -> bool:
        return not any(self._lark.script.values())

    def doubles(self) -> Sequence[str]:
        shown = [(m.chat, m.words) for m in self._lark.messages.values() if m.author == self._lark.bot]
        return [words for at, (chat, words) in enumerate(shown) if (chat, words) in shown[:at]]


@asynccontextmanager
async def open_lark(mode: str) -> AsyncIterator[LarkSurface]:
    async with FakeLark() as lark:
        yield LarkSurface(lark, mode)


WEBHOOK: Make = functools.partial(open_lark, "webhook")
WEBSOCKET: Make = functools.partial(open_lark, "websocket")
