"""Clients that are slow, many, or send too much: they end, and whoever comes meanwhile is served."""

import asyncio
import contextlib
import gzip
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_bolt_request

from bot.app import Mind
from handlers.web.clients import PATIENT, Patience
from handlers.web.forms import read_field
from handlers.web.health import Health
from handlers.web.server import bind, make_app, serving

HASTY = Patience(idle=0.6, body=0.4)
LIMIT = 3.0
Serve = Callable[..., AbstractAsyncContextManager["Site"]]


class Site:
    """The bot's web server with pages of each way to read a body; `reached` are the handlers that ran."""

    def __init__(self, port: int) -> None:
        self.port, self.reached = port, list[str]()
        self.host = f"127.0.0.1:{port}"

    async def as_json(self, request: web.Request) -> web.Response:
        await request.json()
        self.reached.append("json")
        return web.Response(text="ok")

    async def as_form(self, request: web.Request) -> web.Response:
        await read_field(request, "secret")
        self.reached.append("form")
        return web.Response(text="ok")

    async def as_slack(self, request: web.Request) -> web.Response:
        await to_bolt_request(request)
        self.reached.append("slack")
        return web.Response(text="ok")

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_connection("127.0.0.1", self.port)

    async def exchange(self, *parts: bytes, pace: float = 0.0) -> bytes:
        """Send parts one after another until the server ends the connection; all that it said."""
        reader, writer = await self.connect()
        sending = asyncio.create_task(_send(writer, parts, pace))
        try:
            async with asyncio.timeout(LIMIT):
                return await _all_of(reader)
        finally:
            sending.cancel()
            writer.close()

    def head(self, path: str, *lines: str, method: str = "POST") -> bytes:
        return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {self.host}", *lines, "", ""]).encode()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    got = b""
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            got += data
    return got


async def _send(writer: asyncio.StreamWriter, parts: tuple[bytes, ...], pace: float) -> None:
    with contextlib.suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pace)


@pytest.fixture
def serve() -> Serve:
    @asynccontextmanager
    async def begun(patience: Patience = HASTY, most: int | None = None) -> AsyncIterator[Site]:
        with bind("127.0.0.1", 0) as listener:
            site = Site(listener.getsockname()[1])
            routes = [*Health({}).routes(), web.post("/json", site.as_json), web.post("/form", site.as_form)]
            routes.append(web.post("/slack/events", site.as_slack))
            app = make_app({site.host}, Mind(), routes, patience)
            async with serving(app, listener, patience, most):
                yield site

    return begun


async def test_nobody_waits_for_a_head_that_does_not_come(serve: Serve) -> None:
    async with serve() as site:
        assert await site.exchange() == b""
        assert await site.exchange(b"GET / HTTP/1.1\r\n") == b""
        assert await site.exchange(b"GET / HTTP/1.1\r\nX: ", *[b"y"] * 100, pace=0.05) == b""
        assert await site.exchange(b"GET / HTTP/1.1\r\n", *[b"X: y\r\n"] * 100, pace=0.05) == b""


async def test_nobody_waits_for_the_next_request(serve: Serve) -> None:
    async with serve() as site:
        said = await site.exchange(site.head("/healthz", method="GET"))
        assert said.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("path", ["/json", "/form", "/slack/events", "/none"])
async def test_nobody_waits_for_a_body_that_does_not_come(serve: Serve, path: str) -> None:
    kind = "application/x-www-form-urlencoded" if path == "/form" else "application/json"
    async with serve() as site:
        for length in ("Content-Length: 1000", "Transfer-Encoding: chunked"):
            head = site.head(path, f"Content-Type: {kind}", length, "Connection: close")
            drip = [b"1\r\nx\r\n" if "chunked" in length else b"x"] * 100
            said = await site.exchange(head, *drip, pace=0.05)
            assert said.startswith(b"HTTP/1.1 408"), said[:100]
        assert site.reached == []


