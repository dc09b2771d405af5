"""Where the store is: its URL read, the file of SQLite made ready, and its faults in words. Standard library only."""

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bot.store.rows import StoreError

ROOT = Path(__file__).resolve().parent.parent.parent
"""The program's folder: relative paths of SQLite are below it."""
BUSY_SECONDS = 5.0
"""How long a lock of another process is waited for."""
PRAGMAS = ("foreign_keys=ON", "secure_delete=ON", "synchronous=FULL")
"""What every connection of SQLite is set to: what is deleted is overwritten, what is acknowledged is on the disk."""
PATIENCE = {"connect_timeout": 10, "tcp_user_timeout": 20_000}
"""What every connection to PostgreSQL is set to (libpq's names; seconds, milliseconds): a network that swallows packets
without a word is noticed before the other nodes take this one for dead for good."""
IMPATIENCE = "SET idle_in_transaction_session_timeout = '15s'"
"""What the server is told over every connection: a node that was cut off in the middle of a transaction must not keep
its locks for as long as the network takes to notice, since whoever takes up its work would wait for them."""
_EXAMPLE = "examples: sqlite:///var/migcheck.db, postgresql://user@host/migcheck"
_WORDS = (
    ("locked", "another program keeps it locked"),
    ("full", "the disk is full"),
    ("readonly", "it may not be written: look at the owner and mode of the file and its folder"),
    ("unable to open", "it cannot be opened: look at the owner and mode of the file and its folder"),
    ("not a database", "the file is no SQLite database: move it away, or name another one in store.url"),
    ("malformed", "the file is damaged: put a backup back, or move it away to start anew"),
    ("disk i/o", "the disk cannot be read or written"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """`path` is SQLite's file, None for PostgreSQL. `shown` names the place without user and password."""

    url: str
    path: Path | None
    shown: str


def read_place(url: str, root: Path = ROOT) -> Place:
    """The place that a URL names. Raises StoreError for a URL of another kind."""
    scheme, _, rest = url.partition(":")
    if scheme == "sqlite" and rest.startswith("///") and len(rest) > len("///"):
        path = root / unquote(rest[3:])
        return Place(url, path, str(path))
    if scheme in ("postgresql", "postgres") and rest.startswith("//"):
        parts = urlsplit(url)
        return Place(
            url,
            None,
            f"PostgreSQL at {parts.hostname or 'the local socket'}, database {parts.path.strip('/') or '(default)'}",
        )
    raise StoreError(f"store.url is neither SQLite with a file nor PostgreSQL ({_EXAMPLE})")


def same_database(one: str, other: str) -> bool:
    """Whether two URLs of PostgreSQL lead to the same database: what is done in both can be done together."""
    places = [urlsplit(url) for url in (one, other)]
    hosts, ports, names = (
        {(p.hostname or "").lower() for p in places},
        {p.port or 5432 for p in places},
        {p.path.strip("/") for p in places},
    )
    return len(hosts) == len(ports) == len(names) == 1 and places[0].query == places[1].query


def prepare(path: Path) -> None:
    """Make the folder and the file, readable by nobody else, and switch to write-ahead logging. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        if path.stat().st_mode & 0o077:
            path.chmod(0o600)
    except OSError as error:
        raise StoreError(f"the store {path} cannot be opened: {error.strerror}") from None
    with faults_in_words(str(path)):
        _log_ahead(path)


def _log_ahead(path: Path) -> None:
    """Write-ahead logging stays set in the file. SQLite does not wait for a lock here, hence the repetition."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        with contextlib.closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as connection:
            try:
                connection.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
            else:
                return
        time.sleep(0.02)


@contextlib.contextmanager
def faults_in_words(shown: str) -> Iterator[None]:
    """Raises StoreError in place of SQLite's errors about the file; an error in a statement stays what it is."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise StoreError(in_words(str(error), shown)) from None


def in_words(error: str, shown: str) -> str:
    """What an error of the database means for whoever runs the bot."""
    lowered = error.lower()
    meant = next(
        (words for part, words in _WORDS if part in lowered), error.splitlines()[0] if error else "unknown error"
    )
    return f"the store {shown} cannot be used: {meant}"
