"""A client that says exactly what a test tells it."""

import asyncio
import ssl
from typing import Self

from tests.servers.imap import ImapServer


class ByHand:
    """Connects, keeps the greeting, then line by line."""

    def __init__(self, server: ImapServer, context: ssl.SSLContext | None) -> None:
        self.server, self.context = server, context

    async def __aenter__(self) -> Self:
        self.reader, self.writer = await asyncio.open_connection(
            "127.0.0.1", self.server.port, ssl=self.context, limit=1 << 20
        )
        self.greeting = await self.line()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.writer.transport.abort()

    async def line(self) -> bytes:
        return await asyncio.wait_for(self.reader.readline(), 5)

    async def say(self, data: bytes) -> bytes:
        self.writer.write(data)
        return await self.line()

    async def reply(self, data: bytes) -> bytes:
        """Send a command and give its tagged reply."""
        line = await self.say(data)
        while line.startswith(b"*"):
            line = await self.line()
        return line
