"""Lark as a whole: made from the settings, started and stopped."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import structlog
from aiohttp import web

from bot import metrics
from bot.core.dialogue import Mind
from bot.core.model import Lang
from bot.settings import LarkSettings, Settings
from bot.store.store import Store
from bot.store.threads import Threads
from handlers.conversation import Conversation
from handlers.lark.api import Api, Lost, Refused
from handlers.lark.chat import LarkPort
from handlers.lark.commands import register
from handlers.lark.connection import Connection, decoded
from handlers.lark.envelope import Envelopes, Forged
from handlers.lark.inbound import read
from handlers.lark.means import Means
from handlers.lark.people import People
from handlers.lark.reception import Reception
from handlers.lark.words import Words

_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 300.0
_REFUSED, _OWN_FAULT, _MOST_CHALLENGE = 401, 500, 1000
_MOST_BODY = 512 * 1024
"""Bytes of a request that is dealt with."""
_log = structlog.get_logger(__name__)


class LarkError(Exception):
    """Lark cannot be served as it is configured. The message says what is missing."""


class LarkPlatform:
    """What the composition root needs of Lark. Made by `open_lark`."""

    def __init__(self, settings: Settings, means: Means, port: LarkPort, envelopes: Envelopes | None) -> None:
        self._settings, self._means, self.port, self._envelopes = settings, means, port, envelopes
        self._reception: Reception | None = None
        self._connection: Connection | None = None

    def listen(self, conversation: Conversation) -> None:
        """From now on what people do goes into the conversation."""
        self._reception = Reception(self._means, conversation, self.port, self._settings)

    def routes(self) -> list[web.RouteDef]:
        """Addresses for the one HTTP server."""
        return [web.post("/lark/events", self._events)] if self._envelopes is not None else []

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connected, where Lark is reached by a long connection; meanwhile the bot learns its own name."""
        lark = self._settings.lark
        tasks = [asyncio.create_task(self._introduce())]
        if lark.mode == "websocket":
            secret = lark.app_secret.get_secret_value() if lark.app_secret else ""
            self._connection = Connection(lark.app_id or "", secret, lark.base_url, self._received)
            tasks.append(asyncio.create_task(self._connection.run()))
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            if self._reception is not None:
                await self._reception.close()

    async def ready(self) -> None:
        """Raises where Lark cannot reach this bot now."""
        if self._settings.lark.mode == "websocket" and not (self._connection and self._connection.connected):
            raise ConnectionError("the long connection is not there")

    async def _introduce(self) -> None:
        """Ask Lark who the bot is, as long as it takes, and register its slash command where that is possible."""
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = await self._means.api.call("GET", "/open-apis/bot/v3/info")
            except Refused as refused:
                _log.warning("Lark refuses this app", code=refused.code, again_in=pause)
            except Lost:
                pass
            else:
                found = answer.get("bot") or {}
                if self._reception is not None:
                    self._reception.me = str(found.get("open_id") or "")
                return await register(self._means.api, self._means.words)
            await asyncio.sleep(pause)
            pause = min(pause * 2, _LONGEST_PAUSE)

    async def _events(self, request: web.Request) -> web.Response:
        """A request of Lark's, answered when what counts is stored. A forged one learns nothing."""
        assert self._envelopes is not None  # otherwise there is no such route
        raw = await request.read()
        try:
            body = self._envelopes.open(request.headers, raw)
        except Forged as forged:
            metrics.forged("lark")
            _log.warning("a request to /lark/events was refused", why=str(forged))
            return web.json_response({}, status=_REFUSED)
        if body.get("type") == "url_verification":
            return web.json_response({"challenge": str(body.get("challenge", ""))[:_MOST_CHALLENGE]})
        if len(raw) > _MOST_BODY:  # refused, it would come again for seven hours
            _log.warning("an event is too large and was left out", size=len(raw))
            return web.json_response({})
        try:
            return web.json_response(dict(await self._deal_with(body)))
        except Exception as error:  # noqa: BLE001 - Lark is told so and comes again; no payload is logged
            self._envelopes.forget(request.headers)
            _log.error("an event could not be dealt with", fault=metrics.fault(error))
            return web.json_response({}, status=_OWN_FAULT)

    async def _received(self, payload: bytes) -> Mapping[str, Any]:
        return await self._deal_with(decoded(payload))

    async def _deal_with(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            what = read(body)
        except (KeyError, TypeError, ValueError, AttributeError):
            _log.warning("an event makes no sense")
            return {}
        if what is None or self._reception is None:
            return {}
        return await self._reception.happened(what)


@asynccontextmanager
async def open_lark(
    settings: Settings, store: Store, mind: Mind, clock: Callable[[], float] = time.time
) -> AsyncIterator[LarkPlatform]:
    """Lark, ready to listen. Raises LarkError where a setting is missing."""
    lark = settings.lark
    if (problem := problem_of(lark)) is not None:
        raise LarkError(problem)
    async with aiohttp.ClientSession() as session:
        api = Api(lark.base_url, lark.app_id or "", _secret(lark.app_secret), session)
        people = People(store, api, default_lang(lark.base_url), clock)
        means = Means(api, store, Threads.beside(store), people, Words(mind), mind, clock)
        port = LarkPort(means, secret_forms=settings.secret_entry == "modal")  # noqa: S105 - how, not what
        token = _secret(lark.verification_token) or None
        webhook = lark.mode == "webhook"
        envelopes = Envelopes(_secret(lark.encrypt_key), token, clock) if webhook else None
        yield LarkPlatform(settings, means, port, envelopes)


def problem_of(lark: LarkSettings) -> str | None:
    """What is missing for this mode, in a sentence; None where nothing is."""
    if not lark.app_id or lark.app_secret is None:
        return "lark.app_id and lark.app_secret are missing (MIGCHECK_LARK__APP_ID, MIGCHECK_LARK__APP_SECRET)"
    if lark.mode == "webhook" and not _secret(lark.encrypt_key):
        return (
            "lark.encrypt_key is missing (MIGCHECK_LARK__ENCRYPT_KEY): without it forged events could not be told;"
            " set one in the developer console, or use lark.mode: websocket"
        )
    if lark.mode == "websocket" and find_spec("lark_oapi") is None:
        return "lark.mode: websocket needs the package lark-oapi, which is not installed: run make setup"
    return None


def default_lang(base: str) -> Lang:
    """The language before a person has written a word: Feishu is used in China."""
    return "zh" if (urlsplit(base).hostname or "").endswith("feishu.cn") else "ja"


def _secret(value: Any) -> str:
    return str(value.get_secret_value()) if value is not None else ""
