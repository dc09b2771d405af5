"""Lark's long connection: the SDK's client in a thread with a loop of its own; what comes is dealt with in ours.

The SDK takes seconds to import and asks for its address with a blocking call, hence the thread. It prints whole
payloads below INFO and the address of the connection, which is a credential, at INFO, hence the clamp on its logger.
"""

import asyncio
import json
import logging
import re
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import structlog

from bot import metrics

Receive = Callable[[bytes], Awaitable[Mapping[str, Any]]]
"""Deals with a payload; what the answer says."""
_ACK = 2.8
"""Seconds after which Lark takes an event for lost (3), less a little for the way."""
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_END = 5.0
_WATCH_EVERY, _TOO_LONG = 5.0, 300.0
"""Seconds: how often the connection is looked at, and how long it may be gone before everything begins anew."""
_ADDRESSES = re.compile(r"\b(?:wss?|https?)://\S+")
_log = structlog.get_logger(__name__)


class Connection:
    """`receive` runs in the loop that `run` was called in."""

    def __init__(self, app_id: str, app_secret: str, base: str, receive: Receive) -> None:
        self._app_id, self._app_secret, self._base, self._receive = app_id, app_secret, base.rstrip("/"), receive
        self._ours: asyncio.AbstractEventLoop | None = None
        self._theirs: asyncio.AbstractEventLoop | None = None
        self._client: Any = None
        self._stopping = False

    @property
    def connected(self) -> bool:
        return getattr(self._client, "_conn", None) is not None

    async def run(self) -> None:
        """Stay connected until this is cancelled. Lark may be away when the bot starts."""
        self._ours = asyncio.get_running_loop()
        thread = threading.Thread(target=self._keep_trying, name="lark", daemon=True)
        thread.start()
        try:
            await asyncio.Event().wait()
        finally:
            self._stopping = True
            self._end_loop()
            await asyncio.to_thread(thread.join, _END)

    # In the thread.

    def _keep_trying(self) -> None:
        pause = _FIRST_PAUSE
        while not self._stopping:
            try:
                self._once()
                pause = _FIRST_PAUSE
            except Exception as error:  # noqa: BLE001 - the SDK raises what it likes; the connection must come back
                if not self._stopping:
                    _log.warning("the long connection ended", error=type(error).__name__, again_in=pause)
            self._wait(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    def _wait(self, seconds: float) -> None:
        woken = threading.Event()
        for _ in range(int(seconds * 10)):
            if self._stopping or woken.wait(0.1):
                return

    def _once(self) -> None:
        """One life of the SDK's client."""
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        try:
            sdk = _sdk(loop)
            handler = _handler(self._deal_with)
            self._client = sdk.Client(
                self._app_id, self._app_secret, log_level=_quiet_level(), event_handler=handler, domain=self._base
            )
            clamp()
            self._theirs = loop
            watch = loop.create_task(self._watch(loop))
            try:
                self._client.start()
            except RuntimeError:
                if loop.is_running():
                    raise
            finally:
                watch.cancel()
                _close(loop, self._client)
        finally:
            self._theirs = None
            asyncio.set_event_loop(None)
            loop.close()

    async def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """End this life where the SDK has given up, or when the bot stops."""
        gone = 0.0
        while not self._stopping and gone < _TOO_LONG:
            await asyncio.sleep(_WATCH_EVERY)
            gone = 0.0 if self.connected else gone + _WATCH_EVERY
        loop.stop()

    def _end_loop(self) -> None:
        loop = self._theirs
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(loop.stop)

    def _deal_with(self, payload: bytes) -> Mapping[str, Any]:
        """An event: it is answered once it is stored. Whatever fails makes Lark send it again."""
        assert self._ours is not None
        done = asyncio.run_coroutine_threadsafe(_awaited(self._receive, payload), self._ours)
        try:
            return done.result(_ACK)
        except Exception as error:  # noqa: BLE001 - whatever it is, its words may hold the payload
            _log.error("an event could not be dealt with", fault=metrics.fault(error))
            raise RuntimeError("not dealt with") from None


async def _awaited(receive: Receive, payload: bytes) -> Mapping[str, Any]:
    return await receive(payload)


def _sdk(loop: asyncio.AbstractEventLoop) -> Any:
    """The SDK's module, with the loop that it keeps as a global."""
    import lark_oapi.ws.client as sdk  # noqa: PLC0415 - seconds, for those who use it

    sdk.loop = loop
    return sdk


def _quiet_level() -> Any:
    from lark_oapi.core.enum import LogLevel  # noqa: PLC0415

    return LogLevel.WARNING


def _handler(deal_with: Callable[[bytes], Mapping[str, Any]]) -> Any:
    """What the SDK's client gives payloads to. Its own dispatcher would take them apart into its classes first."""
    from lark_oapi.event.dispatcher_handler import EventDispatcherHandler  # noqa: PLC0415

    class Handler(EventDispatcherHandler):  # type: ignore[misc]
        def _do_without_validation(self, payload: bytes) -> Any:
            return dict(deal_with(payload)) or None

    return Handler()


def clamp() -> None:
    """Keep the SDK from printing payloads and addresses: from WARNING up, through our own handler, without URLs."""
    for name in ("websockets", "urllib3"):  # what the SDK speaks with; they show addresses
        logging.getLogger(name).setLevel(logging.WARNING)
    logger = logging.getLogger("Lark")
    logger.setLevel(logging.WARNING)
    logger.handlers.clear()
    if not any(isinstance(one, _NoAddresses) for one in logger.filters):
        logger.addFilter(_NoAddresses())


class _NoAddresses(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = _ADDRESSES.sub("***", record.getMessage()), ()
        return record.levelno >= logging.WARNING


def _close(loop: asyncio.AbstractEventLoop, client: Any) -> None:
    """Leave nothing behind of a client's life."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
    connection = getattr(client, "_conn", None)
    if connection is not None:
        client._conn = None  # noqa: SLF001 - the SDK has no way to end
        loop.run_until_complete(asyncio.wait_for(connection.close(), _END))


def decoded(payload: bytes) -> dict[str, Any]:
    """A payload of the connection. Raises ValueError."""
    body = json.loads(payload)
    if not isinstance(body, dict):
        raise ValueError("not an object")  # noqa: TRY004 - as for what is no JSON
    return body
