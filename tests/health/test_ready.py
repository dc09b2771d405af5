"""/readyz: each part on its own, and that nothing of a fault but its part's name is shown."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from bot import metrics
from handlers.web.health import Check, Health, NotReady, clock_check, disk_check


@asynccontextmanager
async def serving(health: Health) -> AsyncIterator[Callable[[], Awaitable[tuple[int, dict[str, str]]]]]:
    """A server with the routes of health; what is yielded asks /readyz."""
    app = web.Application()
    app.add_routes(health.routes())
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    async with aiohttp.ClientSession() as session:

        async def ask() -> tuple[int, dict[str, str]]:
            async with session.get(f"http://127.0.0.1:{port}/readyz") as answer:
                return answer.status, await answer.json()

        yield ask
    await runner.cleanup()


async def well() -> None:
    return


async def broken() -> None:
    raise RuntimeError("postgresql://bot:Practice-7-secret@db/migcheck")


async def test_every_part_is_told_and_no_fault_is_quoted() -> None:
    async with serving(Health({"store": well, "queue": broken})) as ask:
        status, told = await ask()
    assert (status, told) == (503, {"status": "not ready", "store": "ok", "queue": "failed"})
    shown = metrics.exposition(None).decode()
    assert 'migcheck_ready{part="store"} 1.0' in shown
    assert 'migcheck_ready{part="queue"} 0.0' in shown


async def test_a_part_that_hangs_is_not_ready_and_the_answer_comes() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    async with serving(Health({"store": hang, "clock": well})) as ask, asyncio.timeout(5):
        assert await ask() == (503, {"status": "not ready", "store": "failed", "clock": "ok"})


async def test_a_bot_that_stops_says_so_although_all_is_well() -> None:
    health = Health({"store": well})
    async with serving(health) as ask:
        assert (await ask())[0] == 200
        health.stop()
        assert await ask() == (503, {"status": "stopping", "store": "ok"})


def clock_of(theirs: float, ours: float) -> Check:
    async def store_now() -> float:
        return theirs

    return clock_check(store_now, lambda: ours)


@pytest.mark.parametrize("off", [0, 119, -119])
async def test_a_clock_that_is_a_little_off_is_ready(off: float) -> None:
    await clock_of(1_800_000_000 + off, 1_800_000_000)()


@pytest.mark.parametrize("off", [121, -121, 3600, -86400])
async def test_a_clock_that_would_refuse_signed_requests_is_not(off: float) -> None:
    with pytest.raises(NotReady, match=r"[+-]\d+ s off"):
        await clock_of(1_800_000_000 + off, 1_800_000_000)()


async def test_a_slow_answer_of_the_store_is_no_wrong_clock() -> None:
    times = iter([1_800_000_000.0, 1_800_000_200.0])

    async def store_now() -> float:
        return 1_800_000_199.0

    await clock_check(store_now, lambda: next(times))()


async def test_the_disk_is_tried_and_the_answer_holds_for_seconds(tmp_path: Path) -> None:
    now, folder = [0.0], tmp_path / "var"
    folder.mkdir()
    check = disk_check(folder, lambda: now[0])
    await check()
    assert list(folder.iterdir()) == [], "the test file is gone"
    folder.rmdir()
    await check()
    now[0] = 6.0
    with pytest.raises(NotReady, match="cannot be written: No such file"):
        await check()
    folder.mkdir()
    now[0] = 12.0
    await check()


async def test_a_disk_that_hangs_holds_one_thread_only(tmp_path: Path) -> None:
    tries: list[Path] = []
    free = threading.Event()

    def attempt(folder: Path) -> str | None:
        tries.append(folder)
        free.wait(10)
        return None

    check = disk_check(tmp_path, attempt=attempt)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await check()
    free.set()
    await check()
    assert tries == [tmp_path]
