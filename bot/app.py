"""The composition root: the one file that knows every part of the running bot."""

import asyncio
import functools
import secrets
import signal
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import structlog
from aiohttp import web

from bot import __version__, metrics
from bot.core.model import Lang
from bot.core.wisdom import Wisdom
from bot.logs import set_up_logging
from bot.network import open_network, registration, wisdom_in
from bot.queue.job import Queue
from bot.queue.local import LocalQueue
from bot.settings import Settings, load_settings
from bot.store.nodes import Node, Nodes, StoreClock
from bot.store.place import read_place, same_database
from bot.store.rows import StoreError
from bot.store.store import Store, open_store
from bot.store.vault import Vault
from handlers.conversation import SWEEP_EVERY, SWEPT_AGE, Conversation
from handlers.port import Port, Surface
from handlers.web.chat import Chat
from handlers.web.export import Export
from handlers.web.feed import Feed
from handlers.web.front import Front
from handlers.web.guard import own_hosts
from handlers.web.health import Health, clock_check, disk_check
from handlers.web.metrics import Metrics, measured
from handlers.web.port import NAME as WEB
from handlers.web.port import WebPort
from handlers.web.report_page import ReportPage
from handlers.web.secret_page import SecretPage
from handlers.web.server import ListenError, bind, make_app, serving
from handlers.web.session import chat_key, sessions
from handlers.web.sign_in_page import SignInPage
from handlers.web.stream import Stream

if TYPE_CHECKING:
    from handlers.lark.platform import LarkPlatform
    from handlers.slack.platform import SlackPlatform

_UPKEEP_EVERY = 3600.0
_WIPE_EVERY = 15.0
_HASTE = 5.0
"""Seconds that whatever is under way may take at most where no other node waits for this one to end."""
_SEEN_TO_END = 2.5
"""Seconds between "not ready" and the port's closing: a balancer needs them to send nobody here any more. Two are
promised from when it has heard so."""
_LOOK_FOR_NEWS = 2.0
_CANNOT_START = 2
Role = Literal["all", "web", "worker"]
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
    ending: Callable[[], Awaitable[None]]
    """To be awaited before the bot is stopped, where other nodes are to take over."""


@dataclass(frozen=True, slots=True)
class House:
    """What every part of a node is made from."""

    settings: Settings
    role: Role
    node: str
    store: Store
    queue: Queue
    mind: Mind
    clock: StoreClock

    @property
    def grace(self) -> float:
        grace = self.settings.shutdown.grace
        return grace if self.queue.lasting else min(grace, _HASTE)


def run_command(role: Role) -> int:
    """`run`: serve until SIGINT or SIGTERM. The exit status is 2 where the bot cannot start."""
    settings = load_settings()
    set_up_logging(settings.log)
    return asyncio.run(serve(settings, role))


