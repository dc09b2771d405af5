"""Socket Mode: the connection over which Slack reaches the bot, kept for as long as the bot runs.

Source: docs.slack.dev, "Using Socket Mode".
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import structlog
from slack_bolt.adapter.socket_mode.async_internals import run_async_bolt_app, send_async_response
from slack_bolt.app.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.socket_mode.aiohttp import SocketModeClient
from slack_sdk.socket_mode.async_client import AsyncBaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest

_PING_EVERY = 10
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0
_log = structlog.get_logger(__name__)


class Connection(SocketModeClient):
    """slack_sdk's client tries one address for ever, though each is good for seconds, and shows a stack each time.

    This one asks for an address with every try, and has a line for each that fails.
    """

    async def issue_new_wss_url(self) -> str:
        """Nothing yet: `connect` asks."""
        return ""

    async def connect(self) -> None:
        """Connect, as often as it takes; an earlier connection ends."""
        pause = _FIRST_PAUSE
        while not self.closed:
            self.auto_reconnect_enabled = False
            try:
                await self._open()
            except Exception as error:  # noqa: BLE001 - whatever it is, the bot is not reached without a connection
                _log.warning("Socket Mode cannot connect", error=_word(error), again_in=pause)
            else:
                return
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _open(self) -> None:
        answer = await self.web_client.apps_connections_open(app_token=self.app_token)
        if self.current_session is not None:
            with contextlib.suppress(aiohttp.ClientError, OSError):  # it may be broken
                await self.current_session.close()
        self.current_session = await self.aiohttp_client_session.ws_connect(
            str(answer["url"]), autoping=False, heartbeat=self.ping_interval, proxy=self.proxy
        )
        self.auto_reconnect_enabled, self.stale, self.last_ping_pong_time = True, False, None
        await self.current_session.ping(f"sdk-ping-pong:{time.time()}".encode())
        for task in (self.current_session_monitor, self.message_receiver):
            if task is not None:
                task.cancel()
        self.current_session_monitor = asyncio.ensure_future(self.monitor_current_session())
        self.message_receiver = asyncio.ensure_future(self.receive_messages())


@asynccontextmanager
async def connected(app: AsyncApp, token: str) -> AsyncIterator[Connection]:
    """A connection, as soon as Slack can be reached. What comes over it goes to the application."""

    async def handle(client: AsyncBaseSocketModeClient, request: SocketModeRequest) -> None:
        began = time.time()
        await send_async_response(client, request, await run_async_bolt_app(app, request), began)

    connection = Connection(app_token=token, logger=app.logger, web_client=app.client, ping_interval=_PING_EVERY)
    connection.socket_mode_request_listeners.append(handle)
    task = asyncio.create_task(connection.connect())
    try:
        yield connection
    finally:
        task.cancel()
        await asyncio.wait([task])
        await connection.close()  # type: ignore[no-untyped-call]


def _word(error: Exception) -> str:
    """Slack's word for why, where it has one."""
    data = error.response.data if isinstance(error, SlackApiError) and hasattr(error.response, "data") else None
    return str(data["error"]) if isinstance(data, dict) and data.get("error") else type(error).__name__
