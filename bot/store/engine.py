"""The database as SQLAlchemy reaches it, and its schema brought up to date."""

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import (
    DBAPIError,
    DisconnectionError,
    IntegrityError,
    NoSuchModuleError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from bot.store.migrations import REVISION
from bot.store.place import BUSY_SECONDS, IMPATIENCE, PATIENCE, PRAGMAS, Place, in_words
from bot.store.rows import StoreError

READING = {"begin": "BEGIN"}
"""Execution options of a transaction that only reads: SQLite's waits for no lock."""
ONE_QUESTION = {"isolation_level": "AUTOCOMMIT"}
"""Execution options for single questions to PostgreSQL: no transaction is begun and ended for them."""
BARE = {"begin": None}
"""Execution options for statements that SQLite refuses within a transaction."""
_COUNTING = {"preserve_rowcount": True}
"""Execution options of everything: without, psycopg's count of an INSERT that met a conflict is lost."""


_CONNECTIONS = 8
"""Connections of a node to PostgreSQL, kept open: making one takes as long as a dozen questions."""
_TRUSTED = 1.0
"""Seconds for which a connection that is not used is taken to be there still."""
READERS = 2
"""Connections that only read: with write-ahead logging they wait for no writer, and a person waits for them."""


def make_engine(place: Place, connections: int = 1) -> AsyncEngine:
    """An engine that connects when it is first used. Raises StoreError where the driver is missing.

    SQLite takes one writer at a time; `connections` is for readers.
    """
    if place.path is None:
        return _postgresql(place)
    url = sa.URL.create("sqlite+aiosqlite", database=str(place.path))
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        connect_args={"timeout": BUSY_SECONDS},
        execution_options=_COUNTING,
    )
    event.listen(engine.sync_engine, "connect", _on_connect)
    event.listen(engine.sync_engine, "begin", _on_begin)
    return engine


def make_file_engine(place: Place) -> sa.Engine:
    """SQLite without a thread of its own. No lock is waited for, since that would hold up the process."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(place.path)),
        hide_parameters=True,
        poolclass=sa.NullPool,
        connect_args={"timeout": 0, "check_same_thread": False},
        execution_options=_COUNTING | {"isolation_level": "AUTOCOMMIT"},
    )
    event.listen(engine, "connect", _on_connect)
    return engine


def _postgresql(place: Place) -> AsyncEngine:
    try:
        url = make_url(place.url).set(drivername="postgresql+psycopg")
        engine = create_async_engine(
            url,
            hide_parameters=True,
            pool_size=_CONNECTIONS,
            max_overflow=0,
            connect_args=PATIENCE,
            execution_options=_COUNTING,
        )
    except (ImportError, NoSuchModuleError):
        raise StoreError("PostgreSQL needs a package that is not installed: psycopg") from None
    except (SQLAlchemyError, ValueError):
        raise StoreError("store.url cannot be read (an example: postgresql://user@host/migcheck)") from None
    event.listen(engine.sync_engine, "connect", _on_connect_to_server)
    event.listen(engine.sync_engine, "checkin", _on_checkin)
    event.listen(engine.sync_engine, "checkout", _on_checkout)
    return engine


def _on_connect_to_server(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(IMPATIENCE)
    cursor.close()
    connection.commit()


def _on_checkin(_: Any, record: Any) -> None:
    record.info["unused_since"] = time.monotonic()


def _on_checkout(connection: Any, record: Any, _: Any) -> None:
    """Ask whether a connection is still there where nothing was heard over it for a while."""
    if time.monotonic() - record.info.get("unused_since", time.monotonic()) < _TRUSTED:
        return
    try:
        cursor = connection.cursor()
        cursor.execute("SELECT 1")
        cursor.close()
        connection.rollback()
    except connection.dbapi.Error:
        raise DisconnectionError from None


def _on_connect(connection: Any, _: Any) -> None:
    """The driver shall begin nothing of its own accord: it would leave changes of the schema outside a transaction."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _on_begin(connection: Connection) -> None:
    """What will write takes the lock at once: raising a read lock later fails where somebody else writes."""
    statement = connection.get_execution_options().get("begin", "BEGIN IMMEDIATE")
    if statement:
        connection.exec_driver_sql(statement)


def migrate(connection: Connection) -> None:
    """Bring the schema up to date within the connection's transaction; of two processes one waits for the other.

    Raises StoreError where the schema is of a newer program.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('migcheck.schema'))"))
    found = revision_of(connection)
    if found == REVISION:
        return
    if found is not None and found > REVISION:
        raise StoreError(
            f"the store is of a newer version of the program (revision {found}, known is {REVISION}): use that version"
        )
    _upgrade(connection)


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415 - takes 100 ms and is needed after an installation or upgrade only
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def revision_of(connection: Connection) -> str | None:
    """The revision that the schema is at; None where there is none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


@contextlib.contextmanager
def faults_in_words(shown: str) -> Iterator[None]:
    """Raises StoreError in place of the database's errors. A wrong statement stays one: that is a fault of ours."""
    try:
        yield
    except (IntegrityError, ProgrammingError):
        raise
    except PoolTimeoutError:
        raise StoreError(f"the store {shown} cannot be used: too much is waiting for it") from None
    except (OperationalError, DBAPIError) as error:
        raise StoreError(in_words(str(error.orig), shown)) from None
    except OSError as error:
        raise StoreError(in_words(error.strerror or type(error).__name__, shown)) from None
