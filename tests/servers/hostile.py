"""Servers that are out to hang, drown or mislead: one act a connection, from the first byte on.

    async with Hostile(after_hello(alert("unrecognized_name")), "127.77.1.4", 993) as server: ...

An act gets the raw socket. What a client sent stays in `received`, the connections in `connections`.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import Literal, Self

from tests.servers.certs import Authority, Identity
from tests.servers.listener import Gone, Listener, reset

End = Literal["close", "reset", "hang"]


class Hostile:
    """A listener that does one act with every client."""

    def __init__(self, act: "Act", host: str = "127.0.0.1", port: int = 0) -> None:
        self.act, self.host, self.port = act, host, port
        self.received = bytearray()
        self.connections = 0
        self._listener = Listener(self._serve, host, port)

    async def __aenter__(self) -> Self:
        await self._listener.__aenter__()
        self.port = self._listener.port
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._listener.__aexit__(*exc)

    async def _serve(self, client: socket.socket, number: int) -> None:
        self.connections = number
        await self.act(Victim(client, self.received))


class Victim:
    """The client's raw socket, in verbs."""

    def __init__(self, client: socket.socket, received: bytearray) -> None:
        self.client, self.received = client, received
        self._loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.client, data)

    async def receive(self) -> bytes:
        data = await self._loop.sock_recv(self.client, 65536)
        if not data:
            raise Gone
        self.received += data
        return data

    async def receive_hello(self) -> bytes:
        """All of the first TLS record; whatever it is, where it is none."""
        data = await self.receive()
        while len(data) < 5 or len(data) < 5 + int.from_bytes(data[3:5], "big"):
            data += await self.receive()
        return data

    async def finish(self, end: End) -> None:
        """End the connection: FIN after what was sent has been read, RST at once, or never."""
        match end:
            case "reset":
                reset(self.client)
            case "close":
                with contextlib.suppress(OSError, Gone):
                    self.client.shutdown(socket.SHUT_WR)
                    await asyncio.wait_for(self._drain(), 2)
            case "hang":
                await self._drain()
        self.client.close()

    async def _drain(self) -> None:
        while True:
            await self.receive()


Act = Callable[[Victim], Awaitable[None]]


def at_once(end: End) -> Act:
    """Close, reset or fall silent as soon as the connection stands."""

    async def act(victim: Victim) -> None:
        await victim.finish(end)

    return act


def blurt(data: bytes, end: End = "hang") -> Act:
    """Say something unasked: another protocol's greeting, garbage, plain text on a TLS port."""

    async def act(victim: Victim) -> None:
        await victim.send(data)
        await victim.finish(end)

    return act


def answer(data: bytes, end: End = "close") -> Act:
    """Wait for the client's first bytes, then answer them (as an HTTP server does)."""

    async def act(victim: Victim) -> None:
        await victim.receive()
        await victim.send(data)
        await victim.finish(end)

    return act


def drip(data: bytes, pace: float = 1.0) -> Act:
    """One byte every `pace` seconds, over and over."""

    async def act(victim: Victim) -> None:
        while True:
            for position in range(len(data)):
                await victim.send(data[position : position + 1])
                await asyncio.sleep(pace)

    return act


