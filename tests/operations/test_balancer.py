"""The balancer of deploy/compose in front of two nodes: a real HAProxy with the shipped rules."""

import asyncio
import os
import re
import shutil
import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from handlers.web.health import Health

RULES = Path(__file__).resolve().parent.parent.parent / "deploy" / "compose" / "haproxy.cfg"
HAPROXY = shutil.which("haproxy") or next((p for p in ("/usr/sbin/haproxy",) if Path(p).exists()), None)
pytestmark = pytest.mark.skipif(HAPROXY is None, reason="HAProxy is not installed (apt-get install haproxy)")


class Node:
    """What a web node answers; `served` are the requests that reached it."""

    def __init__(self, name: str) -> None:
        self.name, self.health, self.served, self.port = name, Health({}), Counter[str](), 0

    async def answer(self, request: web.Request) -> web.Response:
        self.served[f"{request.method} {request.path}"] += 1
        return web.Response(text=self.name, headers={"X-Host": request.host})

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Node"]:
        app = web.Application()
        app.add_routes([*self.health.routes(), web.route("*", "/{path:.*}", self.answer)])
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        self.port = runner.addresses[0][1]
        yield self
        await runner.cleanup()


class Balancer:
    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session, self.origin = session, f"http://127.0.0.1:{port}"

    async def ask(self, path: str, method: str = "GET") -> tuple[int, str]:
        url = aiohttp.client.URL(self.origin + path, encoded=True)
        async with self.session.request(method, url, headers={"Host": "bot.example.test"}) as answer:
            return answer.status, await answer.text()

    async def until(self, names: set[str]) -> None:
        """Until these nodes and no others answer, each of them several times in a row."""
        async with asyncio.timeout(15):
            while {text for _, text in [await self.ask("/r/K7QF") for _ in range(8)]} != names:
                await asyncio.sleep(0.05)


def as_tested(folder: Path, port: int, *nodes: Node) -> Path:
    """The shipped rules without TLS and names: two nodes on loopback, looked at five times as often."""
    text = RULES.read_text()
    servers = "\n".join(f"    server {node.name} 127.0.0.1:{node.port} check" for node in nodes)
    changed = re.sub(r"bind :8443 .*", f"bind 127.0.0.1:{port}", text)
    changed = re.sub(r"    server-template .*", servers, changed).replace("inter 2s", "inter 400ms")
    changed = re.sub(r"resolvers compose\n(?:    .*\n)+", "", changed)
    assert changed.count("127.0.0.1") == 1 + len(nodes)
    path = folder / "haproxy.cfg"
    path.write_text(changed)
    return path


@asynccontextmanager
async def balanced(folder: Path, *nodes: Node) -> AsyncIterator[Balancer]:
    assert HAPROXY is not None
    async with AsyncExitStack() as stack:
        for node in nodes:
            await stack.enter_async_context(node.running())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        rules = as_tested(folder, port, *nodes)
        process = await asyncio.create_subprocess_exec(HAPROXY, "-db", "-f", str(rules), env={**os.environ})
        stack.push_async_callback(process.wait)
        stack.callback(process.kill)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True))
        )
        async with asyncio.timeout(10):
            while True:
                try:
                    _, writer = await asyncio.open_connection("127.0.0.1", port)
                    writer.close()
                    break
                except OSError:
                    assert process.returncode is None
                    await asyncio.sleep(0.02)
        yield Balancer(session, port)


async def test_nobody_is_tied_to_a_node_and_a_node_that_is_not_ready_gets_nothing(tmp_path: Path) -> None:
    one, two = Node("one"), Node("two")
    async with balanced(tmp_path, one, two) as balancer:
        await balancer.until({"one", "two"})
        one.health.stop()
        await balancer.until({"two"})
        before = one.served.total()
        answers = [await balancer.ask("/slack/events", "POST") for _ in range(20)]
        assert answers == [(200, "two")] * 20
        assert one.served.total() == before
        one.health._stopping = False
        await balancer.until({"one", "two"})


async def test_an_event_is_sent_to_one_node_only_and_is_not_lost_with_a_dead_one(tmp_path: Path) -> None:
    one, two = Node("one"), Node("two")
    async with balanced(tmp_path, one, two) as balancer:
        await balancer.until({"one", "two"})
        one.served.clear()
        two.served.clear()
        async with asyncio.TaskGroup() as group:
            for _ in range(40):
                group.create_task(balancer.ask("/lark/events", "POST"))
        assert (one.served + two.served)["POST /lark/events"] == 40


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/slack/events", 200),
        ("/lark/events", 200),
        ("/s/token", 200),
        ("/r/K7QF-2M?k=key", 200),
        ("/m365/token", 200),
        ("/static/report.css", 200),
        ("/healthz", 200),
        ("/metrics", 404),
        ("/readyz", 404),
        ("/", 404),
        ("/chat/say", 404),
        ("/s/../metrics", 400),
        ("//metrics", 404),
        ("/static/%2e%2e/metrics", 200),
    ],
)
async def test_what_is_for_everybody(tmp_path: Path, path: str, status: int) -> None:
    node = Node("one")
    async with balanced(tmp_path, node) as balancer:
        await balancer.until({"one"})
        assert (await balancer.ask(path))[0] == status
    assert not [served for served in node.served if "metrics" in served and "/static" not in served]
