"""Opening: migrations, the file, several processes at once, and faults in words."""

import asyncio
import contextlib
import importlib.util
import signal
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from bot.store import migrations
from bot.store.place import ROOT, read_place
from bot.store.rows import StoreError
from bot.store.store import Store, open_store
from bot.store.tables import metadata
from tests.store.conftest import URL, a_case, check_brought_up, make_older

_START = """
import asyncio, sys
from pathlib import Path
from bot.store.store import open_store
from tests.store.conftest import URL, a_case

async def main():
    print("ready", flush=True)
    sys.stdin.readline()
    async with open_store(URL, Path(sys.argv[1])) as store:
        for number in range(20):
            case = a_case(f"{sys.argv[2]}-{number}")
            assert await store.take(f"{sys.argv[2]}-{number}", case, [{"kind": "Post"}]) is not None
            await store.take(f"shared-{number}", a_case(f"shared-{sys.argv[2]}-{number}"), [])

asyncio.run(main())
"""


async def test_the_migrations_make_the_tables_that_the_queries_know(store: Store) -> None:
    async with store._engine.connect() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync, opts={"compare_type": True}), metadata)
        )
    assert differences == []


def test_the_newest_migration_is_the_one_that_the_program_names() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.REVISION]


async def test_it_is_opened_again_with_everything_in_it(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path) as store:
        await store.take("e1", a_case(), [])
    async with open_store(URL, tmp_path) as store:
        assert await store.revision() == migrations.REVISION
        assert (await store.case("K7QF-2M")) is not None


async def test_an_empty_file_and_one_with_somebody_elses_tables_are_brought_up(tmp_path: Path) -> None:
    path = tmp_path / "var" / "bot.db"
    path.parent.mkdir()
    with contextlib.closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE theirs (x)")
        other.commit()
    async with open_store(URL, tmp_path) as store:
        await store.ping()
        assert await store.revision() == migrations.REVISION


async def test_a_store_of_an_older_program_is_brought_up_with_everything_in_it(tmp_path: Path) -> None:
    await make_older(URL, tmp_path)
    async with open_store(URL, tmp_path) as store:
        await check_brought_up(store)


async def test_only_the_owner_may_read_the_files(tmp_path: Path) -> None:
    path = tmp_path / "var" / "bot.db"
    path.parent.mkdir()
    path.touch(0o644)
    async with open_store(URL, tmp_path) as store:
        await store.take("e1", a_case(), [])
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()}
    assert modes == {"bot.db": 0o600, "bot.db-wal": 0o600, "bot.db-shm": 0o600}


async def test_it_writes_ahead_overwrites_what_it_deletes_and_keeps_references(store: Store) -> None:
    async with store._engine.connect() as connection:
        found = [
            (await connection.exec_driver_sql(f"PRAGMA {pragma}")).scalar()
            for pragma in ("journal_mode", "secure_delete", "foreign_keys", "synchronous")
        ]
    assert found == ["wal", 1, 1, 2]


def test_processes_that_start_at_once_on_an_empty_store(tmp_path: Path) -> None:
    children = [_child(_START, tmp_path, name) for name in ("a", "b", "c")]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        _, errors = child.communicate(timeout=60)
        assert (child.returncode, errors) == (0, "")
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as found:
        assert found.execute("SELECT count(*) FROM cases WHERE id NOT LIKE 'shared%'").fetchone() == (60,)
        assert found.execute("SELECT count(*) FROM cases WHERE id LIKE 'shared%'").fetchone() == (20,)
        assert found.execute("SELECT count(*) FROM events WHERE id LIKE 'shared%'").fetchone() == (20,)
        assert found.execute("SELECT version_num FROM alembic_version").fetchall() == [(migrations.REVISION,)]


async def test_a_store_of_a_newer_program_is_left_alone(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path):
        pass
    with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db")) as other:
        other.execute("UPDATE alembic_version SET version_num = '9999'")
        other.commit()
    with pytest.raises(StoreError, match="newer version"):
        async with open_store(URL, tmp_path):
            pass


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    (tmp_path / "var" / "bot.db").write_bytes(b"this is a letter and no database" * 400)
    with pytest.raises(StoreError, match=r"bot\.db cannot be used: the file is no SQLite database"):
        async with open_store(URL, tmp_path):
            pass


async def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match=r"cannot be opened"):
        async with open_store(URL, tmp_path):
            pass


