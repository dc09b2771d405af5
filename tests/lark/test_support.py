"""What is handed over to support in Lark: a card with the picture of the failing step, the text to paste, and links."""

import base64
import json

import aiohttp
import pytest
import sqlalchemy as sa

from bot.fonts import fonts_for
from tests.lark.conftest import Start
from tests.servers.lark import Answer, FakeLark
from tests.servers.lark.methods import PNG
from tests.servers.practice import APP_PASSWORD, CHAIN
from tests.stories.pages import type_secret

pytestmark = pytest.mark.skipif(not fonts_for("en"), reason="needs any font")


async def test_a_press_answers_with_picture_text_and_links(lark: FakeLark, start: Start) -> None:
    taro = lark.person("ou_taro", email=APP_PASSWORD.account)
    async with start() as bot:
        root = await taro.says(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        await type_secret((await taro.offer()).url("secret"), "hello")
        report = await taro.report(1)
        ack = await taro.presses(report, "support")
        card = await taro.sees_with("picture")
        [image] = [part for part in card.elements if part["tag"] == "img"]
        assert lark.images[image["img_key"]].startswith(PNG)
        assert APP_PASSWORD.domain in image["alt"]["content"]
        for words in (report.case, APP_PASSWORD.domain, APP_PASSWORD.code, "IMAP", "UTC"):
            assert words in card.words, words
        assert APP_PASSWORD.account not in card.words
        assert card.root == root
        await taro.again(ack)
        await bot.conversation.settle()
        assert len([m for m in taro.sees() if m.button("picture")]) == 1
        await _opens(card, report, lark.images[image["img_key"]], APP_PASSWORD.account)


async def _opens(card, report, image: bytes, account: str) -> None:
    """What the card's links lead to; those of the report stay good."""
    async with aiohttp.ClientSession() as session:
        async with session.get(card.url("picture")) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "image/png", image)
        async with session.get(card.url("picture").partition("?")[0]) as answer:
            assert answer.status == 404
        async with session.get(card.url("export")) as answer:
            bundle = await answer.json()
            assert base64.b64decode(bundle.pop("picture").partition(",")[2]) == image
            assert account not in json.dumps(bundle)
            assert bundle["report"]["case"] == report.case
        for link in (card.url("page"), report.url("page"), report.url("export")):
            async with session.get(link) as answer:
                assert answer.status == 200


@pytest.mark.parametrize(
    ("text", "words"),
    [("please check {0} for me", "Text to paste"), ("{0} を移行します", "貼り付け用"), ("请检查 {0}", "可粘贴")],
)
async def test_it_speaks_the_persons_language(lark: FakeLark, start: Start, text: str, words: str) -> None:
    ann = lark.person("ou_admin")
    async with start():
        await ann.says(text.format(CHAIN.domain))
        await ann.presses(await ann.report(), "support")
        assert words in (await ann.sees_with("picture")).words


async def test_without_the_permission_the_rest_comes_without_the_picture(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    lark.scopes = tuple(name for name in lark.scopes if name != "im:resource:upload")
    async with start():
        await ann.says(CHAIN.domain)
        await ann.presses(await ann.report(), "support")
        card = await ann.sees_with("picture")
        assert not any(part["tag"] == "img" for part in card.elements)
        assert CHAIN.code in card.words


async def test_an_upload_waits_where_lark_says_so_and_is_made_once(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    lark.script["image.create"].extend([Answer(429, wait=0.1), Answer(503)])
    async with start():
        await ann.says(CHAIN.domain)
        report = await ann.report()
        await ann.presses(report, "support")
        await ann.sees_with("picture")
        await ann.presses(report, "support")
        await ann.sees_with("picture", after=1)
    assert len(lark.images) == 1


async def test_a_report_that_is_not_kept_any_more_is_said(lark: FakeLark, start: Start) -> None:
    ann = lark.person("ou_admin")
    async with start() as bot:
        await ann.says(f"please check {CHAIN.domain} for me")
        report = await ann.report()
        async with bot.store._writing() as connection:
            await connection.execute(sa.text("DELETE FROM reports"))
        await ann.presses(report, "support")
        await ann.sees_with(words="not kept any more")


async def test_somebody_elses_case_is_not_handed_over(lark: FakeLark, start: Start) -> None:
    ann, bob = lark.person("ou_admin"), lark.person("ou_bob")
    async with start() as bot:
        await ann.says(CHAIN.domain)
        await bob.presses(await ann.report(), "support")
        await bot.conversation.settle()
        assert not any(m.button("picture") for m in lark.messages.values())
        assert len(lark.toasts) == 1
