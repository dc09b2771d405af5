"""SQLite as the bot uses it: statements on the event loop, the disk in a thread, one commit for all who wait.

A statement takes less time than handing it to a thread and back. What may take long is handed over: writing to the disk
(COMMIT waits for it), and deleting, which overwrites. Transactions that wait for one another are committed together,
each behind a savepoint of its own, so that the disk is waited for once.
"""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError

from bot.store.place import BUSY_SECONDS, Place
from bot.store.rows import StoreError

T = TypeVar("T")
_PAUSE = 0.01


class Statements:
    """What a transaction of SQLite may do: as SQLAlchemy's AsyncConnection, as far as it is used."""

    def __init__(self, connection: sa.Connection, disk: ThreadPoolExecutor) -> None:
        self._connection, self._disk = connection, disk

    async def execute(self, statement: sa.Executable, parameters: Any = None) -> sa.CursorResult[Any]:
        if isinstance(statement, sa.Delete | sa.TextClause):
            return await self._apart(statement, parameters)
        return self._connection.execute(statement, parameters)

    async def _apart(self, statement: sa.Executable, parameters: Any) -> sa.CursorResult[Any]:
        """In the disk's thread. It ends before whoever waits for it does: nothing is undone under its feet."""
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._disk, self._connection.execute, statement, parameters)
        try:
            return await asyncio.shield(work)
        finally:
            await asyncio.wait([work])


class File:
    """A connection that writes and one that reads, made when they are first needed. `make` gives the engine.

    Raises SQLAlchemy's errors; that a lock of another process lasts longer than BUSY_SECONDS is one of them.
    """

    def __init__(self, place: Place, make: Callable[[Place], sa.Engine]) -> None:
        self._place, self._make = place, make
        self._lock = asyncio.Lock()
        """Held by whoever writes, and by the commit."""
        self._commit: asyncio.Task[None] | None = None
        """The commit for all who have written since the last one."""
        self._connected: tuple[sa.Connection, sa.Connection, ThreadPoolExecutor] | None = None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Statements]:
        """One transaction, on the disk when this ends; an exception undoes it, and only it."""
        async with self._lock:
            writer, _, disk = self._connections()
            await self._begin(writer)
            try:
                yield Statements(writer, disk)
                _driver(writer).execute("RELEASE mine")
            except BaseException:
                self._undo(writer)
                raise
            if self._commit is None:
                self._commit = asyncio.create_task(self._commit_all())
                self._commit.add_done_callback(lambda task: task.cancelled() or task.exception())
            commit = self._commit
        await asyncio.shield(commit)

    async def rows(self, query: sa.Executable, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """What was committed. It waits for nobody who writes."""
        _, reader, _ = self._connections()
        return await self._patiently(lambda: [dict(row) for row in reader.execute(query, values).mappings()])

    def close(self) -> None:
        """End the connections; the next use makes new ones."""
        if self._connected is not None:
            writer, reader, disk = self._connected
            self._connected = None
            disk.shutdown()
            for connection in (writer, reader):
                connection.close()

    def _connections(self) -> tuple[sa.Connection, sa.Connection, ThreadPoolExecutor]:
        if self._connected is None:
            engine = self._make(self._place)
            self._connected = engine.connect(), engine.connect(), ThreadPoolExecutor(1, thread_name_prefix="store")
        return self._connected

    async def _begin(self, writer: sa.Connection) -> None:
        if not _under_way(writer):
            if self._commit is not None:
                raise StoreError(f"the store {self._place.shown} undid what was just written")
            await self._patiently(lambda: writer.exec_driver_sql("BEGIN IMMEDIATE"))
        _driver(writer).execute("SAVEPOINT mine")

    def _undo(self, writer: sa.Connection) -> None:
        """Undo one transaction. What SQLite has undone altogether (full disk) is told to all of them by the commit."""
        if not _under_way(writer):
            return
        _driver(writer).execute("ROLLBACK TO mine")
        _driver(writer).execute("RELEASE mine")
        if self._commit is None:
            writer.exec_driver_sql("ROLLBACK")

    async def _commit_all(self) -> None:
        """Its turn comes after all who waited when the first of them was through."""
        async with self._lock:
            self._commit = None
            writer, _, disk = self._connections()
            try:
                await asyncio.get_running_loop().run_in_executor(disk, writer.exec_driver_sql, "COMMIT")
            finally:
                if _under_way(writer):
                    writer.exec_driver_sql("ROLLBACK")

    async def _patiently(self, act: Callable[[], T]) -> T:
        """Wait for another process to give its lock back, without holding up this one."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                return act()
            except OperationalError as error:
                if "locked" not in str(error.orig) or time.monotonic() > until:
                    raise
            await asyncio.sleep(_PAUSE)


def _under_way(connection: sa.Connection) -> bool:
    return _driver(connection).in_transaction


def _driver(connection: sa.Connection) -> sqlite3.Connection:
    """SQLite's own connection, for statements that SQLAlchemy adds nothing to."""
    return cast("sqlite3.Connection", connection.connection.driver_connection)