def flood(data: bytes = b"A") -> Act:
    """The same bytes without end, as fast as they are read."""
    piece = data * (1 + 65536 // len(data))

    async def act(victim: Victim) -> None:
        while True:
            await victim.send(piece)
            await asyncio.sleep(0)

    return act


def after_hello(data: bytes = b"", end: End = "close") -> Act:
    """Take a ClientHello, answer it with these bytes (an alert, say) and end."""

    async def act(victim: Victim) -> None:
        await victim.receive_hello()
        if data:
            await victim.send(data)
        await victim.finish(end)

    return act


def mid_handshake(identity: Identity, end: End, share: float = 0.5) -> Act:
    """Send a part of the server's first flight and end; 1.0 is the whole flight, without what must follow."""
    context = identity.server_context()

    async def act(victim: Victim) -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(await victim.receive_hello())
        with contextlib.suppress(ssl.SSLWantReadError):
            session.do_handshake()
        flight = outgoing.read()
        await victim.send(flight[: int(len(flight) * share)])
        await victim.finish(end)

    return act


ALERTS = {
    "close_notify": 0,
    "unexpected_message": 10,
    "handshake_failure": 40,
    "bad_certificate": 42,
    "access_denied": 49,
    "decode_error": 50,
    "protocol_version": 70,
    "insufficient_security": 71,
    "internal_error": 80,
    "unrecognized_name": 112,
    "certificate_required": 116,
    "no_application_protocol": 120,
}
"""RFC 8446, section 6."""


def alert(kind: str, *, fatal: bool = True) -> bytes:
    """One alert record."""
    return bytes([21, 3, 3, 0, 2, 2 if fatal else 1, ALERTS[kind]])


def old_server_hello(version: tuple[int, int] = (3, 1)) -> bytes:
    """A ServerHello that chooses an old version (3,1 is TLS 1.0; 3,2 is 1.1; 3,0 is SSL 3)."""
    secure_renegotiation = bytes.fromhex("0005ff01000100")  # RFC 5746, without which clients complain of that first
    body = bytes(version) + bytes(range(32)) + b"\0" + b"\xc0\x13" + b"\0" + secure_renegotiation
    message = b"\x02" + len(body).to_bytes(3, "big") + body
    return bytes([22, *version]) + struct.pack("!H", len(message)) + message


BANNERS = {
    "smtp": b"220 mx.practice.test ESMTP\r\n",
    "imap": b"* OK IMAP4rev1 ready\r\n",
    "pop": b"+OK POP3 ready\r\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n",
    "ftp": b"220 (vsFTPd 3.0.3)\r\n",
    "http": b"HTTP/1.1 400 Bad Request\r\nServer: nginx\r\nContent-Length: 0\r\n\r\n",
    "mysql": b"J\0\0\0\n8.0.35\0\x08\0\0\0]g\x1f\x12;\x0b(\x1a\0\xff\xff\xff\x02\0\xff\xdf\x15",
    "garbage": bytes(range(256)),
}


def old_tls_context(identity: Identity) -> ssl.SSLContext:
    """A server that speaks TLS 1.0 and 1.1 only."""
    return identity.server_context(minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)


def no_shared_cipher_context(identity: Identity) -> ssl.SSLContext:
    """TLS 1.2 with suites that no sane client offers (they encrypt nothing)."""
    return identity.server_context(maximum=ssl.TLSVersion.TLSv1_2, ciphers="eNULL")


def client_certificate_context(identity: Identity, clients: Authority, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A server that demands a client certificate; in TLS 1.3 the client learns so after its handshake only."""
    return identity.server_context(minimum=version, maximum=version, clients=clients)


class Closed:
    """A port that nothing listens on, kept from others: connections are refused."""

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.host, self.port = host, port

    async def __aenter__(self) -> Self:
        self._socket = socket.socket()
        # A world of before may have talked on this address and port a moment ago (TIME_WAIT).
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.bind((self.host, self.port))
        self.port = self._socket.getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()


class BlackHole(Closed):
    """A port whose SYNs are dropped, as by a firewall: its queue of connections is full (Linux)."""

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self._socket.listen(0)
        self._fillers = [socket.socket() for _ in range(3)]
        for filler in self._fillers:
            filler.setblocking(False)
            filler.connect_ex((self.host, self.port))
        return self

    async def __aexit__(self, *_: object) -> None:
        for filler in self._fillers:
            filler.close()
        await super().__aexit__()


UNREACHABLE = "127.255.255.255"
"""Linux answers ENETUNREACH at once: TCP to a broadcast address."""
