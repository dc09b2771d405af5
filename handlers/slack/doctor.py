"""`doctor` for Slack: whether the tokens are good, and have the scopes that the bot needs."""

from collections.abc import Sequence

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.health.outcome import Outcome
from bot.manifest import BOT_SCOPES
from bot.settings import Settings, SlackSettings

_PATIENCE = 10
_MANIFEST = "python -m bot manifest slack shows what the app needs; change it at api.slack.com/apps and reinstall it"


async def check_slack(settings: Settings) -> Sequence[Outcome]:
    """Settings, then the tokens as Slack sees them. Nothing where Slack is switched off."""
    from handlers.slack.platform import problem_of  # noqa: PLC0415 - slow to import

    slack = settings.slack
    if not slack.enabled:
        return []
    if (problem := problem_of(slack)) is not None:
        return [Outcome("fail", "slack", problem, _MANIFEST)]
    async with aiohttp.ClientSession() as session:
        client = AsyncWebClient(
            None, base_url=slack.api_url.rstrip("/") + "/", session=session, timeout=_PATIENCE, retry_handlers=[]
        )
        outcomes = [await _bot(client, slack)]
        if slack.mode == "socket":
            outcomes.append(await _socket(client, slack))
    command = f"{slack.command}: if another app of the workspace has the same command, the one installed last gets it"
    return [*outcomes, Outcome("pass", "slack.command", command)]


async def _bot(client: AsyncWebClient, slack: SlackSettings) -> Outcome:
    if slack.bot_token is None:
        return Outcome("pass", "slack.bot_token", "each workspace brings its own, at /slack/install")
    try:
        answer = await client.auth_test(token=slack.bot_token.get_secret_value())
    except (SlackApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
        return _failed("slack.bot_token", error)
    granted = {s.strip() for s in str(_header(answer.headers, "x-oauth-scopes")).split(",") if s.strip()}
    if not granted:
        return Outcome("unknown", "slack.scopes", "Slack did not say which scopes the token has", _MANIFEST)
    missing = [scope for scope in BOT_SCOPES if scope not in granted]
    if missing:
        return Outcome("fail", "slack.scopes", f"missing: {', '.join(missing)}", _MANIFEST)
    return Outcome("pass", "slack.bot_token", f"good for {answer.get('team')}, with every scope that is needed")


async def _socket(client: AsyncWebClient, slack: SlackSettings) -> Outcome:
    assert slack.app_token is not None  # `problem_of` has seen to it
    try:
        await client.apps_connections_open(app_token=slack.app_token.get_secret_value())
    except (SlackApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
        return _failed("slack.app_token", error)
    return Outcome("pass", "slack.app_token", "Socket Mode can connect")


def _failed(name: str, error: Exception) -> Outcome:
    if isinstance(error, SlackApiError):
        word = error.response.get("error")
        return Outcome("fail", name, f"Slack refuses the token: {word}", "copy it again from the app's own page")
    return Outcome(
        "unknown", name, f"Slack cannot be reached ({type(error).__name__})", "check slack.api_url and the network"
    )


def _header(headers: object, name: str) -> str:
    found = dict(headers) if isinstance(headers, dict) else dict(getattr(headers, "items", dict)())
    value = next((v for k, v in found.items() if str(k).lower() == name), "")
    return ",".join(value) if isinstance(value, list) else str(value)
