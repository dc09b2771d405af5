"""Reports of the terminal's checks to the store, after the answer was printed.

A check takes about as long as importing SQLAlchemy does, so SQLite is written to with the standard library where the
schema is up to date. The statement is the store's own; every other case goes through the store.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from bot.core.model import Lang, Report
from bot.store.migrations import REVISION
from bot.store.place import BUSY_SECONDS, PRAGMAS, ROOT, faults_in_words, read_place
from bot.store.reports import DAY, EXPIRE_REPORTS, PUT_REPORT, report_row
from bot.store.rows import StoreError

GROUP = 100
"""Reports of a batch that are stored at once."""


def keep_report(
    url: str, report: Report, lang: Lang, *, retention_days: float | None = None, root: Path = ROOT
) -> str | None:
    """Store one report, and delete such as are too old; the problem in words, None where there is none."""
    return keep_rows(url, [report_row(report, lang, time.time())], retention_days=retention_days, root=root)


def keep_rows(
    url: str, rows: Sequence[Mapping[str, Any]], *, retention_days: float | None = None, root: Path = ROOT
) -> str | None:
    """Store rows of `bot.store.reports.report_row`; the problem in words, None where there is none."""
    limit = None if retention_days is None else time.time() - retention_days * DAY
    try:
        place = read_place(url, root)
        if place.path is None or not _write_directly(place.path, rows, limit):
            asyncio.run(_write_through_store(url, rows, root))
    except StoreError as error:
        return str(error)
    return None


def _write_directly(path: Path, rows: Sequence[Mapping[str, Any]], limit: float | None) -> bool:
    """False, and nothing is written, where there is no database yet or its schema is not the present one."""
    if not path.exists():
        return False
    with faults_in_words(str(path)), contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
        if not _is_current(connection):
            return False
        for pragma in PRAGMAS:
            connection.execute(f"PRAGMA {pragma}")
        with connection:
            connection.executemany(PUT_REPORT, rows)
            if limit is not None:
                connection.execute(EXPIRE_REPORTS, {"limit": limit})
    return True


def _is_current(connection: sqlite3.Connection) -> bool:
    has_revision = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
    return bool(has_revision) and connection.execute("SELECT version_num FROM alembic_version").fetchone() == (
        REVISION,
    )


async def _write_through_store(url: str, rows: Sequence[Mapping[str, Any]], root: Path) -> None:
    from bot.store.store import open_store  # noqa: PLC0415 - 140 ms that most checks do not need

    async with open_store(url, root) as store:
        await store.put_report_rows(rows)


class Keeping:
    """The reports of a batch, stored in groups by another thread. `problem` is the first one that came up."""

    def __init__(self, url: str, *, retention_days: float | None = None, root: Path = ROOT) -> None:
        self._write = partial(keep_rows, url, retention_days=retention_days, root=root)
        self._rows: list[dict[str, Any]] = []
        self.problem: str | None = None

    async def add(self, report: Report, lang: Lang) -> None:
        self._rows.append(report_row(report, lang, time.time()))
        if len(self._rows) >= GROUP:
            await self.flush()

    async def flush(self) -> None:
        """Store what is waiting; to be called at the end, too."""
        rows, self._rows = self._rows, []
        if rows:
            problem = await asyncio.to_thread(self._write, rows)
            self.problem = self.problem or problem
