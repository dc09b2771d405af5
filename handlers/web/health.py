"""/healthz and /readyz: whether the process lives, and whether it can work."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

from bot import metrics
from bot.store.disk import try_disk

Check = Callable[[], Awaitable[object]]
_PATIENCE = 2.0
"""Seconds that one part may take to answer."""
_CLOCK_WRONG = 120.0
"""Seconds. Signed requests are refused when they are five minutes old, and some take minutes to arrive."""
_FRESH = 5.0
"""Seconds for which an answer about the disk holds, so that many balancers do not make it busy."""


class NotReady(Exception):  # noqa: N818 - a state
    """The part cannot be used; the message says why."""


class Health:
    """`checks` are the parts that readiness depends on; one that raises or is too slow is not ready."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = checks
        self._stopping = False

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/healthz", self.alive), web.get("/readyz", self.ready)]

    def stop(self) -> None:
        """Say "not ready" from now on: the process ends."""
        self._stopping = True

    async def alive(self, _: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def ready(self, _: web.Request) -> web.Response:
        """200 with every part "ok", otherwise 503; a fault is named by its part alone."""
        names = list(self._checks)
        parts = dict(zip(names, await asyncio.gather(*(_ask(self._checks[name]) for name in names)), strict=True))
        metrics.found_ready({name: state == "ok" for name, state in parts.items()})
        ready = not self._stopping and all(state == "ok" for state in parts.values())
        status = "stopping" if self._stopping else "ok" if ready else "not ready"
        return web.json_response({"status": status, **parts}, status=200 if ready else 503)


def clock_check(store_now: Callable[[], Awaitable[float]], clock: Callable[[], float]) -> Check:
    """The part "clock": this machine's clock against the store's, by which lives and limits are counted.

    With SQLite both are the same clock, and this only tells that the store answers.
    """

    async def compare() -> None:
        before = clock()
        theirs = await store_now()
        if not before - _CLOCK_WRONG <= theirs <= clock() + _CLOCK_WRONG:
            raise NotReady(f"the clock is {before - theirs:+.0f} s off that of the store")

    return compare


def disk_check(
    folder: Path, clock: Callable[[], float] = time.monotonic, attempt: Callable[[Path], str | None] = try_disk
) -> Check:
    """The part "disk": whether a file can be written in the store's folder, tried every few seconds at most.

    One try at a time: on a disk that hangs no threads pile up.
    """
    tried: list[tuple[float, asyncio.Task[str | None]]] = []

    async def write() -> None:
        if not tried or (tried[0][1].done() and clock() - tried[0][0] > _FRESH):
            tried[:] = [(clock(), asyncio.create_task(asyncio.to_thread(attempt, folder)))]
        if (problem := await asyncio.shield(tried[0][1])) is not None:
            raise NotReady(problem)

    return write


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except Exception:  # noqa: BLE001 - whatever it is, the part cannot be used
        return "failed"
    return "ok"
