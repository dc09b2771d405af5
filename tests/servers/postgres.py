"""A real PostgreSQL of its own (Debian's package) on loopback, as root or as an ordinary user.

    with cluster() as postgres, postgres.database() as url:
        ...  # an empty database, gone afterwards

MIGCHECK_TEST_POSTGRES_URL names a running one that is used instead (its user must be allowed to create databases).
"""

import contextlib
import os
import pwd
import re
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

import psycopg
import pytest

from tests.servers.real import RealServerMissing, find_program, free_port

T = TypeVar("T")
PACKAGE = "postgresql"
_HOST, _USER, _OWNER = "127.0.0.1", "migcheck", "postgres"
_START, _END = 20.0, 10.0
_HASTY = {"fsync": "off", "full_page_writes": "off"}
"""For tests: no disk is waited for. What is committed survives the server's own end, not the machine's."""
_SETTINGS = {
    "listen_addresses": _HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "32MB",
    "logging_collector": "off",
}


class Postgres:
    """A server that can be reached; `url` is its maintenance database, password included."""

    def __init__(self, url: str) -> None:
        self.url = url

    @contextlib.contextmanager
    def database(self) -> Iterator[str]:
        """An empty database under a name of its own; its URL."""
        name = f"migcheck_test_{secrets.token_hex(6)}"
        self.act(f"CREATE DATABASE {name}")
        try:
            yield urlsplit(self.url)._replace(path=f"/{name}").geturl()
        finally:
            self.act(f"DROP DATABASE {name} WITH (FORCE)")

    def act(self, statement: str) -> None:
        """One statement, outside of any transaction."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(statement.encode())


class Cluster(Postgres):
    """A server of our own: it can be stopped, killed and started again, and keeps its data meanwhile."""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self._secret, self._port = secrets.token_urlsafe(12), free_port(_HOST)
        super().__init__(f"postgresql://{_USER}:{self._secret}@{_HOST}:{self._port}/postgres")
        self.folder, self._programs = folder, find_programs()
        self._settings = _SETTINGS | ({} if durable else _HASTY) | {"port": str(self._port)}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process id of the postmaster, for those who measure it."""
        assert self._process is not None
        return self._process.pid

    def log(self) -> str:
        """What the server wrote into its log."""
        return (self.folder / "log").read_text(errors="replace")

    def make(self) -> None:
        """Write the files of an empty cluster."""
        password = self.folder / "password"
        password.write_text(self._secret)
        if os.getuid() == 0:  # which PostgreSQL refuses to run as
            owner = pwd.getpwnam(_OWNER)
            for path in (self.folder, password):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        options = ["--no-sync", "--no-instructions", "--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"]
        options += [f"--username={_USER}", f"--pwfile={password}", f"--pgdata={self.folder / 'data'}"]
        made = subprocess.run(
            _as_owner([str(self._programs / "initdb"), *options]), capture_output=True, cwd="/", check=False
        )
        password.unlink()
        if made.returncode:
            raise RuntimeError(f"initdb failed: {made.stderr.decode(errors='replace')[-3000:]}")

    def start(self) -> None:
        """Start, and return as soon as questions are answered."""
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        command = [str(self._programs / "postgres"), "-D", str(self.folder / "data"), *settings]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                _as_owner(command), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/", start_new_session=True
            )
        deadline = time.monotonic() + _START
        while True:
            try:
                return self.act("SELECT 1")
            except psycopg.OperationalError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    self.kill()
                    raise RuntimeError(f"PostgreSQL did not start: {self.log()[-3000:]}") from error
            time.sleep(0.02)

    def stop(self) -> None:
        """An orderly end that waits for no client, as an administrator restarts it."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """An end at once, as after a crash; only the shared memory is given back."""
        self._end(signal.SIGQUIT)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        self._process.send_signal(number)
        try:
            self._process.wait(_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None


@contextlib.contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """A cluster in a temporary folder. `durable` writes to the disk as in production, for measurements.

    Raises RealServerMissing where the package is missing.
    """
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as name:
        made = Cluster(Path(name), durable=durable)
        try:
            made.make()
            made.start()
            yield made
        finally:
            made.kill()


@contextlib.contextmanager
def server() -> Iterator[Postgres]:
    """The running server that the environment names, otherwise a cluster. For tests that do not restart it."""
    if url := os.environ.get("MIGCHECK_TEST_POSTGRES_URL"):
        yield Postgres(url)
    else:
        with cluster() as made:
            yield made


@contextlib.contextmanager
def or_skip(made: contextlib.AbstractContextManager[T]) -> Iterator[T]:
    """A server for a fixture: where there can be none the test is skipped with the reason; in CI that is a failure."""
    try:
        if not os.environ.get("MIGCHECK_TEST_POSTGRES_URL"):
            find_programs()
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))
    with made as running:
        yield running


def find_programs() -> Path:
    """The folder of PostgreSQL's programs, of the newest version where there are several. Raises RealServerMissing."""
    found = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if found:
        return max(found, key=lambda folder: [int(part) for part in re.findall(r"\d+", folder.parent.name)])
    initdb = find_program("initdb", PACKAGE).resolve()
    if not (initdb.parent / "postgres").exists():
        raise RealServerMissing(f"postgres is not beside {initdb}")
    return initdb.parent


def _as_owner(command: list[str]) -> list[str]:
    if os.getuid() != 0:
        return command
    return ["setpriv", f"--reuid={_OWNER}", f"--regid={_OWNER}", "--init-groups", *command]
