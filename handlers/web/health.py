"""/healthz and /readyz: whether the process lives, and whether it can work."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

Check = Callable[[], Awaitable[object]]
_PATIENCE = 2.0
"""Seconds that one part may take to answer."""


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
        ready = not self._stopping and all(state == "ok" for state in parts.values())
        status = "stopping" if self._stopping else "ok" if ready else "not ready"
        return web.json_response({"status": status, **parts}, status=200 if ready else 503)


async def _ask(check: Check) -> str:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check()
    except Exception:  # noqa: BLE001 - whatever it is, the part cannot be used
        return "failed"
    return "ok"
