"""The local chat page as the stories' surface, without a browser: what its script sends, and the stream that it draws.

What a browser makes of it (keyboard, focus, colours, text as text) is told in tests/handlers/test_chat_page.py.
"""

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from bot.app import Mind
from bot.core.model import Lang
from handlers.web.session import COOKIE
from tests.stories.chat_feed import ChatSeen, Feed, strings_of
from tests.stories.pages import Opened, PageDoor, opened
from tests.stories.surface import Door, Hands, Seen, Sheet

LOCALES: Mapping[Lang, str] = {"ja": "ja-JP", "en": "en-GB", "zh": "zh-CN"}
_MIND = Mind()


@dataclass(slots=True)
class ChatSheet:
    """A form in the conversation. With errors it comes again, below."""

    hands: "ChatHands"
    seen: ChatSeen
    name: str

    @property
    def fields(self) -> Mapping[str, str]:
        return {one["name"]: one["value"] for one in self._inputs()}

    def _inputs(self) -> list[dict[str, Any]]:
        form = self.seen.form(self.name)
        assert form is not None
        return list(form["inputs"])

    @property
    def text(self) -> str:
        return self.seen.text

    async def send(self, **values: str) -> Mapping[str, str]:
        assert set(values) <= set(self.fields)
        last = self.hands.sees()[-1].id
        sent = {**self.fields, **values}
        await self.hands.act("/chat/submit", self.seen.case, form=self.name, values=sent)

        def answered() -> ChatSeen | None:
            return next((one for one in self.hands.sees() if one.id > last), None)

        answer: ChatSeen = await self.hands.until(answered, 10.0)
        if answer.form(self.name) is None:
            return {}
        self.seen = answer
        return {one["name"]: one["error"] for one in self._inputs() if one["error"]}


class ChatHands:
    """See `surface.Hands`. The browser is opened with the first thing that is done."""

    _ids = itertools.count()

    def __init__(self, surface: "ChatSurface", lang: Lang, stack: contextlib.AsyncExitStack) -> None:
        self._surface, self.lang, self._stack = surface, lang, stack
        self.feed = Feed()
        self._session: aiohttp.ClientSession | None = None
        self._case: str | None = None
        self._last: tuple[str, dict[str, Any]] | None = None

    @property
    def name(self) -> str:
        assert self._session is not None
        cookie = next(one for one in self._session.cookie_jar if one.key == COOKIE)
        return "web:" + hashlib.sha256(cookie.value.partition(".")[0].encode()).hexdigest()[:20]

    async def begin(self, text: str) -> None:
        answer = await self.act("/chat/say", None, text=text)
        self._case = str(answer["case"])
        self._watch(self._case)

    async def say(self, text: str) -> None:
        await self.act("/chat/say", self._case, text=text)

    async def press(self, seen: Seen, action: str) -> None:
        await self.act("/chat/press", seen.case, action=action, label=action)

    async def sheet(self, seen: Seen | None, name: str) -> Sheet:
        assert isinstance(seen, ChatSeen)
        if seen.form(name) is not None:
            return ChatSheet(self, seen, name)
        last = self.sees()[-1].id
        await self.press(seen, name)
        found = await self.until(lambda: next((o for o in self.sees() if o.id > last and o.form(name)), None), 10.0)
        return ChatSheet(self, found, name)

    async def door(self, offer: Seen) -> Door:
        answer = await self.act("/chat/secret", offer.case)
        return PageDoor(self._surface.origin + answer["address"])

    async def cases(self) -> str:
        """The page lists them beside the conversation, without being asked."""
        await self._browser()
        self._watch("")
        await self.until(lambda: any(line.startswith("[") for line in self.feed.raw), 10.0)
        return "\n".join(strings_of(self.feed.cases))

    async def repeat(self, times: int = 1) -> None:
        assert self._last is not None
        for _ in range(times):
            await self._post(*self._last)

    async def ask(self, text: str) -> None:
        await self.begin(text)

    async def command(self, text: str, place: str | None = None) -> None:
        raise NotImplementedError

    async def mention(self, text: str, place: str) -> None:
        raise NotImplementedError

    def sees(self, place: str | None = None) -> Sequence[ChatSeen]:
        mine = [i for i, data in sorted(self.feed.messages.items()) if data["body"]["data"].get("role") != "person"]
        return [ChatSeen(self.feed, i) for i in mine]

    async def until(self, found: Callable[[], Any], limit: float) -> Any:
        async with asyncio.timeout(limit), self.feed.changed:
            while not (result := found()):
                await self.feed.changed.wait()
            return result

    async def open(self, address: str) -> Opened:
        return await opened(self._surface.origin + address, await self._browser())

    async def act(self, path: str, case: str | None, **values: Any) -> dict[str, Any]:
        """What the page sends; its answer, {} where it is refused."""
        self._last = (path, {"id": f"story-{next(self._ids):08}", "case": case, **values})
        return await self._post(*self._last)

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        session, origin = await self._browser(), self._surface.origin
        async with session.post(origin + path, json=body, headers={"Origin": origin}) as answer:
            assert answer.status in (200, 404, 410), answer.status
            return dict(await answer.json()) if answer.status == 200 else {}

    async def _browser(self) -> aiohttp.ClientSession:
        if self._session is None:
            jar, headers = aiohttp.CookieJar(unsafe=True), {"Accept-Language": LOCALES[self.lang]}
            self._session = aiohttp.ClientSession(cookie_jar=jar, headers=headers)
            await self._stack.enter_async_context(self._session)
            async with self._session.get(self._surface.origin + "/") as front:
                assert front.status == 200
        return self._session

    def _watch(self, case: str) -> None:
        """Read a case's stream for as long as the story lasts, as an open page does."""
        task = asyncio.create_task(self._read(case))

        async def end() -> None:
            task.cancel()
            await asyncio.wait([task])

        self._stack.push_async_callback(end)

    async def _read(self, case: str) -> None:
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                await self._read_once(case)
            await asyncio.sleep(0.1)  # cut off: the page asks again a little later

    async def _read_once(self, case: str) -> None:
        session, kind = await self._browser(), ""
        address = f"{self._surface.origin}/chat/stream" + (f"?case={case}" if case else "")
        async with session.get(address, timeout=aiohttp.ClientTimeout(total=None)) as stream:
            async for line in stream.content:
                name, _, value = line.decode().rstrip("\n").partition(": ")
                kind = value if name == "event" else kind
                if name == "data":
                    await self.feed.take(kind, value, case)


