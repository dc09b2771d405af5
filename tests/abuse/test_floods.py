"""What drowns a careless client: answers without end, in tiny pieces, packed, nested or endlessly many."""

import asyncio
import gzip
import ssl
import time
from collections.abc import Callable
from typing import Self

import pytest

from bot.checks.domain.wire import read_autoconfig
from bot.checks.ews.autodiscover import read_answer
from bot.checks.ews.wire import parse_xml, read_soap
from bot.checks.link.dns import Resolver, questions
from bot.checks.link.fetch import MAX_BODY, fetch
from bot.checks.link.line import Net, Timeouts
from bot.checks.link.policy import policy
from bot.checks.m365.wire import read_realm, read_tenant
from bot.core.model import Endpoint
from handlers.lark.inbound import text_of
from tests.checks.exchanging import ADMIN, HOST, PASSWORD
from tests.checks.running import HASTY, examine, make_world, network_in
from tests.servers.exchange import EWS
from tests.servers.hostile import Victim
from tests.servers.listener import Listener
from tests.servers.script import Transcript
from tests.servers.web import Page
from tests.servers.wire import Wire
from tests.servers.world import World

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FLOODS = {
    "announcements": (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "continue": (b"", b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n"),
    "chunks of a byte": (CHUNKED, b"1\r\nx\r\n"),
    "chunks with remarks": (CHUNKED, b"1;" + b"a" * 200 + b"\r\nx\r\n"),
    "a body": (b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1000),
    "a head": (b"HTTP/1.1 200 OK\r\n", b"X-More: y\r\n"),
    "a line": (b"HTTP/1.1 200 OK\r\nX: ", b"y" * 1000),
    "a trailer": (CHUNKED + b"0\r\n", b"X-More: y\r\n"),
}
MOST_TAKEN = 6 << 20
"""Bytes that a client may take before it leaves, what lies in the sockets' buffers included."""


class Flood:
    """An HTTP server that answers with a beginning and then the same bytes without end; `sent` counts them."""

    def __init__(self, name: str, context: ssl.SSLContext | None, host: str, port: int) -> None:
        self.first, self.more = FLOODS[name]
        self.context, self.sent = context, 0
        self._listener = Listener(self._serve, host, port)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self.host, self.port = self._listener.host, self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)

    async def _serve(self, client: object, number: int) -> None:
        wire = Wire(client, number, Transcript())  # type: ignore[arg-type]
        if self.context is not None:
            await wire.start_tls(self.context)
        while await wire.read_line():
            pass
        await wire.write(self.first)
        piece = self.more * (1 + 16384 // len(self.more))
        while True:
            await wire.write(piece)
            self.sent += len(piece)
            await asyncio.sleep(0)


async def get(world: World, url: str) -> object:
    with network_in(world) as network:
        rules = policy(network.allow, any_port=True)
        net = Net(questions(network.resolver, rules), rules, network.trust, Timeouts(1, 1, 1, 5))
        try:
            return await fetch(net, url, 4)
        finally:
            net.close()


@pytest.mark.parametrize("name", FLOODS)
async def test_pages_without_end(name: str) -> None:
    async with make_world() as world:
        flood: Flood = await world.start("flood.test", 8080, lambda host, port: Flood(name, None, host, port))
        begun = time.process_time()
        assert await get(world, f"http://flood.test:{flood.port}/") is None
        assert time.process_time() - begun < 2
    assert flood.sent < MOST_TAKEN


@pytest.mark.parametrize("name", FLOODS)
async def test_an_exchange_without_end(name: str) -> None:
    async with make_world() as world:
        context = world.identity(HOST).server_context()
        flood: Flood = await world.start(HOST, 4443, lambda host, port: Flood(name, context, host, port))
        begun = time.process_time()
        ews = f"https://{HOST}:{flood.port}{EWS}"
        seen = await examine(world, ews=ews, account=ADMIN, secret=PASSWORD, timeouts=HASTY)
        assert time.process_time() - begun < 3
    assert seen.report.failing_step == "ews.endpoint"
    assert flood.sent < MOST_TAKEN


async def test_what_is_packed_stays_packed() -> None:
    """Nothing packed is asked for, and nothing is unpacked: a bomb is as large as it is."""
    bomb = gzip.compress(b" " * (64 << 20))
    async with make_world() as world:
        web = await world.web("page.test", {"/": Page(bomb, headers={"Content-Encoding": "gzip"})})
        page = await get(world, f"http://page.test:{web.port}/")
        assert page is not None
        assert len(page.body) == len(bomb) < MAX_BODY  # type: ignore[attr-defined]
        assert web.requests[0].headers["accept-encoding"] == "identity"


NESTED = {
    "elements": b"<a>" * 170_000,
    "closed elements": b"<a>" * 70_000 + b"</a>" * 70_000,
    "attributes": b"<a " + b" ".join(b'x%d="y"' % n for n in range(40_000)) + b"/>",
    "the same attribute": b"<a " + b'x="y" ' * 40_000 + b"/>",
    "spaces of names": b"<a " + b" ".join(b'xmlns:x%d="y"' % n for n in range(20_000)) + b"/>",
    "a comment": b"<a><!--" + b"- " * 250_000,
    "a name": b"<" + b"a" * 500_000 + b"/>",
    "a text": b"<a>" + b"&lt;" * 120_000 + b"</a>",
    "entities": b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
    "an outer document": b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    "parameters": b'<!DOCTYPE a [<!ENTITY % b SYSTEM "http://127.0.0.1/">%b;]><a/>',
}
READERS: list[Callable[[bytes], object]] = [
    lambda body: read_autoconfig(body, "a.test"),
    read_answer,
    read_soap,
    parse_xml,
]


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("reader", range(len(READERS)))
def test_documents_that_are_nested_or_never_end(name: str, reader: int) -> None:
    begun = time.process_time()
    found = READERS[reader](NESTED[name])
    del found
    assert time.process_time() - begun < 1.5
    if name in ("entities", "an outer document", "parameters"):
        assert parse_xml(NESTED[name]) is None


DEEP = ("[" * 200_000, '{"a":' * 200_000, "[" * 60_000 + "]" * 60_000)


@pytest.mark.parametrize("text", DEEP, ids=["lists", "objects", "closed"])
def test_json_that_is_nested_is_no_answer(text: str) -> None:
    assert read_tenant("a.test", 200, text.encode()).id in ("", None)
    assert read_realm("a.test", 200, text.encode()).namespace == ""
    assert text_of("text", text) == ""


async def test_names_with_a_thousand_addresses() -> None:
    async with make_world() as world:
        server = await world.closed("many.test", 10993)
        world.records["many.test"]["A"] = [server.host] + [f"127.200.{n // 250}.{1 + n % 250}" for n in range(1000)]
        begun = time.monotonic()
        seen = await examine(world, servers={"imap": Endpoint("many.test", server.port, "tls")}, timeouts=HASTY)
        assert time.monotonic() - begun < 5
    assert len(seen.finding("connect.refused").evidence.get("addresses", [])) <= 6


async def test_a_thousand_mx_and_srv_records() -> None:
    async with make_world() as world:
        world.record("many.test", "MX", *(f"{n} mx{n}.many.test." for n in range(1000)))
        world.record("_imaps._tcp.many.test", "SRV", *(f"{n} 1 993 imap{n}.many.test." for n in range(1000)))
        begun = time.monotonic()
        seen = await examine(world, "many.test", timeouts=HASTY)
        assert time.monotonic() - begun < 5
        names = {question.name for question in world.names.questions}
    assert len(names) < 40
    assert seen.step("imap.dns").target == "imap0.many.test"


async def drips(victim: Victim) -> None:
    """A name server over TCP: a length, and then a byte now and then."""
    await victim.receive()
    await victim.send(b"\xff\xff")
    while True:
        await victim.send(b"x")
        await asyncio.sleep(0.05)


class Truncating(asyncio.DatagramProtocol):
    """Says of every answer that the whole is to be had over TCP."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, where: tuple[str, int]) -> None:
        self.transport.sendto(data[:2] + b"\x83\x80" + data[4:], where)  # type: ignore[attr-defined]


async def test_a_name_server_that_never_comes_to_an_end() -> None:
    async with make_world() as world:
        slow = await world.hostile("ns.test", 5353, drips)
        loop, where = asyncio.get_running_loop(), (slow.host, slow.port)
        transport, _ = await loop.create_datagram_endpoint(Truncating, local_addr=where)
        resolver = Resolver([where], timeout=1.0)
        begun = time.monotonic()
        found = await resolver.ask("a.test", "A")
        resolver.close()
        transport.close()
    assert found.outcome == "failed"
    assert time.monotonic() - begun < 3
    assert slow.connections >= 1
