"""Slack as the stories' surface: people before the strict Slack of tests/servers."""

import functools
import html
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from bot.app import Mind
from bot.core.model import Lang
from handlers.slack.inbound import meant
from handlers.slack.words import Words
from tests.servers.slack import Answer, FakeSlack, Person, Posted
from tests.servers.slack.kit import words_of
from tests.servers.slack.people import Ack
from tests.stories.pages import Opened, PageDoor, opened
from tests.stories.surface import Door, Hands, Make, Seen, Sheet

WORDS = Words(Mind())
LOCALES: Mapping[Lang, str] = {"ja": "ja-JP", "en": "en-US", "zh": "zh-CN"}


def settings_of(slack: FakeSlack, mode: str = "http") -> dict[str, str]:
    """What makes a bot serve this Slack."""
    way = {"MIGCHECK_SLACK__SIGNING_SECRET": slack.signing_secret if mode == "http" else ""}
    way |= {"MIGCHECK_SLACK__MODE": "socket", "MIGCHECK_SLACK__APP_TOKEN": slack.app_token} if mode == "socket" else {}
    return {
        "MIGCHECK_SLACK__ENABLED": "true",
        "MIGCHECK_SLACK__API_URL": slack.api_url,
        "MIGCHECK_SLACK__BOT_TOKEN": slack.bot_token,
        **way,
    }


class _Remembering(Person):
    """Knows what was sent last."""

    last: tuple[str, dict[str, Any]] | None = None

    async def deliver(
        self, kind: str, body: dict[str, Any], *, retry: int = 0, headers: dict[str, str] | None = None
    ) -> Ack:
        self.last = (kind, body)
        return await super().deliver(kind, body, retry=retry, headers=headers)


@dataclass(frozen=True, slots=True)
class SlackSeen:
    message: Posted

    @property
    def case(self) -> str:
        values = [str(a["value"]) for a in self.message.actions if a.get("value")]
        named = [str(block["block_id"]) for block in self.message.blocks[:1] if "block_id" in block]
        return next((value.partition("/")[0] for value in (*named, *values) if "/" in value), "")

    @property
    def thread(self) -> str:
        return self.message.thread or self.message.ts

    @property
    def text(self) -> str:
        tasks = "\n".join(str(task) for task in self.message.tasks.values())
        return f"{html.unescape(self.message.text)}\n{self.message.words}\n{tasks}"

    @property
    def marked(self) -> str:
        marks = [part["text"] for part in _parts(self.message.blocks) if part.get("type") == "mrkdwn"]
        return "\n".join([self.message.text, *marks])

    @property
    def actions(self) -> Sequence[str]:
        return [meant(a["action_id"].removeprefix("migcheck.")) for a in self.message.actions]

    @property
    def links(self) -> Mapping[str, str]:
        return {a["action_id"].removeprefix("migcheck."): a["url"] for a in self.message.actions if "url" in a}

    @property
    def addresses(self) -> Sequence[str]:
        return [part["url"] for part in _parts(self.message.blocks) if "url" in part]

    @property
    def colour(self) -> str:
        return ""

    @property
    def report(self) -> bool:
        return (self.message.metadata or {}).get("event_type") == "migcheck_report"


def _parts(blocks: Any) -> Iterator[dict[str, Any]]:
    if isinstance(blocks, dict):
        yield blocks
        for part in blocks.values():
            yield from _parts(part)
    elif isinstance(blocks, list):
        for part in blocks:
            yield from _parts(part)


@dataclass(slots=True)
class SlackSheet:
    """A window. Slack keeps it open while there are errors."""

    person: Person
    view: dict[str, Any]

    @property
    def fields(self) -> Mapping[str, str]:
        return {b["block_id"]: _filled(b["element"]) for b in self.view["blocks"] if b["type"] == "input"}

    @property
    def text(self) -> str:
        return words_of(self.view["blocks"])

    async def send(self, **values: str) -> Mapping[str, str]:
        ack = await self.person.submits(self.view, **values)
        return dict(ack.body.get("errors", {})) if isinstance(ack.body, dict) else {}


def _filled(element: Mapping[str, Any]) -> str:
    option = element.get("initial_option") or {}
    return str(element.get("initial_value") or element.get("initial_conversation") or option.get("value") or "")


@dataclass(frozen=True, slots=True)
class WindowDoor:
    sheet: SlackSheet

    async def give(self, secret: str) -> bool:
        return not await self.sheet.send(secret=secret)


