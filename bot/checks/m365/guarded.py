"""msal's way to the network: this check's own, with its guard, its trust and its time limits; https only."""

import asyncio
import concurrent.futures
import contextvars
import logging
import threading
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from bot.checks.link.faults import Malformed
from bot.checks.link.fetch import ask
from bot.checks.link.line import Net
from bot.checks.m365.wire import error_in

T = TypeVar("T")

_FIRST_FAULT = 500


class _Response:
    """An answer as msal wants it."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status_code, self.text = status, body.decode("utf-8", "replace")
        self.headers: dict[str, str] = {}

    def raise_for_status(self) -> None:
        """Refusals are answers here, and faults never come as far as this."""


class GuardedHttp:
    """An HTTP client for msal. Its methods block and belong in a thread; `stopped` ends them from outside."""

    def __init__(self, net: Net, stopped: threading.Event) -> None:
        self._net, self._stopped = net, stopped
        self._loop = asyncio.get_running_loop()

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> _Response:
        return self._ask(url, params, None, headers)

    def post(self, url: str, params: Any = None, data: Any = None, headers: Any = None, **_: Any) -> _Response:
        return self._ask(url, params, urlencode({k: v for k, v in (data or {}).items() if v is not None}), headers)

    def close(self) -> None:
        """Every request has a connection of its own."""

    def _ask(self, url: str, params: Any, form: str | None, headers: Any) -> _Response:
        if self._stopped.is_set():
            raise Malformed("the check is over")
        if urlsplit(url).scheme != "https":
            raise Malformed("the platform names an address without https")
        url += f"?{urlencode(params)}" if params else ""
        named = [(str(name), str(value)) for name, value in (headers or {}).items() if value is not None]
        asking = ask(self._net, url, None if form is None else form.encode(), named)
        page = asyncio.run_coroutine_threadsafe(asking, self._loop).result()
        if page.status >= _FIRST_FAULT:
            raise Malformed(f"HTTP status {page.status}")
        return _Response(page.status, error_in(page.body))


async def apart(call: Callable[[], T]) -> T:
    """What a call comes to, in a thread of its own: those of the loop are few, and others wait for them.

    A sign-in may last a quarter of an hour. Nobody waits for the thread where the check was stopped, nor at the end.
    """
    coming: concurrent.futures.Future[T] = concurrent.futures.Future()
    coming.set_running_or_notify_cancel()  # from now on it cannot be cancelled, and takes what the thread brings

    def work() -> None:
        try:
            coming.set_result(call())
        except BaseException as error:  # noqa: BLE001 - for whoever waits
            coming.set_exception(error)

    threading.Thread(target=contextvars.copy_context().run, args=(work,), name="sign-in", daemon=True).start()
    return await asyncio.wrap_future(coming)


def understood(call: Callable[[], T]) -> T:
    """What a part of the flow comes to. msal stumbles over answers of another shape, and its words would quote them."""
    try:
        return call()
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Malformed("the platform's answer is not understood") from None


def load_msal() -> Any:
    """msal, which keeps its log to itself: it logs answers that it cannot read in full, tokens included."""
    import msal  # noqa: PLC0415 - large, and few checks come this far

    logger = logging.getLogger("msal")
    logger.propagate = False
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
    return msal


def forgetful_cache(msal: Any) -> Any:
    """A cache of tokens that keeps none."""
    cache = msal.TokenCache()
    cache.add = lambda *_, **__: None
    return cache
