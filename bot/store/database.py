"""Transactions, and the little in which the two databases differ. What is stored is the Store's business."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from bot.store.engine import BARE, ONE_QUESTION, READING, faults_in_words, make_file_engine, revision_of
from bot.store.file import File
from bot.store.place import Place

Row = Mapping[str, Any]


class Database:
    """An engine and the place it leads to. Every method raises StoreError where the database fails."""

    def __init__(
        self, engine: AsyncEngine, place: Place, reader: AsyncEngine | None = None, file: File | None = None
    ) -> None:
        """`reader` has connections of its own for reading, where the database is one file.

        What is done all the time goes to that `file` directly; the engines are for what needs a connection alone.
        """
        self._engine = engine
        self._reader = (reader or engine).execution_options(**(READING if place.path else ONE_QUESTION))
        self.place = place
        self._file = file
        if file is None and place.path is not None:
            self._file = direct = File(place, make_file_engine)
            event.listen(engine.sync_engine, "engine_disposed", lambda _: direct.close())

    @classmethod
    def beside(cls, other: "Database") -> Self:
        """Another part of the same store, over the same connections."""
        return cls(other._engine, other.place, other._reader, other._file)  # noqa: SLF001 - its own kind

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncConnection]:
        """One transaction: committed at the end, undone by an exception."""
        with faults_in_words(self.place.shown):
            if self._file is not None:
                async with self._file.writing() as statements:
                    yield cast("AsyncConnection", statements)
            else:
                async with self._engine.begin() as connection:
                    yield connection

    async def _rows(self, query: sa.Select[*tuple[Any, ...]], values: Row | None = None) -> Sequence[Row]:
        with faults_in_words(self.place.shown):
            if self._file is not None:
                return await self._file.rows(query, values)
            async with self._reader.connect() as connection:
                return [dict(row) for row in (await connection.execute(query, values)).mappings()]

    async def _row(self, query: sa.Select[*tuple[Any, ...]], values: Row | None = None) -> Row | None:
        rows = await self._rows(query, values)
        return rows[0] if rows else None

    def _insert(self, table: sa.Table) -> Any:
        """INSERT with ON CONFLICT, which both databases have and SQLAlchemy spells by dialect."""
        return sqlite.insert(table) if self.place.path is not None else postgresql.insert(table)

    async def _shed(self, *, thoroughly: bool) -> None:
        """Remove what was deleted from SQLite's files.

        It overwrites what it deletes (secure_delete), but its log has the pages as they were, and a page that was split
        or joined may keep a copy in a gap: those go only when the file is written anew, which holds writers up.
        """
        if self.place.path is None:
            return
        statements = ("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")
        with faults_in_words(self.place.shown):
            async with self._engine.execution_options(**BARE).connect() as connection:
                for statement in statements if thoroughly else statements[1:]:
                    await connection.execute(sa.text(statement))

    async def ping(self) -> None:
        """Ask the database something. Raises StoreError where it does not answer."""
        await self._rows(sa.select(sa.literal(1)))

    async def revision(self) -> str | None:
        """The revision of the schema."""
        with faults_in_words(self.place.shown):
            async with self._reader.connect() as connection:
                return await connection.run_sync(revision_of)
