"""From a log-in that is answered with "slow down" to what the next person is told."""

import aiohttp
import pytest

from tests.handlers.conftest import ACCOUNT, Launch, launch, world
from tests.handlers.person import Visitor
from tests.handlers.test_secret_page import offer
from tests.servers.world import World

__all__ = ["launch", "world"]


@pytest.mark.parametrize("words", ["{tag} NO [LIMIT] Too many login attempts, try again in 40 minutes."])
async def test_the_next_person_is_told_until_when(world: World, launch: Launch, words: str) -> None:
    world.domain("example.test")
    imap = await world.imap("imap.example.test", refuse_all=words)
    await world.smtp("smtp.example.test")
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        ann = await offer(bot, Visitor(session, bot.origin))
        assert (await ann.visitor.post(ann.path, data={"secret": "a secret of ours"})).status == 200
        assert "login.rate_limited" in await ann.visitor.until(ann.case, "report:2")
        knocked = imap.transcript.connections
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as other:
            bob = Visitor(other, bot.origin)
            await bob.get("/?lang=en")
            text = f"imap.example.test:{imap.port} example.test {ACCOUNT}"
            case = (await (await bob.act("/chat/say", text=text)).json())["case"]
            told = await bob.until(case, "limited")
    assert "about 40 minutes" in told
    assert imap.transcript.connections == knocked
