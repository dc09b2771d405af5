"""What is handed over to support on the local chat page: its links open in the person's own browser alone."""

import json
import re

import aiohttp

from tests.handlers.conftest import ACCOUNT, Launch
from tests.handlers.person import Visitor
from tests.servers.world import World


async def test_what_support_needs_opens_for_its_person_alone(world: World, launch: Launch) -> None:
    world.domain("example.test")
    await world.imap("imap.example.test", greeting="* BYE not today")
    await world.smtp("smtp.example.test")
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        visitor = Visitor(session, bot.origin)
        await visitor.get("/")
        case = (await (await visitor.act("/chat/say", text=f"example.test {ACCOUNT}")).json())["case"]
        seen = await visitor.until(case, "report:1")
        assert '"support"' in seen
        assert (await visitor.act("/chat/press", case, action="support", label="?")).status == 200
        told = await visitor.until(case, "support:")
        paths = set(re.findall(rf'"url":"(/r/{case}[^"]*)"', told))
        assert paths == {f"/r/{case}", f"/r/{case}/picture.png", f"/r/{case}/export"}
        assert "greeting.refused" in told
        answers = {path: await visitor.get(path) for path in paths}
        assert {answer.status for answer in answers.values()} == {200}
        assert answers[f"/r/{case}/picture.png"].content_type == "image/png"
        assert ACCOUNT not in await answers[f"/r/{case}/export"].text()
        assert json.loads(await answers[f"/r/{case}/export"].text())["picture"].startswith("data:image/png;base64,")
        async with aiohttp.ClientSession() as other:
            stranger = Visitor(other, bot.origin)
            assert {(await stranger.get(path)).status for path in paths} == {404}
