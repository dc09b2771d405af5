"""SQLite on the event loop: transactions that wait are committed together, and each stands or falls alone."""

import asyncio
import contextlib
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.store.rows import StaleCase, StoreError
from bot.store.store import Store, open_store
from tests.store.conftest import URL, a_case, a_report

ROOT = Path(__file__).resolve().parent.parent.parent


def statements_of(store: Store) -> list[str]:
    """What the writing connection is asked to do from now on."""
    asked: list[str] = []
    assert store._file is not None
    writer, _, _ = store._file._connections()
    writer.connection.driver_connection.set_trace_callback(asked.append)
    return asked


async def test_those_who_wait_are_committed_together(store: Store) -> None:
    asked = statements_of(store)
    taken = await asyncio.gather(*(store.take(f"e{n}", a_case(f"CASE-{n:02}"), []) for n in range(30)))
    assert all(rows is not None for rows in taken)
    assert asked.count("COMMIT") <= 2
    assert len(await store.cases_of(a_case().person, 100)) == 30


async def test_one_that_fails_takes_none_of_the_others_along(store: Store) -> None:
    await store.take("e0", a_case("TAKEN"), [])
    asked = statements_of(store)
    work = [store.take(f"e{n}", a_case("TAKEN" if n == 3 else f"CASE-{n}"), []) for n in range(1, 6)]
    ends = await asyncio.gather(*work, return_exceptions=True)
    assert [type(end) for end in ends] == [list, list, StaleCase, list, list]
    assert asked.count("COMMIT") <= 2
    assert await store.take("e3", a_case("CASE-3"), []) is not None, "the event of the failed one was not seen"
    assert len(await store.cases_of(a_case().person, 100)) == 6


async def test_one_that_fails_alone_leaves_no_transaction_open(store: Store, tmp_path: Path) -> None:
    await store.take("e0", a_case("TAKEN"), [])
    with pytest.raises(StaleCase):
        await store.take("e1", a_case("TAKEN"), [])
    with contextlib.closing(sqlite3.connect(store.place.path, timeout=0, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("ROLLBACK")


async def test_whoever_is_cancelled_while_the_disk_is_waited_for_disturbs_nobody(store: Store) -> None:
    tasks = [asyncio.create_task(store.take(f"e{n}", a_case(f"CASE-{n}"), [])) for n in range(4)]
    asked = statements_of(store)
    while "COMMIT" not in asked:
        await asyncio.sleep(0)
    tasks[0].cancel()
    ends = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(end, list) for end in ends[1:])
    assert len(await store.cases_of(a_case().person, 100)) == 4


async def test_whoever_is_cancelled_within_a_statement_leaves_nothing_of_it(store: Store) -> None:
    """The statement is another thread's by then: it must not come after the transaction was undone."""
    await store.put_report(a_report(), "en", 1.0)
    reached, go = threading.Event(), threading.Event()

    def wait(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith("DELETE FROM reports"):
            reached.set()
            go.wait(10)

    assert store._file is not None
    writer, _, _ = store._file._connections()
    sa.event.listen(writer.engine, "before_cursor_execute", wait)
    task = asyncio.create_task(store.expire(1e9, 1))
    while not reached.is_set():
        await asyncio.sleep(0)
    task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await store.take("after", a_case(), []) is not None
    assert await store.report(a_report().case) is not None


async def test_the_process_goes_on_while_another_one_keeps_the_lock(store: Store) -> None:
    with contextlib.closing(sqlite3.connect(store.place.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        waiting = asyncio.create_task(store.take("e1", a_case(), []))
        for _ in range(20):
            await asyncio.sleep(0.005)
            assert await store.case("NONE") is None, "reading waits for no writer"
        assert not waiting.done()
        other.execute("ROLLBACK")
    assert await waiting is not None


async def test_it_is_used_again_after_it_was_closed(tmp_path: Path) -> None:
    async with open_store(URL, tmp_path) as store:
        await store.take("e1", a_case(), [])
        assert store._file is not None
        store._file.close()
        assert await store.case(a_case().id) is not None
        assert await store.take("e1", a_case(), []) is None
    assert [path.name for path in (tmp_path / "var").iterdir()] == ["bot.db"], "the log was written back"


_FULL = """
import asyncio, resource, sys
from pathlib import Path
from bot.store.rows import StoreError
from bot.store.store import open_store
from tests.store.conftest import URL, a_case

async def main():
    async with open_store(URL, Path(sys.argv[1])) as store:
        await store.take("first", a_case("FIRST"), [])
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
        work = [store.take(f"e{n}", a_case(f"CASE-{n}", text="x" * (1_000_000 if n == 2 else 10)), []) for n in range(5)]
        ends = await asyncio.gather(*work, return_exceptions=True)
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        for number, end in enumerate(ends):
            assert isinstance(end, list | StoreError), end
            kept = await store.case(f"CASE-{number}") is not None
            assert kept == isinstance(end, list), (number, end)
        assert isinstance(ends[2], StoreError)
        assert await store.take("after", a_case("AFTER"), []) is not None

asyncio.run(main())
"""


def test_a_full_disk_never_says_kept_of_what_is_not(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", _FULL, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


async def test_a_lock_that_stays_is_told_in_words(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.store.file.BUSY_SECONDS", 0.05)
    with contextlib.closing(sqlite3.connect(store.place.path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ends = await asyncio.gather(
            *(store.take(f"e{n}", a_case(f"CASE-{n}"), []) for n in range(3)), return_exceptions=True
        )
        other.execute("ROLLBACK")
    assert {type(end) for end in ends} == {StoreError}
    assert await store.take("e1", a_case(), []) is not None
