"""A look at the database from outside, for `doctor`: nothing is made, written or brought up to date by it."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.engine import faults_in_words, make_engine, revision_of
from bot.store.place import BUSY_SECONDS, read_place
from bot.store.place import faults_in_words as sqlite_faults_in_words
from bot.store.rows import StoreError

_PATIENCE = 10.0
_SERVER = sa.text(
    "SELECT current_setting('server_version') AS version,"
    " current_setting('server_version_num')::int / 10000 AS major,"
    " extract(epoch FROM clock_timestamp())::float AS now,"
    " current_setting('transaction_read_only') = 'off' AS writable,"
    " current_setting('max_connections')::int AS connections,"
    " coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)"
    "   OR inet_server_addr() IS NULL OR inet_server_addr() << '127.0.0.0/8' OR host(inet_server_addr()) = '::1'"
    "   AS private,"
    " coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS creates"
)
WAITING = (
    "SELECT j.queue_name AS queue, count(*) AS jobs,"
    " coalesce(max(extract(epoch FROM now() - coalesce(j.scheduled_at, e.at))), 0)::float AS oldest"
    " FROM procrastinate_jobs j"
    " LEFT JOIN procrastinate_events e ON e.job_id = j.id AND e.type = 'deferred'"
    " WHERE j.status = 'todo' AND (j.scheduled_at IS NULL OR j.scheduled_at <= now()) GROUP BY 1"
)
"""By queue: the jobs that are due and wait, and for how many seconds the oldest has."""
_WORKERS = sa.text("SELECT extract(epoch FROM now() - last_heartbeat)::float FROM procrastinate_workers")
QUEUE_PARTS = (
    "SELECT relname FROM pg_class WHERE starts_with(relname, 'procrastinate_') AND pg_table_is_visible(oid)"
    " UNION SELECT proname FROM pg_proc WHERE starts_with(proname, 'procrastinate_') AND pg_function_is_visible(oid)"
    " UNION SELECT typname FROM pg_type WHERE starts_with(typname, 'procrastinate_') AND pg_type_is_visible(oid)"
)
"""The names of the queue's tables, functions and types that are there."""


@dataclass(frozen=True, slots=True)
class Server:
    """PostgreSQL as it presents itself. `now` is its clock, `private` whether nobody on the way can read along."""

    version: str
    major: int
    now: float
    writable: bool
    connections: int
    private: bool
    creates: bool
    """Whether our user may make tables."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """`parts` are the names of its tables, functions and types; `workers` how many seconds ago each gave a sign."""

    parts: frozenset[str]
    workers: tuple[float, ...] = ()
    waiting: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    """By queue: jobs that are due, and for how long the oldest has been, in seconds."""


async def look_at_server(url: str) -> tuple[Server, str | None]:
    """The server that `store.url` names, and the revision of our schema there. Raises StoreError."""
    async with _connected(url) as connection:
        row = (await connection.execute(_SERVER)).mappings().one()
        return Server(**row), await connection.run_sync(revision_of)


async def look_at_queue(url: str) -> QueueState:
    """The queue of several nodes that `queue.url` names. Raises StoreError."""
    async with _connected(url) as connection:
        parts = frozenset((await connection.execute(sa.text(QUEUE_PARTS))).scalars())
        if not {"procrastinate_jobs", "procrastinate_workers"} <= parts:
            return QueueState(parts)
        workers = tuple((await connection.execute(_WORKERS)).scalars())
        waiting = {row.queue: (row.jobs, row.oldest) for row in await connection.execute(sa.text(WAITING))}
        return QueueState(parts, workers, waiting)


def look_at_file(path: Path) -> str | None:
    """The revision of the schema in a file of SQLite that exists; None where it is empty. Raises StoreError.

    The lock of writers is asked for and given back: another program that keeps it is found.
    """
    address = f"{path.absolute().as_uri()}?mode=rw"
    with (
        sqlite_faults_in_words(str(path)),
        contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)
        ) as connection,
    ):
        connection.execute("BEGIN IMMEDIATE")
        found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
        connection.execute("ROLLBACK")
    return str(row[0]) if row else None


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[AsyncConnection]:
    place = read_place(url)
    engine = make_engine(place)
    try:
        async with asyncio.timeout(_PATIENCE):
            with faults_in_words(place.shown):
                async with engine.connect() as connection:
                    yield connection
    except TimeoutError:
        raise StoreError(f"the store {place.shown} does not answer within {_PATIENCE:.0f} s") from None
    finally:
        await engine.dispose()
