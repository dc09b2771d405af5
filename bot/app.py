"""The composition root: the one file that knows every part of the running bot."""

import asyncio
import functools
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bot.core.model import Lang
from bot.core.wisdom import Wisdom
from bot.faults import own_fault
from bot.logs import set_up_logging
from bot.network import open_network, wisdom_in
from bot.settings import Settings, load_settings
from bot.store.rows import StoreError
from bot.store.store import Store, open_store
from bot.store.vault import Vault
from handlers.conversation import Conversation
from handlers.port import Port
from handlers.web.chat import Chat
from handlers.web.export import Export
from handlers.web.feed import Feed
from handlers.web.front import Front
from handlers.web.guard import own_hosts
from handlers.web.health import Health
from handlers.web.port import NAME as WEB
from handlers.web.port import WebPort
from handlers.web.report_page import ReportPage
from handlers.web.secret_page import SecretPage
from handlers.web.server import ListenError, bind, make_app, serving
from handlers.web.session import chat_key, sessions
from handlers.web.stream import Stream

if TYPE_CHECKING:
    from handlers.lark.platform import LarkPlatform
    from handlers.slack.platform import SlackPlatform

GRACE = 5.0
"""Seconds that checks under way may take when the bot is stopped."""
_UPKEEP_EVERY = 3600.0
_WIPE_EVERY = 15.0
_CANNOT_START = 2
_log = structlog.get_logger(__name__)


class StartError(Exception):
    """The bot cannot start as it is configured. The message is a sentence for whoever runs it."""


class Mind:
    """The knowledge by language, each made once."""

    @functools.cache  # noqa: B019 - one Mind a process
    def wisdom(self, lang: Lang) -> Wisdom:
        return wisdom_in(lang)


@dataclass(frozen=True, slots=True)
class Bot:
    """The running bot. `origin` is where its pages are reached from this machine."""

    conversation: Conversation
    store: Store
    vault: Vault
    origin: str
    chat: bool


def run_command(role: str) -> int:
    """`run`: serve until SIGINT or SIGTERM. The exit status is 2 where the bot cannot start."""
    if role != "all":
        print(f"run: --role {role} needs several nodes (queue.url), which this version does not have", file=sys.stderr)
        return _CANNOT_START
    settings = load_settings()
    set_up_logging(settings.log)
    return asyncio.run(serve(settings))


async def serve(settings: Settings) -> int:
    """Run the bot until it is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_bot(settings) as bot:
            what = "chat page" if bot.chat else "pages"
            print(
                f"migcheck: {what} at {settings.web.public_url or bot.origin}/ (stop with Ctrl+C)",
                file=sys.stderr,
                flush=True,
            )
            await stop.wait()
    except (StartError, StoreError, ListenError) as error:
        print(f"run: {error}", file=sys.stderr)
        return _CANNOT_START
    return 0


@asynccontextmanager
async def open_bot(settings: Settings, clock: Callable[[], float] = time.time) -> AsyncIterator[Bot]:
    """Everything started, in an order in which each part finds what it needs; stopped the other way round.

    Raises StartError, StoreError or ListenError.
    """
    chat = chat_enabled(settings)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(*settings.web.address))
        settings = _with_port(settings, listener.getsockname()[1])
        store = await stack.enter_async_context(open_store(settings.store.url))
        network = stack.enter_context(open_network(settings))
        mind, vault, feed = Mind(), Vault(settings.secrets.ttl), Feed()
        ports: dict[str, Port] = {WEB: WebPort(store, feed, clock)} if chat else {}
        platforms = await _platforms(stack, settings, store, mind, clock)
        ports |= {platform.port.name: platform.port for platform in platforms}
        conversation = Conversation(store, vault, mind, network, ports, settings, clock)
        stack.push_async_callback(conversation.stop, GRACE)
        await conversation.start()
        health = Health({"store": store.ping} | {platform.port.name: platform.ready for platform in platforms})
        browsers = sessions(settings)
        routes = [*health.routes(), *SecretPage(store, conversation, mind, clock).routes()]
        routes += [*ReportPage(store, mind, browsers).routes(), *Export(store).routes()]
        if chat:
            routes += [
                *Front(mind, browsers, settings.web.suggestions).routes(),
                *Stream(store, feed, browsers).routes(),
            ]
            routes += Chat(store, conversation, mind, browsers).routes()
        for platform in platforms:
            platform.listen(conversation)
            routes += platform.routes()
        app = make_app(own_hosts(settings), mind, routes)
        await stack.enter_async_context(serving(app, listener))
        for platform in platforms:
            await stack.enter_async_context(platform.running())
        stack.callback(feed.close)
        stack.callback(health.stop)
        await stack.enter_async_context(_repeating(_WIPE_EVERY, lambda: _wipe(vault, clock)))
        await stack.enter_async_context(_repeating(_UPKEEP_EVERY, lambda: _expire(store, settings, clock)))
        yield Bot(conversation, store, vault, f"http://{settings.web.listen}", chat)


async def _platforms(
    stack: AsyncExitStack, settings: Settings, store: Store, mind: Mind, clock: Callable[[], float]
) -> "list[SlackPlatform | LarkPlatform]":
    """The chat platforms that are switched on; their libraries are imported for them alone. Raises StartError."""
    platforms: list[SlackPlatform | LarkPlatform] = []
    if settings.slack.enabled:
        from handlers.slack.platform import SlackError, open_slack  # noqa: PLC0415

        try:
            platforms.append(await stack.enter_async_context(open_slack(settings, store, mind, clock)))
        except SlackError as error:
            raise StartError(str(error)) from None
    if settings.lark.enabled:
        from handlers.lark.platform import LarkError, open_lark  # noqa: PLC0415

        try:
            platforms.append(await stack.enter_async_context(open_lark(settings, store, mind, clock)))
        except LarkError as error:
            raise StartError(str(error)) from None
    return platforms


def chat_enabled(settings: Settings) -> bool:
    """Whether the local chat page is served: by default while no platform is, and never to the network without a token.

    Raises StartError where it is asked for and may not be.
    """
    safe = settings.web.loopback or bool(chat_key(settings))
    if settings.web.chat and not safe:
        raise StartError(
            "web.chat on an address that others can reach needs web.chat_token (MIGCHECK_WEB__CHAT_TOKEN);"
            " otherwise listen on 127.0.0.1"
        )
    alone = not (settings.slack.enabled or settings.lark.enabled)
    return (safe and alone) if settings.web.chat is None else settings.web.chat


def _with_port(settings: Settings, port: int) -> Settings:
    """The settings with the port that is really listened on, where any one was asked for (0)."""
    host = settings.web.listen.rpartition(":")[0]
    web = settings.web.model_copy(update={"listen": f"{host}:{port}"})
    return settings.model_copy(update={"web": web})


@asynccontextmanager
async def _repeating(seconds: float, act: Callable[[], Awaitable[object]]) -> AsyncIterator[None]:
    """Do something every so often, from now on. A failure is logged and tried again the next time."""

    async def repeat() -> None:
        while True:
            try:
                await act()
            except Exception as error:  # noqa: BLE001 - upkeep must go on
                _log.error("upkeep failed", fault=own_fault(error))
            await asyncio.sleep(seconds)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _wipe(vault: Vault, clock: Callable[[], float]) -> None:
    vault.expire(clock())


async def _expire(store: Store, settings: Settings, clock: Callable[[], float]) -> None:
    counts = await store.expire(clock(), settings.store.retention_days)
    if any(counts.values()):
        _log.info("erased what is too old", **counts)
