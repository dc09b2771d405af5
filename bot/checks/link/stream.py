"""Bytes to and from a server: three verbs over a socket, in plain text or inside TLS, bounded in every way."""

import asyncio
import contextlib
import socket
import ssl

from bot.checks.link.transcript import Tape
from bot.core.visible import decoded

_CHUNK = 65536
MAX_LINE = 65536
MAX_TOTAL = 32 * 1024 * 1024


class EndOfStream(ConnectionError):  # noqa: N818 - a fact, named as asyncio names such
    """The peer closed the connection in order. `heard` is what was left unread."""


class Overflow(ConnectionError):  # noqa: N818 - as above
    """The peer sent more than a mail server has reason to."""


class Stream:
    """A connection to a server. Whoever reads gives a time limit in seconds; TimeoutError is raised when it is over."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._loop = asyncio.get_running_loop()
        self.buffer = bytearray()
        self.total = 0
        self.filling: asyncio.Task[None] | None = None
        """A read that was begun early; the next one takes its outcome."""
        self.tape: Tape | None = None
        """What notes all that goes by, where that is kept."""

    async def receive(self) -> bytes:
        """Some bytes, b"" at the end of the stream."""
        data = await self._receive()
        if self.tape is not None:
            if data:
                self.tape.heard(data)
            else:
                self.tape.remark("closed by the server")
        return data

    async def send(self, data: bytes) -> None:
        if self.tape is not None:
            self.tape.sent(data)
        await self._send(data)

    def hide(self, opening: bytes) -> None:
        """Keep nothing of what is sent until the step is over, but for what the pattern `opening` matches at once."""
        if self.tape is not None:
            self.tape.book.hide(opening)

    async def _receive(self) -> bytes:
        return await self._loop.sock_recv(self.sock, _CHUNK)

    async def _send(self, data: bytes) -> None:
        await self._loop.sock_sendall(self.sock, data)

    async def fill(self, timeout: float) -> None:
        """Add some bytes to `buffer`. Raises EndOfStream, Overflow, TimeoutError, OSError, ssl.SSLError."""
        if self.filling is not None and self.filling is not asyncio.current_task():
            begun, self.filling = self.filling, None
            async with asyncio.timeout(timeout):
                await begun
            return
        async with asyncio.timeout(timeout):
            data = await self.receive()
        if not data:
            raise EndOfStream(self.heard())
        self.total += len(data)
        if self.total > MAX_TOTAL:
            raise Overflow(f"more than {MAX_TOTAL} bytes")
        self.buffer += data

    async def read_line(self, timeout: float) -> bytes:
        """A line with its end. The time limit is for the whole line, so that one byte a second does not stretch it."""
        loop = self._loop
        deadline = loop.time() + timeout
        scanned = 0
        while True:
            end = self.buffer.find(b"\n", scanned)
            if end >= 0:
                line = bytes(self.buffer[: end + 1])
                del self.buffer[: end + 1]
                return line
            scanned = len(self.buffer)
            if scanned > MAX_LINE:
                raise Overflow(f"a line of more than {MAX_LINE} bytes")
            await self.fill(max(0.0, deadline - loop.time()))

    async def read_exactly(self, count: int, timeout: float) -> bytes:
        deadline = self._loop.time() + timeout
        while len(self.buffer) < count:
            await self.fill(max(0.0, deadline - self._loop.time()))
        data = bytes(self.buffer[:count])
        del self.buffer[:count]
        return data

    async def write(self, data: bytes, timeout: float) -> None:
        async with asyncio.timeout(timeout):
            await self.send(data)

    def heard(self) -> str:
        """What was received and not yet read, as text."""
        return printable(bytes(self.buffer))

    def peer(self) -> tuple[str, int]:
        name = self.sock.getpeername()
        return name[0], name[1]

    def close(self) -> None:
        if self.filling is not None:
            self.filling.cancel()
        with contextlib.suppress(OSError):
            self.sock.close()


class TlsStream(Stream):
    """A stream inside TLS. It is made by a handshake only; `VerifiedStream` by a strict one only."""

    def __init__(
        self, sock: socket.socket, tls: ssl.SSLObject, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO
    ) -> None:
        super().__init__(sock)
        self.tls = tls
        self._incoming = incoming
        self._outgoing = outgoing

    async def _receive(self) -> bytes:
        while True:
            try:
                return self.tls.read(_CHUNK)
            except ssl.SSLWantReadError:
                await self._flush()
            except ssl.SSLZeroReturnError:
                return b""
            except ssl.SSLEOFError:
                return b""
            data = await self._loop.sock_recv(self.sock, _CHUNK)
            if data:
                self._incoming.write(data)
            else:
                self._incoming.write_eof()

    async def _send(self, data: bytes) -> None:
        self.tls.write(data)
        await self._flush()

    async def _flush(self) -> None:
        if self._outgoing.pending:
            await self._loop.sock_sendall(self.sock, self._outgoing.read())


class VerifiedStream(TlsStream):
    """A stream whose peer proved, to OpenSSL with host name, to be the server asked for. Secrets go over no other."""


def printable(data: bytes, limit: int = 1000) -> str:
    """A server's bytes as text that is safe to keep: UTF-8, else GBK or Latin-1, without control characters, cut."""
    text = decoded(data[: limit * 4])
    return "".join(c if c.isprintable() or c == "\n" else _shown(c) for c in text)[:limit].strip()


def _shown(character: str) -> str:
    return " " if character in "\r\t" else "\N{REPLACEMENT CHARACTER}"
