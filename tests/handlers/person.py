"""A person before a platform of the tests' own, and before the web pages: what they see and what they do."""

import asyncio
import itertools
import re
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from bot.core.case import Case
from bot.core.message import Button, Buttons, Message


@dataclass
class Desk:
    """A port that keeps what it is given, in order, and can be made to fail or to wait."""

    name: str = "desk"
    secret_forms: bool = False
    open_to_all: bool = True
    channels: bool = False
    update_every: float = 0.0
    seen: list[tuple[str, str, Message]] = field(default_factory=list)
    fail: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    def __post_init__(self) -> None:
        self.gate.set()

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:
        await self._take("post", key, message)
        return f"ref-{key}"

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        assert ref == f"ref-{key}"
        await self._take("amend", key, message)

    async def _take(self, kind: str, key: str, message: Message) -> None:
        await self.gate.wait()
        if self.fail:
            self.fail -= 1
            raise ConnectionError("the platform is away")
        async with self.changed:
            self.seen.append((kind, key, message))
            self.changed.notify_all()

    def names(self, kind: str = "post") -> list[str]:
        return [key for seen, key, _ in self.seen if seen == kind]

    def last(self, key: str) -> Message | None:
        """The newest state of a message."""
        return next((message for _, seen, message in reversed(self.seen) if seen == key), None)

    async def shown(self, key: str, limit: float = 10) -> Message:
        """Wait until a message of this name is there."""
        async with asyncio.timeout(limit), self.changed:
            await self.changed.wait_for(lambda: self.last(key) is not None)
        message = self.last(key)
        assert message is not None
        return message

    async def begins(self, prefix: str, limit: float = 10) -> tuple[str, Message]:
        """Wait for a message whose name begins so."""

        def found() -> list[tuple[str, Message]]:
            return [(key, message) for _, key, message in self.seen if key.startswith(prefix)]

        async with asyncio.timeout(limit), self.changed:
            await self.changed.wait_for(lambda: bool(found()))
        return found()[-1]


def button(message: Message, action: str) -> Button | None:
    """A message's button of an action."""
    rows = [block for block in message.blocks if isinstance(block, Buttons)]
    return next((b for row in rows for b in row.buttons if b.action == action), None)


def token_of(message: Message) -> str:
    """The token of the link that an offer's button opens."""
    offer = button(message, "secret")
    assert offer is not None
    assert offer.url is not None
    return offer.url.rpartition("/s/")[2]


class Visitor:
    """A program that plays a browser before the pages: cookies, headers, JSON."""

    _ids = itertools.count()

    def __init__(self, session: aiohttp.ClientSession, origin: str) -> None:
        self.session, self.origin = session, origin

    async def get(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        response = await self.session.get(self.origin + path, allow_redirects=False, **options)
        await response.read()
        return response

    async def post(self, path: str, **options: Any) -> aiohttp.ClientResponse:
        response = await self.session.post(self.origin + path, allow_redirects=False, **options)
        await response.read()
        return response

    async def act(
        self, path: str, case: str | None = None, name: str | None = None, **values: Any
    ) -> aiohttp.ClientResponse:
        """What the chat page sends."""
        body = {"id": name or f"test-{next(self._ids):08}", "case": case, **values}
        return await self.post(path, json=body, headers={"Origin": self.origin})

    async def until(self, case: str, key: str, limit: float = 10) -> str:
        """Read the stream of a case until a message of this name has come; all that came."""
        came = ""
        async with asyncio.timeout(limit), self.session.get(f"{self.origin}/chat/stream?case={case}") as response:
            async for line in response.content:
                came += line.decode()
                if re.search(f'"key":"{re.escape(key)}', line.decode()):
                    return came
        raise AssertionError(f"the stream ended without {key}: {came}")