@pytest.mark.parametrize("path", ["/json", "/form", "/slack/events"])
async def test_bodies_are_read_up_to_a_size(serve: Serve, path: str) -> None:
    async with serve() as site:
        for length in ("Content-Length: 50000000", "Transfer-Encoding: chunked"):
            head = site.head(path, "Content-Type: application/x-www-form-urlencoded", length, "Connection: close")
            piece = b"4000\r\n" + b"x" * 0x4000 + b"\r\n" if "chunked" in length else b"x" * 0x4000
            said = await site.exchange(head, *[piece] * 40)
            assert said.startswith(b"HTTP/1.1 413"), said[:100]
        assert site.reached == []


@pytest.mark.parametrize("path", ["/json", "/form", "/slack/events"])
async def test_packed_bodies_are_not_unpacked(serve: Serve, path: str) -> None:
    bomb = gzip.compress(b" " * (40 << 20))
    async with serve() as site:
        for coding in ("gzip", "deflate", "br", "zstd", "gzip, gzip"):
            lines = ("Content-Type: application/json", f"Content-Encoding: {coding}", f"Content-Length: {len(bomb)}")
            said = await site.exchange(site.head(path, *lines, "Connection: close"), bomb)
            assert said.startswith(b"HTTP/1.1 415"), said[:100]
        assert site.reached == []


@pytest.mark.parametrize("body", ["[" * 60_000, '{"a":' * 20_000, "[" * 30_000 + "]" * 30_000])
@pytest.mark.parametrize("path", ["/json", "/slack/events"])
async def test_nested_bodies_are_a_bad_request(serve: Serve, path: str, body: str) -> None:
    """Slack's are read before their signature can be checked, so anybody can send one."""
    async with serve() as site:
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
        said = await site.exchange(site.head(path, *lines), body.encode())
        assert said.startswith(b"HTTP/1.1 400"), said[:100]
        assert site.reached == []


@pytest.mark.parametrize(
    "request_line",
    [
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(5000)) + b"\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    ],
)
async def test_heads_that_are_none(serve: Serve, request_line: bytes, caplog: pytest.LogCaptureFixture) -> None:
    async with serve() as site:
        said = await site.exchange(request_line)
        assert said[:12] in (b"HTTP/1.1 400", b"HTTP/1.0 400", b""), said[:100]
        assert b"Traceback" not in said
    assert "\x1b" not in caplog.text


async def test_others_are_served_meanwhile(serve: Serve) -> None:
    async with serve() as site:
        slow = [await site.connect() for _ in range(60)]
        for _, writer in slow:
            writer.write(b"POST /json HTTP/1.1\r\n")
        async with asyncio.timeout(1):
            reader, writer = await site.connect()
            writer.write(site.head("/healthz", method="GET"))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        for _, each in [*slow, (reader, writer)]:
            each.close()


async def test_connections_beyond_what_can_be_afforded_are_closed(serve: Serve) -> None:
    async with serve(PATIENT, most=10) as site:
        held = [await site.connect() for _ in range(10)]
        for reader, writer in held:  # each is known to be taken before the next comes
            writer.write(site.head("/healthz", method="GET"))
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        assert await site.exchange() == b""
        held[0][1].close()
        await held[0][1].wait_closed()
        async with asyncio.timeout(LIMIT):
            while not (await site.exchange(site.head("/healthz", "Connection: close", method="GET"))):
                await asyncio.sleep(0.01)
        for _, writer in held:
            writer.close()


async def test_a_client_that_reads_nothing_holds_nobody_up(serve: Serve) -> None:
    async with serve() as site:
        deaf = socket.create_connection(("127.0.0.1", site.port))
        deaf.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(2000):
                deaf.send(site.head("/healthz", method="GET"))
        body = json.dumps({}).encode()
        lines = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Connection: close")
        assert (await site.exchange(site.head("/json", *lines), body)).startswith(b"HTTP/1.1 200")
        deaf.close()


def test_by_default_nobody_is_waited_for_long() -> None:
    assert 60 < PATIENT.idle <= 120
    assert PATIENT.body <= 30
