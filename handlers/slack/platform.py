"""Slack as a whole: made from the settings, started and stopped."""

import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import aiohttp
import structlog
from aiohttp import web
from slack_bolt.adapter.aiohttp import to_aiohttp_response, to_bolt_request
from slack_bolt.app.async_app import AsyncApp
from slack_bolt.authorization import AuthorizeResult
from slack_bolt.context.async_context import AsyncBoltContext
from slack_bolt.oauth.async_oauth_flow import AsyncOAuthFlow
from slack_sdk.oauth.token_rotation.async_rotator import AsyncTokenRotator

from bot import metrics
from bot.core.dialogue import Mind
from bot.settings import Settings, SlackSettings
from bot.store.installations import Installations
from bot.store.place import ROOT
from bot.store.store import Store
from bot.store.threads import Threads
from handlers.conversation import Conversation
from handlers.slack.api import Api
from handlers.slack.bolt import listen, make_app
from handlers.slack.chat import SlackPort
from handlers.slack.connection import Connection, connected
from handlers.slack.home import Home
from handlers.slack.inbound import Where
from handlers.slack.install import SealedInstallations, SignedStates
from handlers.slack.means import Means
from handlers.slack.oauth import make_flow
from handlers.slack.people import People
from handlers.slack.reception import Reception
from handlers.slack.reply import Replies
from handlers.slack.seal import Seal, SealError, key_beside
from handlers.slack.tokens import InstalledTokens, OneToken, Tokens
from handlers.slack.windows import Windows
from handlers.slack.words import Words

_UNSIGNED = 401
"""What Bolt answers to a request whose signature is missing, wrong or too old."""
_SIGNED = {"X-Slack-Request-Timestamp": re.compile(r"[0-9]{1,12}"), "X-Slack-Signature": re.compile(r"v0=[0-9a-f]{64}")}
"""What Slack's signatures look like; Bolt takes others for a fault of its own."""
_log = structlog.get_logger(__name__)


class SlackError(Exception):
    """Slack cannot be served as it is configured. The message says what is missing."""