@pytest.mark.parametrize("url", ["", "sqlite://", "sqlite:///", "mysql://ann:hunter2@db/x", "var/bot.db"])
async def test_urls_of_another_kind_are_refused_without_repeating_them(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="neither SQLite with a file nor PostgreSQL") as caught:
        async with open_store(url, tmp_path):
            pass
    assert "hunter2" not in str(caught.value)


@pytest.mark.skipif(importlib.util.find_spec("psycopg") is not None, reason="psycopg is installed")
async def test_postgresql_without_its_driver_is_told_in_words() -> None:
    with pytest.raises(StoreError, match="not installed: psycopg") as caught:
        async with open_store("postgresql://ann:hunter2@db/bot"):
            pass
    assert "hunter2" not in str(caught.value)


def test_relative_paths_are_below_the_root_and_absolute_ones_are_not() -> None:
    assert read_place("sqlite:///var/x.db").path == ROOT / "var" / "x.db"
    assert read_place("sqlite:////srv/x.db").path == Path("/srv/x.db")
    assert read_place("sqlite:///var/a%20b.db", Path("/opt")).path == Path("/opt/var/a b.db")
    assert read_place("postgresql://ann:hunter2@db/bot").shown == "PostgreSQL at db, database bot"


async def test_a_lock_is_told_in_words_and_passes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.store.file.BUSY_SECONDS", 0.1)
    async with open_store(URL, tmp_path) as other:
        with contextlib.closing(sqlite3.connect(tmp_path / "var" / "bot.db", isolation_level=None)) as locking:
            locking.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="another program keeps it locked"):
                await other.take("e1", a_case(), [])
            assert await other.case("K7QF-2M") is None, "reading waits for no writer"
            locking.execute("ROLLBACK")
        assert await other.take("e1", a_case(), []) is not None


async def test_a_task_that_is_cancelled_within_a_transaction_leaves_nothing(store: Store) -> None:
    inside = asyncio.Event()

    async def write() -> None:
        async with store._writing() as connection:
            await store._write_case(connection, a_case())
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.case("K7QF-2M") is None
    assert await store.take("e1", a_case(), []) is not None


def test_a_full_disk_is_told_in_words_and_loses_nothing(tmp_path: Path) -> None:
    code = """
import asyncio, resource, sys
from dataclasses import replace
from pathlib import Path
from bot.store.rows import StoreError
from bot.store.store import open_store
from tests.store.conftest import URL, a_case

async def main():
    async with open_store(URL, Path(sys.argv[1])) as store:
        assert await store.take("small", a_case(), []) is not None
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        try:
            await store.take("large", a_case("OTHER", text="x" * 1_000_000), [])
        except StoreError as error:
            print(error)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert await store.case("OTHER") is None
        assert await store.take("large", a_case("OTHER", text="x" * 1_000_000), []) is not None

asyncio.run(main())
"""
    child = _child(code, tmp_path)
    told, errors = child.communicate(timeout=60)
    assert (child.returncode, errors) == (0, "")
    assert "cannot be used: the disk" in told


def test_a_process_that_is_killed_leaves_effects_to_go_on_with_and_no_half_transaction(tmp_path: Path) -> None:
    code = """
import asyncio, os, signal, sys
from pathlib import Path
from bot.store.store import open_store
from tests.store.conftest import URL, a_case

async def main():
    async with open_store(URL, Path(sys.argv[1])) as store:
        await store.take("e1", a_case(), [{"kind": "Post", "text": "1"}, {"kind": "StartCheck"}])
        first, _ = await store.open_effects()
        await store.effects_done([first.id], 1001.0)
        async with store._writing() as connection:
            await store._once(connection, "e2", 1002.0)
            await store._write_case(connection, a_case("HALF"))
            os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""
    child = _child(code, tmp_path)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGKILL
    asyncio.run(_goes_on(tmp_path))


async def _goes_on(root: Path) -> None:
    async with open_store(URL, root) as store:
        assert [effect.effect for effect in await store.open_effects()] == [{"kind": "StartCheck"}]
        assert await store.case("HALF") is None
        assert await store.take("e1", a_case(), []) is None, "what was committed was seen"
        assert await store.take("e2", a_case("HALF"), []) is not None, "what was not committed was not"


def _child(code: str, root: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-W", "error", "-c", code, str(root), *arguments]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
