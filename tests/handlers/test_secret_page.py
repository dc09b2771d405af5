"""The secret page: looking spends nothing, the first POST does, and every other state says what to do."""

import re
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import aiohttp
import pytest

from bot.app import Bot
from bot.core.case import Case, case_to_json
from bot.core.model import Endpoint
from bot.store.rows import CaseRow, Offer
from tests.handlers.conftest import ACCOUNT, SECRET, Launch
from tests.handlers.person import Visitor
from tests.servers.world import World

NOW = 1_000.0


@dataclass
class Offered:
    """An offer as the chat page has it: the token was made anew for the page."""

    visitor: Visitor
    bot: Bot
    case: str
    path: str


async def offer(bot: Bot, visitor: Visitor) -> Offered:
    await visitor.get("/")
    case = (await (await visitor.act("/chat/say", text=f"example.test {ACCOUNT}")).json())["case"]
    await visitor.until(case, "offer")
    answer = await (await visitor.act("/chat/secret", case)).json()
    return Offered(visitor, bot, case, answer["address"])


@pytest.fixture
async def offered(sound: World, launch: Launch) -> AsyncIterator[Offered]:
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield await offer(bot, Visitor(session, bot.origin))


async def test_the_page_says_what_the_secret_is_for(offered: Offered) -> None:
    page = await (await offered.visitor.get(offered.path)).text()
    assert offered.case in page
    assert ACCOUNT in page
    assert "imap.example.test:" in page
    came = await offered.visitor.until(offered.case, "offer")
    code = re.search(r'"code":"(\d{4})"', came)
    assert code is not None
    assert f"<strong>{code[1]}</strong>" in page
    assert 'name="secret" type="password"' in page
    assert 'autocomplete="off"' in page
    assert page.count('type="password"') == 1
    assert "http://" not in page
    assert "https://" not in page


async def test_looking_spends_nothing(offered: Offered) -> None:
    for _ in range(3):
        assert (await offered.visitor.get(offered.path)).status == 200
        head = await offered.visitor.session.head(offered.visitor.origin + offered.path)
        assert head.status == 200
        assert await head.read() == b""
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET})).status == 200


async def test_the_first_post_spends_it(offered: Offered, stored: Callable[[], bytes]) -> None:
    taken = await offered.visitor.post(offered.path, data={"secret": SECRET})
    assert taken.status == 200
    assert SECRET not in await taken.text()
    spent = await offered.visitor.post(offered.path, data={"secret": "another one"})
    assert spent.status == 410
    assert "another one" not in await spent.text()
    looked = await offered.visitor.get(offered.path)
    assert looked.status == 410
    assert 'type="password"' not in await looked.text()
    came = await offered.visitor.until(offered.case, "report:2")
    assert '"verdict":"pass"' in came
    assert SECRET not in came
    assert SECRET.encode() not in stored()


async def test_a_secret_goes_through_as_it_is(world: World, launch: Launch) -> None:
    secret = ' "qu\\oted" + %41 &=パスワード '
    world.domain("example.test")
    await world.imap("imap.example.test", accounts={ACCOUNT: secret})
    await world.smtp("smtp.example.test", accounts={ACCOUNT: secret})
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        here = await offer(bot, Visitor(session, bot.origin))
        assert (await here.visitor.post(here.path, data={"secret": secret})).status == 200
        assert '"verdict":"pass"' in await here.visitor.until(here.case, "report:2")


@pytest.mark.parametrize("token", ["x", "A" * 22, "..%2f", "%00", "あ"])
async def test_an_unknown_token(offered: Offered, token: str) -> None:
    for response in (
        await offered.visitor.get(f"/s/{token}"),
        await offered.visitor.post(f"/s/{token}", data={"secret": SECRET}),
    ):
        assert response.status == 404
        page = await response.text()
        assert 'type="password"' not in page
        assert SECRET not in page


async def test_an_expired_token(offered: Offered) -> None:
    await offered.bot.store.kill_offers(offered.case, NOW)
    await offered.bot.store.add_offer("past-token", Offer(offered.case, "web:x", "1234", NOW))
    for response in (
        await offered.visitor.get("/s/past-token"),
        await offered.visitor.post("/s/past-token", data={"secret": SECRET}),
    ):
        assert response.status == 410
        assert SECRET not in await response.text()


async def test_cancelling_kills_it(offered: Offered) -> None:
    await offered.visitor.act("/chat/press", offered.case, action="cancel", label="x")
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET})).status == 410


async def test_another_tab_ends_the_first_ones_address(offered: Offered) -> None:
    answer = await (await offered.visitor.act("/chat/secret", offered.case)).json()
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET})).status == 410
    assert (await offered.visitor.post(answer["address"], data={"secret": SECRET})).status == 200
    assert (await offered.visitor.act("/chat/secret", offered.case)).status == 410


@pytest.mark.parametrize("data", [{}, {"secret": ""}, {"password": "x"}, {"secret": "x" * 4001}])
async def test_nothing_to_take_spends_nothing(offered: Offered, data: dict[str, str]) -> None:
    response = await offered.visitor.post(
        offered.path, data=data or b"", headers={"Content-Type": "application/x-www-form-urlencoded"}
    )
    assert response.status == 422
    assert 'role="alert"' in await response.text()
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET})).status == 200


async def test_other_kinds_of_bodies_are_refused(offered: Offered) -> None:
    form = aiohttp.FormData({"secret": SECRET}, default_to_multipart=True)
    assert (await offered.visitor.post(offered.path, data=form)).status == 415
    assert (await offered.visitor.post(offered.path, json={"secret": SECRET})).status == 415
    huge = await offered.visitor.post(offered.path, data={"secret": "x" * 300_000})
    assert huge.status == 413
    broken = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (await offered.visitor.post(offered.path, data=b"secret=%ff%fe", headers=broken)).status == 400
    assert (await offered.visitor.get(offered.path)).status == 200


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example"}]
)
async def test_a_form_of_another_site_is_refused(offered: Offered, headers: dict[str, str]) -> None:
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET}, headers=headers)).status == 403
    assert (await offered.visitor.get(offered.path)).status == 200


async def test_a_form_of_the_page_itself_is_taken(offered: Offered) -> None:
    """A browser that sends no referrer says `Origin: null`."""
    headers = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    assert (await offered.visitor.post(offered.path, data={"secret": SECRET}, headers=headers)).status == 200


async def test_what_is_shown_is_escaped(launch: Launch) -> None:
    hostile = '"><script>alert(1)</script>@x'
    case = Case(
        "AAAA-22",
        "desk:x",
        "web",
        "p",
        "en",
        account=hostile,
        endpoints={"imap": Endpoint("imap.example.test", 993, "tls")},
    )
    async with launch() as bot, aiohttp.ClientSession() as session:
        row = CaseRow(case.id, case.person, case.surface, case.place, case_to_json(case), time.time(), time.time())
        await bot.store.take("e", row, [])
        await bot.store.add_offer("some-token", Offer(case.id, case.person, "<b>1", 9e12))
        page = await (await session.get(f"{bot.origin}/s/some-token")).text()
    assert "<script>alert" not in page
    assert "<b>1" not in page
    assert "imap.example.test:993" in page


async def test_the_page_is_in_the_conversations_language(offered: Offered) -> None:
    page = await (await offered.visitor.get(offered.path, headers={"Accept-Language": "zh"})).text()
    assert '<html lang="ja">' in page
    assert '<html lang="en">' in await (await offered.visitor.get(f"{offered.path}?lang=en")).text()