class SlackPlatform:
    """What the composition root needs of Slack. Made by `open_slack`."""

    def __init__(
        self, settings: Settings, means: Means, app: AsyncApp, port: SlackPort, flow: AsyncOAuthFlow | None
    ) -> None:
        self._settings, self._means, self._app, self.port, self._flow = settings, means, app, port, flow
        self._reception: Reception | None = None
        self._conversation: Conversation | None = None
        self._connection: Connection | None = None

    def listen(self, conversation: Conversation) -> None:
        """From now on what people do goes into the conversation."""
        self._conversation = conversation
        entry = self._settings.secret_entry
        windows = Windows(self._means, self.port, secrets=entry == "modal")
        windows.conversation = conversation
        home = Home(self._means, windows.start, entry=entry, origin=self._settings.web.origin)
        self._reception = Reception(self._means, conversation, windows, home, self._settings)
        listen(self._app, self._reception, self._settings.slack.command, self._removed)

    def routes(self) -> list[web.RouteDef]:
        """Addresses for the one HTTP server."""
        routes = [web.post("/slack/events", self._events)] if self._settings.slack.mode == "http" else []
        if self._flow is not None:
            routes += [web.get("/slack/install", self._install), web.get("/slack/oauth_redirect", self._redirect)]
        return routes

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, where Slack is reached by Socket Mode."""
        async with AsyncExitStack() as stack:
            if self._reception is not None:
                stack.push_async_callback(self._reception.close)
            if (token := self._settings.slack.app_token) is not None and self._settings.slack.mode == "socket":
                self._connection = await stack.enter_async_context(connected(self._app, token.get_secret_value()))
            yield

    async def ready(self) -> None:
        """Raises where Slack cannot reach this bot now."""
        if self._settings.slack.mode == "http":
            return
        if self._connection is None or not await self._connection.is_connected():
            raise ConnectionError("Socket Mode is not connected")

    async def _events(self, request: web.Request) -> web.Response:
        given = request.headers
        if not all(form.fullmatch(given[name]) for name, form in _SIGNED.items() if name in given):
            metrics.forged("slack")
            raise web.HTTPUnauthorized
        try:
            asked = await to_bolt_request(request)
        except (ValueError, AttributeError):  # no text, no JSON, or JSON that is no object
            raise web.HTTPBadRequest from None
        assert self._conversation is not None  # `listen` comes before the server
        with self._conversation.calm.request():
            answer = await self._app.async_dispatch(asked)
        if answer.status == _UNSIGNED:
            metrics.forged("slack")
        return await to_aiohttp_response(answer)

    async def _install(self, request: web.Request) -> web.Response:
        assert self._flow is not None  # otherwise there is no such route
        return await to_aiohttp_response(await self._flow.handle_installation(await to_bolt_request(request)))

    async def _redirect(self, request: web.Request) -> web.Response:
        assert self._flow is not None
        return await to_aiohttp_response(await self._flow.handle_callback(await to_bolt_request(request)))

    async def _removed(self, enterprise: str, team: str) -> None:
        """The bot was removed from a workspace: its token goes at once."""
        await Installations.beside(self._means.store).delete_team(enterprise, team)
        _log.info("the bot was removed from a workspace", team=team)


@asynccontextmanager
async def open_slack(
    settings: Settings, store: Store, mind: Mind, clock: Callable[[], float] = time.time
) -> AsyncIterator[SlackPlatform]:
    """Slack, ready to listen. Raises SlackError where a setting is missing."""
    if (problem := problem_of(settings.slack)) is not None:
        raise SlackError(problem)
    async with aiohttp.ClientSession() as session:
        api = Api(settings.slack.api_url, session)
        words = Words(mind)
        installed, flow = _installations(settings, store, api, clock)
        tokens: Tokens = installed or OneToken(_secret(settings.slack.bot_token))
        people = People(store, api, tokens, clock)
        replies = Replies(api, session, words)
        means = Means(api, tokens, store, Threads.beside(store), people, words, replies, mind, clock)
        port = SlackPort(means, secret_forms=settings.secret_entry == "modal")  # noqa: S105 - how, not what
        app = make_app(api.client(), _authorize(tokens), _signing(settings.slack))
        try:
            yield SlackPlatform(settings, means, app, port, flow)
        finally:
            await replies.close()


def problem_of(slack: SlackSettings) -> str | None:
    """What is missing for this mode, in a sentence; None where nothing is."""
    several = slack.client_id is not None and slack.client_secret is not None
    if slack.bot_token is None and not several:
        return (
            "slack.bot_token is missing (MIGCHECK_SLACK__BOT_TOKEN=xoxb-…), or slack.client_id and slack.client_secret"
        )
    if slack.mode == "http" and slack.signing_secret is None:
        return "slack.signing_secret is missing (MIGCHECK_SLACK__SIGNING_SECRET): forged requests could not be told"
    if slack.mode == "socket" and slack.app_token is None:
        return "slack.app_token is missing (MIGCHECK_SLACK__APP_TOKEN=xapp-…): Socket Mode connects with it"
    return None


def _installations(
    settings: Settings, store: Store, api: Api, clock: Callable[[], float]
) -> tuple[InstalledTokens | None, AsyncOAuthFlow | None]:
    """Tokens of installations and the way to more of them, where no single token is configured."""
    slack = settings.slack
    if slack.bot_token is not None or slack.client_id is None or slack.client_secret is None:
        return None, None
    client_secret = slack.client_secret.get_secret_value()
    try:
        key = _secret(slack.encryption_key) or key_beside(_beside(store))
        table = Installations.beside(store)
        bots = SealedInstallations(table, Seal(key), clock)
    except SealError as error:
        raise SlackError(str(error)) from None
    rotator = AsyncTokenRotator(client_id=slack.client_id, client_secret=client_secret, client=api.client())
    states = SignedStates(table, key, clock)
    flow = make_flow(settings, bots, states, api.client())
    return InstalledTokens(bots, rotator), flow


def _beside(store: Store) -> Any:
    return (store.place.path or ROOT / "var" / "migcheck.db").with_suffix(".key")


def _authorize(tokens: Tokens) -> Callable[..., Any]:
    """Which installation a request belongs to. Nothing is asked of Slack here, since a request waits for it."""

    async def authorize(
        context: AsyncBoltContext, enterprise_id: str | None, team_id: str | None, **_: Any
    ) -> AuthorizeResult | None:
        token = await tokens.stored(
            Where(team_id or "", "", "", None, enterprise_id, bool(context.is_enterprise_install))
        )
        if token is None:
            return None
        return AuthorizeResult(enterprise_id=enterprise_id, team_id=team_id, bot_token=token)

    return authorize


def _signing(slack: SlackSettings) -> str | None:
    return _secret(slack.signing_secret) or None


def _secret(value: Any) -> str:
    return str(value.get_secret_value()) if value is not None else ""
