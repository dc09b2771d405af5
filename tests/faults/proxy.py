"""The way between a node and PostgreSQL, which a test can cut: connections are refused, or nothing comes through."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

_CHUNK = 1 << 16


class Way:
    """`url` leads to the same database as the one given, by this way."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        user = self._there.netloc.rpartition("@")[0]
        return self._there._replace(netloc=f"{user}@127.0.0.1:{self._port}").geturl()

    async def begin(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def refuse(self) -> None:
        """End every connection, and take no new one."""
        assert self._server is not None
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def silence(self) -> None:
        """Let nothing through, as when a cable is pulled: nobody is told."""
        self._open.clear()

    def resume(self) -> None:
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        with contextlib.suppress(OSError, ExceptionGroup, asyncio.CancelledError), contextlib.closing(writer):
            await self._open.wait()
            there, back = await asyncio.open_connection(self._there.hostname, self._there.port)
            with contextlib.closing(back):
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._carry(reader, back))
                    group.create_task(self._carry(there, writer))
        self._tasks.discard(task)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError


@asynccontextmanager
async def way_to(url: str) -> AsyncIterator[Way]:
    way = Way(url)
    await way.begin()
    try:
        yield way
    finally:
        way.resume()
        await way.refuse()
