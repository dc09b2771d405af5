"""The bot's own pages, as a browser without scripts uses them."""

import contextlib
from dataclasses import dataclass

import aiohttp


@dataclass(frozen=True, slots=True)
class Opened:
    """What an address answers."""

    status: int
    kind: str
    disposition: str
    text: str


async def type_secret(url: str, secret: str) -> int:
    """Send the form of the secret page; the status of the answer."""
    async with aiohttp.ClientSession() as session:
        origin = "/".join(url.split("/")[:3])
        async with session.post(url, data={"secret": secret}, headers={"Origin": origin}) as answer:
            return answer.status


async def opened(url: str, browser: aiohttp.ClientSession | None = None) -> Opened:
    """An address as whoever has it opens it, or in somebody's own browser."""
    async with contextlib.AsyncExitStack() as stack:
        session = browser if browser is not None else await stack.enter_async_context(aiohttp.ClientSession())
        async with session.get(url) as answer:
            raw, disposition = await answer.read(), answer.headers.get("Content-Disposition", "")
            return Opened(answer.status, answer.content_type, disposition, raw.decode(errors="replace"))


@dataclass(frozen=True, slots=True)
class PageDoor:
    """The secret page (see `surface.Door`)."""

    url: str

    async def give(self, secret: str) -> bool:
        status = await type_secret(self.url, secret)
        assert status in (200, 404, 410)
        return status == 200
