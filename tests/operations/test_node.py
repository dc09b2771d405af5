"""A running bot as operators see it: its log, its figures, its readiness. One check with a secret goes through it."""

import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot import app
from tests.handlers.conftest import ACCOUNT, SECRET
from tests.handlers.person import Visitor
from tests.handlers.process import BotProcess, running
from tests.leaks import find_leaks
from tests.servers.world import World

pytestmark = pytest.mark.skipif(
    "Metrics(" not in Path(app.__file__).read_text(), reason="the composition root does not have them yet"
)
LOUD = {"MIGCHECK_WEB__METRICS": "true", "MIGCHECK_LOG__FORMAT": "json", "MIGCHECK_LOG__LEVEL": "DEBUG"}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        made.domain("example.test")
        await made.imap("imap.example.test", accounts={ACCOUNT: SECRET})
        await made.smtp("smtp.example.test", accounts={ACCOUNT: SECRET})
        yield made


async def go_through(visitor: Visitor) -> tuple[str, list[str]]:
    """A check with a secret; the case, and what opened its pages."""
    await visitor.get("/")
    case = (await (await visitor.act("/chat/say", text=f"example.test {ACCOUNT}")).json())["case"]
    await visitor.until(case, "offer")
    address = (await (await visitor.act("/chat/secret", case)).json())["address"]
    path = address[address.index("/s/") :]
    assert (await visitor.post(path, data={"secret": SECRET})).status == 200
    keys = re.findall(r"[?&]k=([\w~-]+)", await visitor.until(case, "report:2"))
    assert (await visitor.get(f"/r/{case}")).status == 200
    assert (await visitor.get(f"/r/{case}?k=Practice-7-key")).status in (200, 404)
    return case, [path.removeprefix("/s/"), "Practice-7-key", *keys]


async def test_what_operators_see_of_a_check(world: World, tmp_path: Path) -> None:
    async with running(world, tmp_path, **LOUD) as bot, jar() as session:
        case, opening = await go_through(Visitor(session, bot.origin))
        async with session.get(f"{bot.origin}/readyz", headers={"Host": "10.0.0.7:8080"}) as answer:
            parts = await answer.json()
        shown = await figures(session, bot)
    for sample in ("migcheck_checks_total{", "migcheck_step_seconds_bucket{", 'migcheck_ready{part="store"} 1.0'):
        assert sample in shown
    assert re.search(r'migcheck_logins_total\{outcome="accepted",service="imap"\} 1\.0', shown)
    assert re.search(r'migcheck_requests_total\{method="POST",route="/s/\{token\}",status="2xx"\} 1\.0', shown)
    assert {"store", "clock", "disk"} <= set(parts)
    written = bot.log.read_text()
    lines = [json.loads(line) for line in written.splitlines() if not line.startswith("migcheck: ")]
    ended = [line for line in lines if line["event"] == "a check ended"]
    assert [line["case"] for line in ended] == [case, case]
    assert ended[-1]["verdict"] == "pass"
    for private in (SECRET, *opening, "example.test"):
        assert private not in shown
    for opener in (SECRET, *opening):
        assert not find_leaks(written, opener)


def jar() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def figures(session: aiohttp.ClientSession, bot: BotProcess) -> str:
    """As Prometheus asks: under the node's own address."""
    async with session.get(f"{bot.origin}/metrics", headers={"Host": "10.0.0.7:8080"}) as answer:
        assert answer.status == 200
        return await answer.text()


async def test_figures_are_not_shown_unless_asked_for(world: World, tmp_path: Path) -> None:
    async with running(world, tmp_path) as bot, jar() as session, session.get(f"{bot.origin}/metrics") as answer:
        assert answer.status == 404
