"""One client's connection in lines, TLS included, on a raw socket.

asyncio's own server-side TLS drops the alert when a handshake fails; real servers send it, so TLS is driven here.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping

from tests.servers.listener import Gone, reset
from tests.servers.script import Say, Transcript

LINE_LIMIT = 1 << 20
"""Octets; longer lines than real servers take, so that long secrets can be tried."""


class Wire:
    """What passes is kept in the transcript, with TLS taken off. Any end of the connection is `Gone`."""

    def __init__(self, client: socket.socket, number: int, transcript: Transcript) -> None:
        self.client, self.number, self.transcript = client, number, transcript
        client.setblocking(False)
        self._loop = asyncio.get_running_loop()
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls: ssl.SSLObject | None = None
        self._buffer = bytearray()

    @property
    def secure(self) -> bool:
        return self._tls is not None

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Shake hands as the server. What the client sent in plain text before that is forgotten (RFC 3207, 4.2)."""
        self._buffer.clear()
        tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError as error:
                self.transcript.handshake_errors.append(str(error))
                await self._end_plainly()
                raise Gone from error
            else:
                break
        self._tls = tls
        await self._flush()
        self.transcript.handshakes += 1

    async def read_line(self) -> bytes:
        """The next line without its end; `Gone` when there is none."""
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > LINE_LIMIT:
                raise Gone
            self._buffer += await self._receive()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line.rstrip(b"\r\n")

    async def read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            self._buffer += await self._receive()
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data

    async def _receive(self) -> bytes:
        data = await (self._receive_tls(self._tls) if self._tls else self._receive_plain())
        if not data:
            raise Gone
        self.transcript.received += data
        if not self.secure:
            self.transcript.received_plain += data
        return data

    async def _receive_plain(self) -> bytes:
        return await self._loop.sock_recv(self.client, 65536)

    async def _receive_tls(self, tls: ssl.SSLObject) -> bytes:
        while True:
            try:
                return tls.read(65536)
            except ssl.SSLWantReadError:
                await self._flush()
                await self._feed()
            except ssl.SSLError:
                return b""

    async def _feed(self) -> None:
        data = await self._receive_plain()
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    async def _flush(self) -> None:
        if data := self._outgoing.read():
            await self._loop.sock_sendall(self.client, data)

    async def write(self, data: bytes) -> None:
        self.transcript.sent += data
        if not self._tls:
            await self._loop.sock_sendall(self.client, data)
            return
        self._tls.write(data)
        await self._flush()

    async def say(self, words: Say, fields: Mapping[str, str] | None = None) -> None:
        """Say it in its manner; ends in `Gone` unless the script goes on afterwards."""
        words = words.filled(fields or {})
        if words.delay:
            await asyncio.sleep(words.delay)
        match words.manner:
            case "whole" if words.text:
                await self.write(words.raw)
            case "bytewise":
                await self._drip(words.raw, words.pace)
            case "endless":
                await self._flood(words.raw.rstrip(b"\r\n"))
        await self._afterwards(words)

    async def _drip(self, data: bytes, pace: float) -> None:
        for position in range(len(data)):
            await self.write(data[position : position + 1])
            await asyncio.sleep(pace)

    async def _flood(self, data: bytes) -> None:
        piece, sent = (data or b"A") * (1 + 16384 // max(1, len(data))), self.transcript.sent
        while True:
            await self.write(piece)
            del sent[65536:]  # the beginning says enough
            await asyncio.sleep(0)

    async def _afterwards(self, words: Say) -> None:
        match words.after:
            case "go on":
                return
            case "hang":
                await self.wait_for_end()
            case "reset":
                reset(self.client)
                self.client.close()
            case "close":
                await self.close()
        raise Gone

    async def wait_for_end(self) -> None:
        """Read, answer nothing, until the client leaves."""
        with contextlib.suppress(Gone):
            while True:
                await self._receive()

    async def close(self) -> None:
        """Hang up in order: close_notify, FIN, and time for the client to read them."""
        if self._tls:
            with contextlib.suppress(ssl.SSLError):
                self._tls.unwrap()
        await self._end_plainly()

    async def _end_plainly(self) -> None:
        """FIN after what was sent; what still comes is read, since unread bytes would turn FIN into RST."""
        with contextlib.suppress(OSError):
            await self._flush()
            self.client.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(1):
                while await self._receive_plain():
                    pass
        self.client.close()
