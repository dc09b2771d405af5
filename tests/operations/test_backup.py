"""Backup and restore as docs/operations.md says it, from a store that is in use."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.store.rows import CaseRow
from bot.store.store import open_store
from tests.servers.postgres import Postgres, find_programs, or_skip, server

ROOT = Path(__file__).resolve().parent.parent.parent
SECTION = (ROOT / "docs" / "operations.md").read_text().partition("## Backup and restore")[2].partition("\n## ")[0]
COMMANDS = [line for block in re.findall(r"```\n(.*?)```", SECTION, re.DOTALL) for line in block.splitlines()]
CASE = CaseRow("K7QF-2M", "web:ann", "web", "", {"kept": True}, 100.0, 100.0)
LATER = CaseRow("K7QF-3N", "web:ann", "web", "", {}, 200.0, 200.0)


async def test_sqlite_is_copied_while_it_is_in_use(tmp_path: Path) -> None:
    (command,) = [shlex.split(line) for line in COMMANDS if "VACUUM INTO" in line]
    (tmp_path / "var").mkdir()
    path = tmp_path / "var" / "migcheck.db"
    async with open_store(f"sqlite:///{path}") as store:
        await store.take("event-1", CASE, [])
        done = subprocess.run([sys.executable, *command[1:]], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        await store.take("event-2", LATER, [])
    for name in ("migcheck.db", "migcheck.db-wal", "migcheck.db-shm"):
        (tmp_path / "var" / name).unlink(missing_ok=True)
    shutil.move(tmp_path / "backup.db", path)
    async with open_store(f"sqlite:///{path}") as store:
        assert (await store.case(CASE.id) or LATER).state == {"kept": True}
        assert await store.case(LATER.id) is None
        assert path.stat().st_mode & 0o077 == 0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with or_skip(server()) as running:
        yield running


@pytest.mark.real
@pytest.mark.xdist_group("postgres")
async def test_postgresql_is_dumped_while_it_is_in_use(postgres: Postgres, tmp_path: Path) -> None:
    dump, restore = (line for line in COMMANDS if line.startswith("pg_"))
    with postgres.database() as url:
        environment = {**os.environ, "PATH": f"{find_programs()}:{os.environ['PATH']}", "DATABASE_URL": url}

        def act(line: str) -> None:
            done = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=environment, capture_output=True, check=False)
            assert done.returncode == 0, done.stderr.decode()

        async with open_store(url) as store:
            await store.take("event-1", CASE, [])
            act(dump)
            await store.take("event-2", LATER, [])
        act(restore)
        async with open_store(url) as store:
            assert (await store.case(CASE.id) or LATER).state == {"kept": True}
            assert await store.case(LATER.id) is None
