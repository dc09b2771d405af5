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

from benchmarks.balancer import Balancer
from tests.servers.postgres import Cluster, Postgres, cluster, server
from tests.servers.practice import furnish
from tests.servers.real import RealServerMissing
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.slack.running import free_port


class Node:
    """One process: `python -m bot run --role ROLE`. Started again it is a new node on the same port."""

    def __init__(self, role: str, settings: dict[str, str], log: Path) -> None:
        self.role, self.port, self.log = role, free_port(), log
        self._settings = settings | {"MIGCHECK_WEB__LISTEN": f"127.0.0.1:{self.port}"}
        self.process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("MIGCHECK_")}
        with self.log.open("ab") as out:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "bot", "run", "--role", self.role),
                env=kept | self._settings,
                stdout=out,
                stderr=out,
            )

    async def ready(self) -> None:
        await self.status(200)

    async def status(self, wanted: int, limit: float = 30) -> None:
        """Until /readyz answers so."""
        assert self.process is not None
        async with asyncio.timeout(limit), aiohttp.ClientSession() as session:
            while True:
                assert self.process.returncode is None, self.log.read_text()
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{self.port}/readyz") as answer:
                        if answer.status == wanted:
                            return
                await asyncio.sleep(0.05)

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

    def __init__(self, nodes: list[Node], slack: FakeSlack, world: World, url: str) -> None:
        self.nodes, self.slack, self.world, self.url = nodes, slack, world, url

    def those(self, role: str) -> list[Node]:
        return [node for node in self.nodes if node.role == role]

    def log(self) -> str:
        return "".join(node.log.read_text() for node in self.nodes)


Launch = Callable[..., contextlib.AbstractAsyncContextManager[Fleet]]


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    try:
        with server() as running:
            yield running
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


@pytest.fixture
def own_postgres() -> Iterator[Cluster]:
    """A server of the test's own, which it may stop and kill."""
    try:
        with cluster() as running:
            yield running
    except RealServerMissing as missing:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(missing))


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
        port = free_port()
        settings = world.environment | {
            "MIGCHECK_STORE__URL": url,
            "MIGCHECK_QUEUE__URL": url,
            "MIGCHECK_WEB__PUBLIC_URL": f"http://127.0.0.1:{port}",
            "MIGCHECK_SLACK__ENABLED": "true",
            "MIGCHECK_SLACK__API_URL": slack.api_url,
            "MIGCHECK_SLACK__BOT_TOKEN": slack.bot_token,
            "MIGCHECK_SLACK__SIGNING_SECRET": slack.signing_secret,
            "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]',
            **more,
        }
        secret = ("BOT_TOKEN", "SIGNING_SECRET")
        bare = {name: value for name, value in settings.items() if not name.endswith(secret)}
        nodes = [Node("web", settings, tmp_path / f"web{n}.log") for n in range(web)]
        nodes += [Node("worker", bare, tmp_path / f"worker{n}.log") for n in range(worker)]
        async with AsyncExitStack() as stack:
            for node in nodes:
                await node.start()
                stack.push_async_callback(node.end, signal.SIGKILL)
            await asyncio.gather(*(node.ready() for node in nodes))
            balancer = Balancer([node.port for node in nodes if node.role == "web"])
            for node in nodes[:web]:
                watching = asyncio.create_task(balancer.watch(node.port))
                stack.callback(watching.cancel)
            await stack.enter_async_context(await asyncio.start_server(balancer.serve, "127.0.0.1", port))
            slack.delivery.url = f"http://127.0.0.1:{port}/slack/events"
            yield Fleet(nodes, slack, world, f"http://127.0.0.1:{port}")

    return begin
