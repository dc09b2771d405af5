"""The one HTTP server: routes, guards and errors of all pages."""

import errno
import socket
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from bot import metrics
from bot.core.dialogue import Mind
from handlers.web.clients import PATIENT, Patience, accept, body_guard
from handlers.web.guard import add_headers, host_guard
from handlers.web.pages import notice, serve_static, words_in
from handlers.web.session import language

_MOST_BODY = 128 * 1024
_LARGER = {"/lark/events": 1024 * 1024}
"""Lark's own limits make 500 kB of a long message: Japanese is escaped twice, encrypted, and base64 of that."""
_FIRST_ERROR, _OWN_FAULT = 400, 500
_LAST_ANSWERS = 2.0
"""Seconds that requests under way may take when the server stops."""
_log = structlog.get_logger(__name__)


class ListenError(Exception):
    """The address cannot be listened on. The message says why and what to do."""


def make_app(
    hosts: Iterable[str], mind: Mind, routes: Sequence[web.AbstractRouteDef], patience: Patience = PATIENT
) -> web.Application:
    """An application that answers under `hosts` only; every fault is a page in the reader's language."""
    guards = [_faults(mind), host_guard(hosts), body_guard(patience.body, _LARGER)]
    app = web.Application(middlewares=guards, client_max_size=_MOST_BODY)
    app.on_response_prepare.append(add_headers)
    app.add_routes([*routes, web.get("/static/{name}", serve_static)])
    return app


_NOTICES: Mapping[int, str] = {403: "page.refused", 404: "page.not_found", 413: "page.too_large", 421: "page.refused"}


def _faults(mind: Mind) -> Middleware:
    """Every error becomes a page; scripts read its status."""

    @web.middleware
    async def tell(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as error:
            if error.status < _FIRST_ERROR:
                raise
            status = error.status
        except ConnectionError:
            raise
        except RecursionError:
            status = 400  # a body that is nested as no client of ours nests
        except Exception as error:  # noqa: BLE001 - the last border; the words of a foreign error may hold anything
            _log.error("a page failed", method=request.method, fault=metrics.fault(error))
            status = 500
        lang = language(request)
        kind = _NOTICES.get(status, "page.fault" if status >= _OWN_FAULT else "page.refused")
        return notice(kind, status, lang, words_in(lang, mind))

    return tell


@contextmanager
def bind(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens at once, so that a port in use is found before all else. Raises ListenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=128, dualstack_ipv6=host == "::")
    except OSError as error:
        raise ListenError(_why(error, host, port)) from None
    with listener:
        yield listener


@asynccontextmanager
async def serving(
    app: web.Application, listener: socket.socket, patience: Patience = PATIENT, most: int | None = None
) -> AsyncIterator[None]:
    """Serve while the context lasts; then requests under way get a moment to end."""
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_LAST_ANSWERS, handle_signals=False)
    await runner.setup()
    assert runner.server is not None  # since `setup`
    accepting = None
    try:
        accepting = await accept(runner.server, listener, patience, most)
        yield
    finally:
        if accepting is not None:
            accepting.close()
        await runner.cleanup()


def _why(error: OSError, host: str, port: int) -> str:
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    match error.errno:
        case errno.EADDRINUSE:
            other = f"MIGCHECK_WEB__LISTEN={address.rpartition(':')[0]}:{port + 1}"
            return f"{address} is in use by another program: stop it, or choose another address ({other})"
        case errno.EACCES:
            return f"{address} may not be listened on by this user: choose a port above 1023 (web.listen)"
        case errno.EADDRNOTAVAIL:
            return f"{address} is no address of this machine (web.listen)"
    return f"{address} cannot be listened on: {error.strerror} (web.listen)"
