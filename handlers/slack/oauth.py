"""The way on which further workspaces install the bot: /slack/install to Slack and back to /slack/oauth_redirect."""

import logging
from collections.abc import Sequence
from typing import Any

from slack_bolt.oauth.async_callback_options import AsyncCallbackOptions, AsyncFailureArgs, AsyncSuccessArgs
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_bolt.oauth.async_oauth_settings import AsyncOAuthSettings
from slack_bolt.response import BoltResponse
from slack_sdk.web.async_client import AsyncWebClient

from bot.manifest import BOT_SCOPES
from bot.settings import Settings
from handlers.slack.install import STATE_SECONDS, SealedInstallations, SignedStates

_quiet = logging.getLogger("slack_bolt.migcheck.oauth")
_quiet.setLevel(logging.ERROR)  # below, it prints the codes that it is given
_HTML: dict[str, str | Sequence[str]] = {"Content-Type": "text/html; charset=utf-8"}


def make_flow(
    settings: Settings, bots: SealedInstallations, states: SignedStates, client: AsyncWebClient
) -> AsyncOAuthFlow:
    """slack-bolt's flow over our stores."""
    slack = settings.slack
    assert slack.client_id is not None
    assert slack.client_secret is not None
    return AsyncOAuthFlow(
        client=client,
        logger=_quiet,
        settings=AsyncOAuthSettings(
            client_id=slack.client_id,
            client_secret=slack.client_secret.get_secret_value(),
            scopes=list(BOT_SCOPES),
            user_scopes=[],
            redirect_uri=f"{settings.web.origin}/slack/oauth_redirect",
            installation_store=bots,
            installation_store_bot_only=True,
            state_store=states,
            state_expiration_seconds=STATE_SECONDS,
            callback_options=AsyncCallbackOptions(success=_success, failure=_failure),
        ),
    )


async def _success(_: AsyncSuccessArgs) -> BoltResponse:
    return _page("migcheck is installed", "Write to it in Slack, or type /migcheck. This page may be closed.", 200)


async def _failure(args: AsyncFailureArgs) -> BoltResponse:
    """Only a word of our own about why: what came with the request is not repeated."""
    known = {"invalid_state", "invalid_browser", "missing_code", "invalid_code", "storage_error", "access_denied"}
    reason = args.reason if args.reason in known else "failed"
    status = args.suggested_status_code if args.suggested_status_code != 200 else 400  # noqa: PLR2004
    return _page("migcheck was not installed", f"Reason: {reason}. Please begin again at /slack/install.", status)


def _page(title: str, text: str, status: int) -> BoltResponse:
    body: Any = (
        f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><h1>{title}</h1><p>{text}</p></html>"
    )
    return BoltResponse(status=status, body=body, headers=_HTML)
