"""What clients may do before they are understood: how long they take, how many there are, and what is no HTTP."""

import asyncio
import resource
import socket
from collections.abc import Mapping
from dataclasses import dataclass

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot.faults import own_fault
from handlers.web.guard import harden

_FEWEST = 64
_OWN_FAULT = 500
_LINGER = 2.0
"""Seconds for which the rest of a refused body is read away, so that the client sees the answer."""
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take, in seconds: `idle` for a whole head or between requests, `body` for a body."""

    idle: float = 75.0
    """Longer than the 60 seconds for which proxies keep a connection open."""
    body: float = 15.0


PATIENT = Patience()


def body_guard(limit: float, larger: Mapping[str, int]) -> Middleware:
    """Read every body at once, within a time and the application's size, and as it is: none is unpacked.

    `larger` gives the bytes that are taken by an address which takes more than the application's size.
    """

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise web.HTTPUnsupportedMediaType
        if (most := larger.get(request.path)) is not None:
            request = request.clone(client_max_size=most)
        if request.body_exists:
            try:
                async with asyncio.timeout(limit):
                    await request.read()
            except TimeoutError:
                raise web.HTTPRequestTimeout from None
        return await handler(request)

    return guard


async def accept(server: web.Server, listener: socket.socket, patience: Patience, most: int | None) -> asyncio.Server:
    """Begin to take connections; those beyond `most` at once are closed.

    By default half of the files that may be open is left to probes. aiohttp counts its connections, but limits nothing.
    """
    loop, room = asyncio.get_running_loop(), most if most is not None else _affordable()

    def protocol() -> asyncio.Protocol:
        if len(server.connections) >= room:
            return _Full()
        return _Connection(
            server,
            loop=loop,
            keepalive_timeout=patience.idle,
            lingering_time=min(patience.body, _LINGER),
            auto_decompress=False,
            access_log=None,  # type: ignore[arg-type]
        )

    return await loop.create_server(protocol, sock=listener)


class _Connection(web.RequestHandler):
    """A connection whose faults are answered as all else is: without versions, and without the words of the request."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = _OWN_FAULT,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it repeats what the client sent
    ) -> web.StreamResponse:
        """What is no HTTP is answered and not logged, since anybody can send it; a fault of ours is logged in words."""
        if status >= _OWN_FAULT and exc is not None:
            _log.error("a request failed", fault=own_fault(exc))
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was begun already")
        response = web.Response(status=status)
        harden(response)
        response.force_close()
        return response


class _Full(asyncio.Protocol):
    """Ends a connection for which there is no room."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _affordable() -> int:
    """Half of the files that this process may have open."""
    return max(_FEWEST, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