class SlackHands:
    """See `surface.Hands`."""

    def __init__(self, person: _Remembering, lang: Lang) -> None:
        self._person, self._slack, self.lang = person, person.slack, lang
        self.name = f"slack:{person.team.id}:{person.id}"
        self._root: str | None = None

    async def begin(self, text: str) -> None:
        self._root = await self._person.says(text)

    async def say(self, text: str) -> None:
        root = self._root or self.sees()[-1].thread
        await self._person.says(text, thread=root)

    async def press(self, seen: Seen, action: str) -> None:
        assert isinstance(seen, SlackSeen)
        named = "offer" if action == "secret" and seen.message.action("offer") else action.replace(":", ".")
        await self._person.presses(seen.message, named)

    async def sheet(self, seen: Seen | None, name: str) -> Sheet:
        before = set(self._person.team.views)
        if seen is None:
            await self._person.command("")
        else:
            await self.press(seen, f"form.{name}" if f"form.{name}" in seen.actions else name)
        return SlackSheet(self._person, await self._window(before))

    async def _window(self, before: set[str]) -> dict[str, Any]:
        """The window that was opened for this person since."""

        def found() -> dict[str, Any] | None:
            views = self._person.team.views
            return next((v for k, v in views.items() if k not in before and v["user"] == self._person.id), None)

        view: dict[str, Any] = await self._slack.until(found, 5.0)
        return view

    async def door(self, offer: Seen) -> Door:
        if "secret" in offer.links:
            return PageDoor(offer.links["secret"])
        before = set(self._person.team.views)
        await self.press(offer, "secret")
        return WindowDoor(SlackSheet(self._person, await self._window(before)))

    async def cases(self) -> str:
        before = len(self.sees())
        await self._person.command("history")
        await self._slack.until(lambda: len(self.sees()) > before)
        return self.sees()[-1].text

    async def open(self, address: str) -> Opened:
        return await opened(address)

    async def repeat(self, times: int = 1) -> None:
        assert self._person.last is not None
        kind, body = self._person.last
        for turn in range(1, times + 1):
            await self._person.deliver(kind, body, retry=turn)

    async def ask(self, text: str) -> None:
        await self.command(text)

    async def command(self, text: str, place: str | None = None) -> None:
        self._root = None
        ack = await self._person.command(text, place)
        assert ack.status == 200

    async def mention(self, text: str, place: str) -> None:
        self._root = None
        await self._person.mentions(text, place)

    def sees(self, place: str | None = None) -> Sequence[SlackSeen]:
        return [SlackSeen(message) for message in self._person.sees(place)]

    async def until(self, found: Callable[[], Any], limit: float) -> Any:
        return await self._slack.until(found, limit)


class SlackSurface:
    """See `surface.Surface`."""

    kind = "slack"
    lang: Lang = "en"

    def __init__(self, slack: FakeSlack, mode: str) -> None:
        self._slack, self._mode, self.name = slack, mode, f"slack-{mode}"

    @property
    def settings(self) -> Mapping[str, str]:
        return settings_of(self._slack, self._mode)

    async def connect(self, origin: str) -> None:
        self._slack.delivery.url = f"{origin}/slack/events" if self._mode == "http" else None
        if self._mode == "socket":
            await self._slack.until(lambda: any(not socket.closed for socket in self._slack.sockets))

    def person(self, name: str, email: str | None, lang: Lang | None) -> SlackHands:
        user = f"U{name.upper()}"
        self._slack.person(user, email=email, locale=LOCALES[lang or "en"])
        return SlackHands(_Remembering(self._slack, self._slack.team, user), lang or "en")

    def stranger(self, name: str) -> SlackHands:
        user = f"U{name.upper()}"
        self._slack.person(user, email=f"{name}@evil.test", is_stranger=True, team_id="T0666")
        return SlackHands(_Remembering(self._slack, self._slack.team, user), "en")

    def words(self, lang: Lang) -> Mapping[str, str]:
        return WORDS.of(lang)

    def written(self) -> str:
        team, slack = self._slack.team, self._slack
        shown = [(m.text, m.blocks, m.states, m.tasks) for m in team.messages if m.author == team.bot]
        return json.dumps([shown, [c.args for c in slack.calls], team.views, team.homes], ensure_ascii=False)

    def place(self, name: str, *people: Hands, shared: bool = False, bot: bool = True) -> str:
        members = [person.name.rpartition(":")[2] for person in people]
        return self._slack.channel(f"C{name.upper()}", *members, *(["UBOT"] if bot else []), shared=shared)

    def public(self, place: str) -> Sequence[SlackSeen]:
        team = self._slack.team
        return [SlackSeen(m) for m in team.messages if (m.channel, m.author, m.whom) == (place, team.bot, None)]

    def stumble(self) -> Callable[[], bool]:
        script = self._slack.script
        script["users.info"].append(Answer(429, retry_after=1))
        script["chat.postMessage"].extend([Answer(429, retry_after=1), Answer(503), Answer(0)])
        script["chat.update"].extend([Answer(429, retry_after=1), Answer(500)])
        return self._spent

    def lose_answers(self) -> Callable[[], bool]:
        self._slack.script["chat.postMessage"].extend([Answer(502, after_effect=True), Answer(0, after_effect=True)])
        return self._spent

    def faults(self) -> Sequence[str]:
        return self._slack.faults

    def _spent(self) -> bool:
        return not any(self._slack.script.values())

    def doubles(self) -> Sequence[str]:
        shown = [m for m in self._slack.team.messages if m.blocks and "block_id" in m.blocks[0] and not m.whom]
        names = [m.blocks[0]["block_id"] for m in shown]
        return [name for name in names if names.count(name) > 1]


@asynccontextmanager
async def open_slack(mode: str) -> AsyncIterator[SlackSurface]:
    async with FakeSlack() as slack:
        yield SlackSurface(slack, mode)


HTTP: Make = functools.partial(open_slack, "http")
SOCKET: Make = functools.partial(open_slack, "socket")
