"""/metrics for Prometheus, and the count of every request."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CONTENT_TYPE_LATEST

from bot import metrics

Depth = Callable[[], Awaitable[Mapping[str, tuple[int, float]]]]
"""Asks the queue: by the queue's name, how many jobs wait and how old the oldest is, in seconds."""
_PATIENCE = 2.0
_GONE = 499
"""The status that is counted where the client went away before the answer."""
_NO_ROUTE = "none"
_log = structlog.get_logger(__name__)


class Metrics:
    """`depth` asks the queue; an error of it leaves the queue's figures out, the others stay."""

    def __init__(self, depth: Depth | None = None) -> None:
        self._depth = depth

    def routes(self) -> list[web.RouteDef]:
        return [web.get("/metrics", self.show)]

    async def show(self, _: web.Request) -> web.Response:
        shown = metrics.exposition(await self._queues())
        return web.Response(body=shown, headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def _queues(self) -> Mapping[str, tuple[int, float]] | None:
        if self._depth is None:
            return None
        try:
            async with asyncio.timeout(_PATIENCE):
                return await self._depth()
        except Exception as error:  # noqa: BLE001 - whatever it is, the other figures are wanted
            _log.warning("the queue could not be asked", fault=metrics.fault(error))
            return None


@web.middleware
async def measured(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count a request and log it at DEBUG, under its route's pattern: a path may hold what opens a page."""
    begun, status = time.perf_counter(), _GONE
    try:
        response = await handler(request)
        status = response.status
    except web.HTTPException as error:
        status = error.status
        raise
    finally:
        route = _route(request)
        metrics.answered(route, request.method, status, begun)
        milliseconds = round((time.perf_counter() - begun) * 1000, 1)
        _log.debug("request", method=request.method, route=route, status=status, milliseconds=milliseconds)
    return response


def _route(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else _NO_ROUTE
