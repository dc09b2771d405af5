"""What is handed over to support in Slack: the text in one piece, and links to picture, bundle and report."""

import aiohttp

from tests.servers.practice import CHAIN
from tests.servers.slack import FakeSlack
from tests.slack.conftest import Start


async def test_a_press_answers_with_text_and_links(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(CHAIN.domain)
        await ann.presses(await ann.report(), "support")
        told = await ann.sees_with("picture")
        assert CHAIN.code in str(told.blocks)
        async with aiohttp.ClientSession() as session:
            for link, kind in (("picture", "image/png"), ("export", "application/json"), ("page", "text/html")):
                async with session.get(told.action(link)["url"]) as answer:  # type: ignore[index]
                    assert (answer.status, answer.content_type) == (200, kind)
