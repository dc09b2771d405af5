"""`doctor` for Slack: whether the tokens are good, and have the scopes that the bot needs."""

import json
from collections.abc import Sequence

import aiohttp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bot.health.outcome import Outcome
from bot.manifest import BOT_OPTIONAL_SCOPES, BOT_SCOPES
from bot.settings import Settings, SlackSettings
from bot.store.engine import make_engine
from bot.store.installations import Installations
from bot.store.place import ROOT, read_place
from bot.store.rows import StoreError
from handlers.slack.seal import Seal, SealError, key_beside

_PATIENCE = 10
_MOST_WORKSPACES = 20
"""How many installations are looked at: Slack answers about one question a second."""
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
        outcomes = await (_installed(client, settings) if slack.bot_token is None else _configured(client, slack))
        if slack.mode == "socket":
            outcomes.append(await _socket(client, slack))
    command = f"{slack.command}: if another app of the workspace has the same command, the one installed last gets it"
    return [*outcomes, Outcome("pass", "slack.command", command)]


async def _configured(client: AsyncWebClient, slack: SlackSettings) -> list[Outcome]:
    assert slack.bot_token is not None  # else the workspaces bring their own
    return [await _bot(client, slack.bot_token.get_secret_value(), "slack.bot_token")]


async def _installed(client: AsyncWebClient, settings: Settings) -> list[Outcome]:
    """The tokens of the workspaces in which the bot was installed. Nothing is made or renewed by looking."""
    try:
        kept = await _kept(settings)
    except StoreError as error:
        return [Outcome("unknown", "slack.installations", f"the store cannot be read: {error}", "see `store` above")]
    if not kept:
        return [Outcome("pass", "slack.installations", "none yet; each workspace brings its own, at /slack/install")]
    seal = _seal(settings)
    opened = [seal.open(one) if seal else None for one in kept]
    found = [await _bot(client, *_token_of(one)) for one in opened[:_MOST_WORKSPACES] if one is not None]
    if None in opened:
        lost = f"{opened.count(None)} of {len(opened)} were sealed with another key"
        todo = "put the old slack.encryption_key or key file back, or install the bot there again"
        found.append(Outcome("fail", "slack.installations", lost, todo))
    return found


async def _kept(settings: Settings) -> Sequence[str]:
    place = read_place(settings.store.url)
    if place.path is not None and not place.path.exists():
        return []
    engine = make_engine(place)
    try:
        return await Installations(engine, place).all()
    finally:
        await engine.dispose()


def _seal(settings: Settings) -> Seal | None:
    """The seal of the settings, or that of the key file; None where there is none that could be used."""
    path = (read_place(settings.store.url).path or ROOT / "var" / "migcheck.db").with_suffix(".key")
    configured = settings.slack.encryption_key
    try:
        if configured is not None:
            return Seal(configured.get_secret_value())
        return Seal(key_beside(path)) if path.exists() else None
    except SealError:
        return None


def _token_of(opened: str) -> tuple[str, str]:
    """The token, and how the workspace is called here."""
    bot = json.loads(opened)
    name = bot.get("team_name") or bot.get("enterprise_name") or bot.get("team_id") or bot.get("enterprise_id")
    return str(bot["bot_token"]), f"slack.installations {name}"


async def _bot(client: AsyncWebClient, token: str, name: str) -> Outcome:
    try:
        answer = await client.auth_test(token=token)
    except (SlackApiError, aiohttp.ClientError, TimeoutError, OSError) as error:
        if isinstance(error, SlackApiError) and error.response.get("error") == "token_expired":
            return Outcome("pass", name, "the token has ended; it is renewed when it is used next")
        return _failed(name, error)
    granted = {s.strip() for s in str(_header(answer.headers, "x-oauth-scopes")).split(",") if s.strip()}
    if not granted:
        return Outcome("unknown", name, "Slack did not say which scopes the token has", _MANIFEST)
    missing = [scope for scope in BOT_SCOPES if scope not in granted]
    if needed := [scope for scope in missing if scope not in BOT_OPTIONAL_SCOPES]:
        return Outcome("fail", name, f"missing scopes: {', '.join(needed)}", _MANIFEST)
    if missing:
        found = f"good for {answer.get('team')}; without {', '.join(missing)} attached files are not read"
        return Outcome("warn", name, found, f"if they should be: {_MANIFEST}")
    return Outcome("pass", name, f"good for {answer.get('team')}, with every scope that is needed")


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