async def serve(settings: Settings, role: Role = "all") -> int:
    """Run the bot until it is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        async with open_bot(settings, role) as bot:
            what = "worker" if role == "worker" else "chat page" if bot.chat else "pages"
            print(
                f"migcheck: {what} at {settings.web.public_url or bot.origin}/ (stop with Ctrl+C)",
                file=sys.stderr,
                flush=True,
            )
            await stop.wait()
            await bot.ending()
    except (StartError, StoreError, ListenError) as error:
        print(f"run: {error}", file=sys.stderr)
        return _CANNOT_START
    return 0


@asynccontextmanager
async def open_bot(
    settings: Settings, role: Role = "all", clock: Callable[[], float] | None = None
) -> AsyncIterator[Bot]:
    """Everything started, in an order in which each part finds what it needs; stopped the other way round.

    Raises StartError, StoreError or ListenError.
    """
    chat = role != "worker" and chat_enabled(settings)
    async with AsyncExitStack() as stack:
        listener = stack.enter_context(bind(*settings.web.address))
        settings = _with_port(settings, listener.getsockname()[1])
        house = await _house(stack, settings, role, StoreClock(clock))
        network = stack.enter_context(open_network(settings))
        vault, feed = Vault(settings.secrets.ttl), Feed()
        platforms = await _platforms(stack, house) if role != "worker" else []
        ports: dict[str, Port] = {WEB: WebPort(feed)} if chat else {}
        ports |= {platform.port.name: platform.port for platform in platforms}
        conversation = Conversation(
            house.store,
            vault,
            house.queue,
            house.mind,
            network,
            ports,
            settings,
            house.clock,
            house.node,
            _elsewhere(settings) if role == "worker" else {},
        )
        stack.push_async_callback(conversation.stop, house.grace)
        await conversation.start()
        health = Health(_parts(house, platforms))
        routes = [*health.routes(), *(Metrics(house.queue.depth).routes() if settings.web.metrics else ())]
        if role != "worker":
            routes += _pages(house, conversation, feed, chat=chat)
        for platform in platforms:
            platform.listen(conversation)
            routes += platform.routes()
        app = make_app(own_hosts(settings), house.mind, routes)
        app.middlewares.insert(0, measured)
        await stack.enter_async_context(serving(app, listener))
        for platform in platforms:
            await stack.enter_async_context(platform.running())
        stack.callback(feed.close)
        stack.callback(health.stop)
        await _repeat_upkeep(stack, house, conversation)
        ending = functools.partial(_end, house.queue, health)
        yield Bot(conversation, house.store, vault, f"http://{settings.web.listen}", chat, ending)


async def _house(stack: AsyncExitStack, settings: Settings, role: Role, clock: StoreClock) -> House:
    """Store and queue, open. Raises StartError or StoreError."""
    node = secrets.token_hex(4)
    if settings.queue.url is None:
        if role != "all":
            raise StartError(
                f"--role {role} needs queue.url (MIGCHECK_QUEUE__URL=postgresql://…): nodes share their work"
            )
        store = await stack.enter_async_context(open_store(settings.store.url))
        return House(settings, role, node, store, LocalQueue(clock), Mind(), clock)
    from bot.node import Presence  # noqa: PLC0415 - procrastinate is for several nodes alone
    from bot.queue.shared import SharedQueue  # noqa: PLC0415

    if read_place(settings.store.url).path is not None:
        raise StartError("queue.url needs a store that nodes share: store.url must be PostgreSQL too")
    store = await stack.enter_async_context(open_store(settings.store.url))
    together = same_database(settings.store.url, settings.queue.url)
    queue = SharedQueue(settings.queue.url, node, role, transactional=together, grace=settings.shutdown.grace)
    await queue.open()
    presence = Presence(Nodes.beside(store), queue, clock, Node(node, role, __version__, 0.0))
    await presence.beat()
    stack.push_async_callback(presence.leave)
    await stack.enter_async_context(_repeating(presence.every, presence.beat))
    return House(settings, role, node, store, queue, Mind(), clock)


def _parts(
    house: House, platforms: "Sequence[SlackPlatform | LarkPlatform]"
) -> dict[str, Callable[[], Awaitable[object]]]:
    """What readiness depends on."""
    parts: dict[str, Callable[[], Awaitable[object]]] = {"store": house.store.ping, "queue": house.queue.ready}
    if house.store.place.path is not None:
        parts["disk"] = disk_check(house.store.place.path.parent)
    parts["clock"] = clock_check(Nodes.beside(house.store).now, time.time)
    return parts | {platform.port.name: platform.ready for platform in platforms}


def _pages(house: House, conversation: Conversation, feed: Feed, *, chat: bool) -> list[web.RouteDef]:
    store, mind, browsers = house.store, house.mind, sessions(house.settings)
    routes = [*SecretPage(store, conversation, mind, house.clock).routes()]
    routes += [*ReportPage(store, mind, browsers).routes(), *Export(store, mind, browsers).routes()]
    if (app := registration(house.settings)) is not None:
        routes += SignInPage(store, conversation.take_secret, mind, app, house.clock).routes()
    if chat:
        look_every = _LOOK_FOR_NEWS if house.queue.lasting else None
        routes += Front(mind, browsers, house.settings.web.suggestions).routes()
        routes += Stream(store, feed, browsers, look_every).routes()
        routes += Chat(store, conversation, mind, browsers).routes()
    return routes


async def _repeat_upkeep(stack: AsyncExitStack, house: House, conversation: Conversation) -> None:
    acts: list[tuple[float, Callable[[], Awaitable[object]]]] = [
        (_WIPE_EVERY, conversation.wipe),
        (_UPKEEP_EVERY, lambda: _expire(house.store, house.settings, house.clock)),
    ]
    if house.queue.lasting:
        from bot.node import sweep, sweeping  # noqa: PLC0415

        often, age = sweeping(house.queue)
        acts.append((often, lambda: sweep(conversation, Nodes.beside(house.store), house.clock, age)))
        acts.append((_UPKEEP_EVERY, house.queue.tidy))
    else:
        acts.append((SWEEP_EVERY, lambda: conversation.sweep(SWEPT_AGE)))
    for every, act in acts:
        await stack.enter_async_context(_repeating(every, act))


async def _end(queue: Queue, health: Health) -> None:
    """Say "not ready" and take no new work, while requests that still come are answered."""
    if queue.lasting:
        health.stop()
        await asyncio.gather(queue.pause(), asyncio.sleep(_SEEN_TO_END))


def _elsewhere(settings: Settings) -> dict[str, Surface]:
    """The platforms that web nodes serve, for a worker that must know what may be told there.

    Whether they serve the chat page hangs on where they listen: a worker knows it in any case.
    """
    found: dict[str, Surface] = {WEB: WebPort}
    if settings.slack.enabled:
        from handlers.slack.chat import SlackPort  # noqa: PLC0415

        found[SlackPort.name] = SlackPort
    if settings.lark.enabled:
        from handlers.lark.chat import LarkPort  # noqa: PLC0415

        found[LarkPort.name] = LarkPort
    return found


async def _platforms(stack: AsyncExitStack, house: House) -> "list[SlackPlatform | LarkPlatform]":
    """The chat platforms that are switched on; their libraries are imported for them alone. Raises StartError."""
    settings, store, mind, clock = house.settings, house.store, house.mind, house.clock
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
                _log.error("upkeep failed", fault=metrics.fault(error))
            await asyncio.sleep(seconds)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _expire(store: Store, settings: Settings, clock: Callable[[], float]) -> None:
    counts = await store.expire(clock(), settings.store.retention_days)
    if any(counts.values()):
        _log.info("erased what is too old", **counts)
