"""The store, its clock, and the queue of several nodes. `doctor` looks at them and changes nothing."""

import asyncio
import os
import time
from pathlib import Path

from bot.health.outcome import Mark, Outcome
from bot.settings import Settings
from bot.store.disk import try_disk
from bot.store.look import Server, look_at_file, look_at_queue, look_at_server
from bot.store.migrations import REVISION
from bot.store.place import read_place
from bot.store.rows import StoreError

_OLDEST_SERVER = 13
_CLOCK_OFF, _CLOCK_WRONG = 30.0, 120.0
"""Seconds; a node that is off by more is not ready."""
_ALIVE = 45.0
"""Seconds without a sign after which a worker counts as dead."""
_WAITING_LONG = 60.0


async def check_store(settings: Settings) -> list[Outcome]:
    try:
        place = read_place(settings.store.url)
        found = await (_server(settings) if place.path is None else asyncio.to_thread(_file, place.path))
    except StoreError as error:
        return [Outcome("fail", "store", str(error), "correct store.url, or what is said of it")]
    kept = f"reports are kept for {settings.store.retention_days} days"
    return [*found, Outcome("pass", "store.retention_days", kept)]


def _file(path: Path) -> list[Outcome]:
    folder = next(parent for parent in path.parents if parent.exists())
    if (problem := try_disk(folder)) is not None:
        return [Outcome("fail", "store", problem, "correct owner, mode or store.url; make room")]
    if not path.exists():
        return [Outcome("pass", "store", f"{path}: will be made at the first start")]
    if (strange := _owner(path)) is not None:
        return [strange]
    begun = time.perf_counter()
    revision = look_at_file(path)
    took = (time.perf_counter() - begun) * 1000
    outcomes = [_revision(f"{path}: opened and locked in {took:.0f} ms", revision)]
    return outcomes + [_mode(one) for one in (path, path.with_suffix(".key")) if _open_to_others(one)]


def _owner(path: Path) -> Outcome | None:
    """A file that root made by hand is a usual cause of a bot that does not start."""
    owner = path.stat().st_uid
    if owner == os.geteuid() or os.geteuid() == 0:
        return None
    todo = f"run doctor as the bot's user, or: chown $(id -u) {path}*"
    return Outcome("fail", "store", f"{path} belongs to another user (id {owner})", todo)


def _open_to_others(path: Path) -> bool:
    return path.exists() and bool(path.stat().st_mode & 0o077)


def _mode(path: Path) -> Outcome:
    return Outcome("warn", "store", f"{path} can be read by other users", f"chmod 600 {path}")


def _revision(where: str, found: str | None) -> Outcome:
    if found is None:
        return Outcome("pass", "store", f"{where}; empty: its tables are made at the first start")
    if found > REVISION:
        todo = "run the version of the program that was used last, or a newer one"
        return Outcome("fail", "store", f"{where}, revision {found}: of a newer program (known is {REVISION})", todo)
    if found < REVISION:
        todo = "make a backup; the next start brings it up to date, and there is no way back but the backup"
        return Outcome("warn", "store", f"{where}, revision {found}: older than this program's {REVISION}", todo)
    return Outcome("pass", "store", f"{where}, revision {found}")


async def _server(settings: Settings) -> list[Outcome]:
    begun, before = time.perf_counter(), time.time()
    server, revision = await look_at_server(settings.store.url)
    took = (time.perf_counter() - begun) * 1000
    where = f"{read_place(settings.store.url).shown}: PostgreSQL {server.version}, answers within {took:.0f} ms"
    return [_revision(where, revision), *_fitness(server), _store_clock(server.now - (before + time.time()) / 2)]


def _fitness(server: Server) -> list[Outcome]:
    found = []
    if server.major < _OLDEST_SERVER:
        told = f"PostgreSQL {server.version} is too old"
        found.append(Outcome("fail", "store", told, f"use PostgreSQL {_OLDEST_SERVER} or newer"))
    if not server.writable:
        found.append(Outcome("fail", "store", "can be read only: a standby?", "name the primary in store.url"))
    if not server.creates:
        todo = "GRANT CREATE ON SCHEMA public TO the bot's user, or make it the database's owner"
        found.append(Outcome("fail", "store", "the bot's user may not make tables", todo))
    if not server.private:
        todo = "add ?sslmode=verify-full&sslrootcert=… to store.url and queue.url"
        found.append(Outcome("warn", "store", "the connection is not encrypted", todo))
    return found


def _store_clock(off: float) -> Outcome:
    mark: Mark = "fail" if abs(off) > _CLOCK_WRONG else "warn" if abs(off) > _CLOCK_OFF else "pass"
    todo = "" if mark == "pass" else "set both by NTP: a node that is off by more than 120 s is not ready"
    told = f"that of the store is {abs(off):.1f} s {'ahead' if off > 0 else 'behind'}"
    return Outcome(mark, "clock", told, todo)


async def check_queue(settings: Settings) -> list[Outcome]:
    """Where work waits, who takes it, and whether it waits too long."""
    if settings.queue.url is None:
        return [Outcome("pass", "queue", "in this process (queue.url is not set)")]
    try:
        state = await look_at_queue(settings.queue.url)
    except StoreError as error:
        told = str(error).replace("the store", "the queue", 1)
        return [Outcome("fail", "queue", told, "correct queue.url, or what is said of it")]
    from bot.queue.schema import TODO, lacking  # noqa: PLC0415 - procrastinate is for several nodes alone

    where = settings.queue.shown
    if (wrong := lacking(state.parts)) is not None:
        return [Outcome("fail", "queue", f"{where}: {wrong}", TODO)]
    if not state.parts:
        return [Outcome("pass", "queue", f"{where}; empty: its tables are made at the first start")]
    alive = sum(age < _ALIVE for age in state.workers)
    late = {name: oldest for name, (_, oldest) in state.waiting.items() if oldest > _WAITING_LONG}
    if not alive:
        mark: Mark = "fail" if state.waiting else "warn"
        return [Outcome(mark, "queue", f"{where}: nobody takes jobs", "start nodes: run --role web, run --role worker")]
    if late:
        told = ", ".join(f"{name} for {oldest:.0f} s" for name, oldest in sorted(late.items()))
        return [Outcome("warn", "queue", f"{where}: jobs wait: {told}", "start more workers, or look at their logs")]
    waiting = sum(jobs for jobs, _ in state.waiting.values())
    return [Outcome("pass", "queue", f"{where}: {alive} take jobs, {waiting} jobs wait")]
