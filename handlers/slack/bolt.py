"""slack-bolt's application: it verifies signatures, finds the token and sorts payloads; what they mean is ours."""

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any

from slack_bolt.app.async_app import AsyncApp
from slack_bolt.context.ack.async_ack import AsyncAck
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot import metrics
from handlers.slack.inbound import (
    read_command,
    read_message,
    read_opened,
    read_press,
    read_shortcut,
    read_window,
)
from handlers.slack.reception import Reception

Authorize = Callable[..., Awaitable[Any]]
Body = dict[str, Any]
_OURS, _ANY = re.compile(r"migcheck\."), re.compile(r"")
_FAULT = 500


def make_app(client: AsyncWebClient, authorize: Authorize, signing_secret: str | None) -> AsyncApp:
    """An application without listeners. A listener ends before its request is answered: what counts is stored by then.

    Without a signing secret (Socket Mode) nothing can come by HTTP, so nothing is verified there.
    """
    app = AsyncApp(
        logger=_logger(),
        name="migcheck",
        client=client,
        signing_secret=signing_secret or "",
        request_verification_enabled=signing_secret is not None,
        process_before_response=True,
        ignoring_self_events_enabled=True,
        authorize=authorize,
    )
    app.error(_failed)
    return app


def listen(app: AsyncApp, reception: Reception, command: str, removed: Callable[[str, str], Awaitable[None]]) -> None:
    """Lead every payload that is subscribed to into the reception. `removed` hears of workspaces that the bot left."""

    async def on_command(ack: AsyncAck, body: Body) -> None:
        answer = await reception.command(read_command(body))
        await (ack(dict(answer)) if answer else ack())

    async def on_message(body: Body) -> None:
        said = read_message(body)
        if said is not None:
            await reception.said(said)

    async def on_opened(body: Body) -> None:
        await reception.opened(read_opened(body))

    async def on_press(ack: AsyncAck, body: Body) -> None:
        await reception.press(read_press(body))
        await ack()

    async def on_window(ack: AsyncAck, body: Body) -> None:
        answer = await reception.window(read_window(body))
        await (ack(**answer) if answer else ack())

    async def on_shortcut(ack: AsyncAck, body: Body) -> None:
        await reception.shortcut(read_shortcut(body))
        await ack()

    async def on_removed(body: Body) -> None:
        whole = body.get("is_enterprise_install") is True or body.get("team_id") == body.get("enterprise_id")
        team = "" if whole else str(body.get("team_id") or "")
        await removed(str(body.get("enterprise_id") or ""), team)

    async def on_revoked(body: Body) -> None:
        if body["event"].get("tokens", {}).get("bot"):
            await on_removed(body)

    async def on_other() -> None:
        """An event that somebody subscribed to beyond the manifest: unless it is acknowledged Slack sends it again."""

    app.event("app_uninstalled")(on_removed)
    app.event("tokens_revoked")(on_revoked)
    app.command(command)(on_command)
    app.event("message")(on_message)
    app.event("app_mention")(on_message)
    app.event("app_home_opened")(on_opened)
    app.event(_ANY)(on_other)
    app.action(_OURS)(on_press)
    app.view(_OURS)(on_window)
    app.shortcut("migcheck.explain")(on_shortcut)


async def _failed(error: Exception, logger: logging.Logger) -> BoltResponse:
    """A fault of ours: Slack is told so and comes again; no payload is logged."""
    logger.error(metrics.fault(error))
    return BoltResponse(status=_FAULT, body="")


def _logger() -> logging.Logger:
    """Bolt and slack_sdk print whole payloads below INFO, a typed secret among them: never here."""
    logger = logging.getLogger("slack_bolt.migcheck")
    logger.setLevel(logging.WARNING)
    return logger