class ChatSurface:
    """See `surface.Surface`."""

    name, kind = "chat", "chat"
    lang: Lang = "en"
    settings: Mapping[str, str] = {}

    def __init__(self, stack: contextlib.AsyncExitStack) -> None:
        self._stack, self.origin = stack, ""
        self._people: list[ChatHands] = []

    async def connect(self, origin: str) -> None:
        self.origin = origin

    def person(self, name: str, email: str | None, lang: Lang | None) -> ChatHands:
        hands = ChatHands(self, lang or "en", self._stack)
        self._people.append(hands)
        return hands

    def stranger(self, name: str) -> Hands:
        raise NotImplementedError

    def words(self, lang: Lang) -> Mapping[str, str]:
        texts: Mapping[str, Mapping[str, str]] = _MIND.wisdom(lang).catalogue.texts
        return {**texts["web"], **texts["words"]}

    def written(self) -> str:
        return "\n".join(line for hands in self._people for line in hands.feed.raw)

    def place(self, name: str, *people: Hands, shared: bool = False, bot: bool = True) -> str:
        raise NotImplementedError

    def public(self, place: str) -> Sequence[Seen]:
        raise NotImplementedError

    def stumble(self) -> Callable[[], bool]:
        raise NotImplementedError

    def lose_answers(self) -> Callable[[], bool]:
        raise NotImplementedError

    def faults(self) -> Sequence[str]:
        return []

    def doubles(self) -> Sequence[str]:
        keys = [(d["case"], d["key"]) for one in self._people for d in one.feed.messages.values() if d["key"]]
        return [f"{case}/{key}" for at, (case, key) in enumerate(keys) if (case, key) in keys[:at]]


@asynccontextmanager
async def open_chat() -> AsyncIterator[ChatSurface]:
    async with contextlib.AsyncExitStack() as stack:
        yield ChatSurface(stack)
