"""A scripted web server: autoconfig files, certificates for AIA, redirects, and what drowns a careless client."""

import gzip
import socket
import ssl
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self
from xml.sax.saxutils import escape, quoteattr

from tests.servers.certs import Identity
from tests.servers.listener import Listener
from tests.servers.script import HANG, Say, Transcript
from tests.servers.wire import Wire


@dataclass(frozen=True, slots=True)
class Page:
    """One response. `pace` drips the body (seconds a byte), `endless` repeats it."""

    body: bytes = field(default=b"", repr=False)
    status: int = 200
    kind: str = "text/plain"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    pace: float = 0.0
    endless: bool = False
    hang: bool = False
    """Never answer."""

    def head(self) -> bytes:
        size = {} if self.endless else {"Content-Length": str(len(self.body))}
        headers = {"Content-Type": self.kind, "Connection": "close", **size, **self.headers}
        lines = [f"HTTP/1.1 {self.status} Practice", *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode()


@dataclass(frozen=True, slots=True)
class Request:
    host: str
    """As the Host header says, without the port."""
    target: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)


NOT_FOUND = Page(b"not found", 404)


class WebServer:
    """Serves pages by "host/path" or by "/path", the query left out; `requests` keeps what was asked."""

    def __init__(
        self, pages: Mapping[str, Page], host: str = "127.0.0.1", port: int = 0, identity: Identity | None = None
    ) -> None:
        self.pages, self.host, self.port = pages, host, port
        self.context: ssl.SSLContext | None = identity.server_context() if identity else None
        self.requests: list[Request] = []
        self.transcript = Transcript()
        self._listener = Listener(self._serve, host, port)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)

    @property
    def url(self) -> str:
        """Where it is, without a final slash."""
        return f"{'https' if self.context else 'http'}://{self.host}:{self.port}"

    async def _serve(self, client: socket.socket, number: int) -> None:
        self.transcript.connections = number
        wire = Wire(client, number, self.transcript)
        if self.context:
            await wire.start_tls(self.context)
        request = await _read(wire)
        self.requests.append(request)
        path = request.target.partition("?")[0]
        await _send(wire, self.pages.get(request.host + path) or self.pages.get(path) or NOT_FOUND)
        await wire.close()


async def _read(wire: Wire) -> Request:
    method, target, _ = (await wire.read_line()).decode("latin-1").split(" ", 2)
    headers = {}
    while line := await wire.read_line():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    if size := int(headers.get("content-length", 0)):
        await wire.read_exactly(size)
    return Request(headers.get("host", "").rpartition(":")[0] or headers.get("host", ""), target, method, headers)


async def _send(wire: Wire, page: Page) -> None:
    if page.hang:
        await wire.say(HANG)
    await wire.say(Say(page.head(), delay=page.delay))
    if page.endless:
        await wire.say(Say(page.body, manner="endless"))
    elif page.pace:
        await wire.say(Say(page.body, manner="bytewise", pace=page.pace))
    else:
        await wire.write(page.body)


def redirect(location: str, status: int = 302) -> Page:
    return Page(status=status, headers={"Location": location})


def certificate_page(der: bytes) -> Page:
    """A certificate as AIA addresses serve it (RFC 5280, 4.2.2.1)."""
    return Page(der, kind="application/pkix-cert")


def gzip_bomb(size: int, kind: str = "text/xml") -> Page:
    """`size` bytes of spaces as about a thousandth of them."""
    packer = zlib.compressobj(9, wbits=31)
    piece = b" " * (1 << 20)
    packed = b"".join(packer.compress(piece) for _ in range(size >> 20)) + packer.flush()
    return Page(packed, kind=kind, headers={"Content-Encoding": "gzip"})


def zipped(page: Page) -> Page:
    return Page(gzip.compress(page.body), page.status, page.kind, {**page.headers, "Content-Encoding": "gzip"})


def xml_bomb(levels: int = 30) -> Page:
    """Entities that double with every level ("billion laughs")."""
    lines = ['<!ENTITY e0 "ha">', *(f'<!ENTITY e{n} "&e{n - 1};&e{n - 1};">' for n in range(1, levels))]
    text = (
        f'<?xml version="1.0"?><!DOCTYPE clientConfig [{"".join(lines)}]><clientConfig>&e{levels - 1};</clientConfig>'
    )
    return Page(text.encode(), kind="text/xml")


def xml_external(url: str) -> Page:
    """An entity that would make a careless parser read a file or a URL."""
    text = f'<?xml version="1.0"?><!DOCTYPE c [<!ENTITY x SYSTEM {quoteattr(url)}>]><clientConfig>&x;</clientConfig>'
    return Page(text.encode(), kind="text/xml")


@dataclass(frozen=True, slots=True)
class Offer:
    """One server of an autoconfig file."""

    kind: str
    """imap, pop3 or smtp"""
    host: str
    port: int
    socket: str = "SSL"
    """SSL, STARTTLS or plain"""
    user: str = "%EMAILADDRESS%"
    authentication: str = "password-cleartext"


def autoconfig(domain: str, *offers: Offer) -> Page:
    """A Mozilla autoconfig file (wiki.mozilla.org/Thunderbird:Autoconfiguration:ConfigFileFormat)."""
    servers = "".join(
        f'<{_side(offer)} type="{offer.kind}"><hostname>{escape(offer.host)}</hostname><port>{offer.port}</port>'
        f"<socketType>{offer.socket}</socketType><username>{escape(offer.user)}</username>"
        f"<authentication>{offer.authentication}</authentication></{_side(offer)}>"
        for offer in offers
    )
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><clientConfig version="1.1"><emailProvider id={quoteattr(domain)}>'
        f"<domain>{escape(domain)}</domain>{servers}</emailProvider></clientConfig>"
    )
    return Page(text.encode(), kind="text/xml")


def _side(offer: Offer) -> str:
    return "outgoingServer" if offer.kind == "smtp" else "incomingServer"
