"""Several nodes of the bot on one PostgreSQL, behind a balancer that is not sticky, before a Slack of our own."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.servers.postgres import Cluster, Postgres, cluster, or_skip, server
from tests.servers.practice import furnish
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.running import free_port


class Node:
    """One process: `python -m bot run --role ROLE`. Started again it is a new node on the same port."""

    def __init__(self, role: str, settings: dict[str, str], log: Path) -> None:
        self.role, self.port, self.log = role, free_port(), log
        self.origin = f"http://127.0.0.1:{self.port}"
        self.settings = settings | {"MIGCHECK_WEB__LISTEN": f"127.0.0.1:{self.port}"}
        self.process: asyncio.subprocess.Process | None = None

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.returncode is None

    async def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MIGCHECK_")}
        with self.log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run", "--role", self.role),
                env=kept | self.settings,
                stdout=out,
                stderr=out,
            )

    async def ready(self) -> None:
        await self.status(200)

    async def status(self, wanted: int, limit: float = 30) -> dict[str, str]:
        """Until /readyz answers so; what it says."""
        async with asyncio.timeout(limit):
            while True:
                assert self.running, self.log.read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    status, parts = await self.asked()
                    if status == wanted:
                        return parts
                await asyncio.sleep(0.05)

    async def asked(self) -> tuple[int, dict[str, str]]:
        """What /readyz answers now. Raises ClientError."""
        async with aiohttp.ClientSession() as session, session.get(f"{self.origin}/readyz") as answer:
            return answer.status, await answer.json()

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def end(self, number: int = signal.SIGTERM, limit: float = 45) -> int:
        assert self.process is not None
        if self.process.returncode is None:
            self.process.send_signal(number)
        return await asyncio.wait_for(self.process.wait(), limit)


class Fleet:
    """The nodes, and where people reach them."""

    def __init__(self, settings: dict[str, str], slack: FakeSlack, world: World, folder: Path) -> None:
        self.settings, self.slack, self.world, self._folder = settings, slack, world, folder
        self.url = settings["MIGCHECK_WEB__PUBLIC_URL"]
        self.nodes: list[Node] = []
        self._stack = AsyncExitStack()

    async def start(self, role: str, **more: str) -> Node:
        """One more node, on its way; `more` are settings of its own. A worker is given no token of a platform."""
        secret = ("BOT_TOKEN", "SIGNING_SECRET") if role == "worker" else ()
        settings = {name: value for name, value in self.settings.items() if not name.endswith(secret or "\0")}
        node = Node(role, settings | more, self._folder / f"{role}{len(self.nodes)}.log")
        self.nodes.append(node)
        await node.start()
        self._stack.push_async_callback(node.end, signal.SIGKILL)
        return node

    @asynccontextmanager
    async def balanced(self) -> AsyncIterator[None]:
        """The web nodes that there are, behind one address. In the end every node is killed."""
        ports = [self.url.rpartition(":")[2], *(str(node.port) for node in self.those("web", "all"))]
        async with self._stack:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.servers.balancer", *ports),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            self._stack.push_async_callback(process.communicate, b"")
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            self.lead()
            yield

    async def reached(self, limit: float = 10) -> None:
        """Until the balancer has seen that a node is ready."""
        async with asyncio.timeout(limit), aiohttp.ClientSession() as session:
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"{self.url}/readyz") as answer:
                        if answer.status == 200:
                            return
                await asyncio.sleep(0.05)

    def those(self, *roles: str) -> list[Node]:
        return [node for node in self.nodes if node.role in roles]

    def lead(self, node: Node | None = None) -> None:
        """What people do reaches this node from now on; without one the balancer says which."""
        self.slack.delivery.url = f"{self.url if node is None else node.origin}/slack/events"

    def link(self, url: str, node: Node) -> str:
        """A link of the bot's, on this node."""
        return url.replace(self.url, node.origin)

    def log(self) -> str:
        return "".join(node.log.read_text() for node in self.nodes)


Launch = Callable[..., contextlib.AbstractAsyncContextManager[Fleet]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with or_skip(server()) as running:
        yield running


@pytest.fixture
def own_postgres() -> Iterator[Cluster]:
    """A server of the test's own, which it may stop and kill."""
    with or_skip(cluster()) as running:
        yield running


@pytest.fixture
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack
        assert slack.faults == []


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        await furnish(made)
        yield made


@pytest.fixture
def launch(slack: FakeSlack, world: World, tmp_path: Path) -> Launch:
    """Start nodes: `async with launch(url, web=2, worker=2) as fleet`. Keywords in capitals are settings."""

    @asynccontextmanager
    async def begin(url: str, *, web: int = 2, worker: int = 2, **more: str) -> AsyncIterator[Fleet]:
        settings = world.environment | {
            "MIGCHECK_STORE__URL": url,
            "MIGCHECK_QUEUE__URL": url,
            "MIGCHECK_WEB__PUBLIC_URL": f"http://127.0.0.1:{free_port()}",
            "MIGCHECK_SLACK__ENABLED": "true",
            "MIGCHECK_SLACK__API_URL": slack.api_url,
            "MIGCHECK_SLACK__BOT_TOKEN": slack.bot_token,
            "MIGCHECK_SLACK__SIGNING_SECRET": slack.signing_secret,
            "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]',
            "MIGCHECK_LOG__LEVEL": "DEBUG",
            **more,
        }
        fleet = Fleet(settings, slack, world, tmp_path)
        for role in ["web"] * web + ["worker"] * worker:
            await fleet.start(role)
        async with fleet.balanced():
            await asyncio.gather(*(node.ready() for node in fleet.nodes))
            if fleet.those("web", "all"):
                await fleet.reached()
            yield fleet

    return begin
