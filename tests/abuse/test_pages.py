"""The pages under attack, beyond what their own tests hold: planted cookies, odd bytes, guessed and previewed links."""

import asyncio
import re
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.app import Bot
from handlers.web.session import COOKIE, Sessions
from tests.abuse.test_slow_clients import _all_of
from tests.handlers.conftest import ACCOUNT, SECRET, Launch, launch, sound, stored, world
from tests.handlers.person import Visitor
from tests.handlers.test_secret_page import offer
from tests.servers.world import World

__all__ = ["launch", "sound", "stored", "world"]
ODD = [
    b"\xff\xfe",
    b"%ff%fe",
    b"%00",
    b"%0d%0aSet-Cookie:x=y",
    b"..%2f..%2fapp.yaml",
    b"%2e%2e/%2e%2e/app.yaml",
    b"\xc0\xae",
    b"%u0000",
]
SCANNERS = [
    {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"},
    {"User-Agent": "Mozilla/5.0 (compatible; LarkUrlPreview/1.0)"},
    {"Sec-Purpose": "prefetch;prerender", "Sec-Fetch-Site": "none"},
    {"Purpose": "prefetch"},
    {"User-Agent": "SafeLinks", "Range": "bytes=0-100"},
]


@pytest.fixture
async def bot(launch: Launch) -> AsyncIterator[Bot]:
    async with launch() as made:
        yield made


async def raw(bot: Bot, request: bytes) -> bytes:
    host, _, port = bot.origin.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(request.replace(b"HOST", f"{host}:{port}".encode()))
        async with asyncio.timeout(5):
            return await _all_of(reader)
    finally:
        writer.close()


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("path", [b"/s/%s", b"/r/%s", b"/r/K7QF-2M?k=%s", b"/static/%s", b"/%s", b"/r/%s/export?k=x"])
async def test_odd_bytes_in_addresses(bot: Bot, path: bytes, odd: bytes, caplog: pytest.LogCaptureFixture) -> None:
    for method in (b"GET", b"HEAD"):
        said = await raw(bot, method + b" " + path % odd + b" HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
        assert said[9:12] in (b"404", b"400"), said[:200]
        for name, value in (b"Server: migcheck", b"nosniff"), (b"no-store", b"frame-ancestors"):
            assert name in said
            assert value in said
        assert b"aiohttp" not in said
        assert b"retention_days" not in said
        assert b"Set-Cookie:x=y" not in said
    assert caplog.records == []  # anybody could fill the log


@pytest.mark.parametrize("cookie", [b"\xff.\xfe", b"a" * 22 + b".\xff", b'"\\377"', b"=;=;;", b"x" * 8000])
async def test_odd_bytes_in_cookies(bot: Bot, cookie: bytes) -> None:
    head = b"GET /chat/stream HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nCookie: migcheck_session=" + cookie
    said = await raw(bot, head + b"; migcheck_lang=\xff\r\n\r\n")
    assert said[9:12] in (b"401", b"400"), said[:200]


@pytest.mark.parametrize(
    "name", ["Accept-Language", "Last-Event-ID", "Origin", "Sec-Fetch-Site", "Referer", "Content-Type"]
)
@pytest.mark.parametrize("value", [b"\xff\xfe", b"q=;q=nan,;;q=1e999", b"http://[", b"nan", b"a" * 7000])
async def test_odd_bytes_in_headers(bot: Bot, name: str, value: bytes) -> None:
    for line in (b"GET /", b"POST /chat/say", b"POST /s/x"):
        lines = (
            line
            + b" HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nContent-Length: 0\r\n"
            + name.encode()
            + b": "
            + value
        )
        said = await raw(bot, lines + b"\r\n\r\n")
        assert said[9:10] in (b"2", b"4"), said[:200]


async def test_an_address_with_a_foreign_host_in_it(bot: Bot) -> None:
    """The absolute form (RFC 9112, 3.2.2) does not make the server speak of another host."""
    said = await raw(bot, b"GET http://evil.example/s/x HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n")
    assert b"evil.example" not in said
    for more in (b"X-Forwarded-Host: evil.example", b"Forwarded: host=evil.example", b"X-Original-URL: /chat"):
        said = await raw(bot, b"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n" + more + b"\r\n\r\n")
        assert b"evil.example" not in said
    said = await raw(bot, b"GET / HTTP/1.1\r\nHost: HOST\r\nHost: evil.example\r\nConnection: close\r\n\r\n")
    assert b"evil.example" not in said


async def test_a_planted_session_is_not_taken_over(launch: Launch) -> None:
    """Who plants a cookie and waits for its victim to enter learns nothing: entering gives a cookie of its own."""
    planted = "A" * 22 + "." + "0" * 32
    async with launch(chat_token=SecretStr("open sesame")) as bot:
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar, cookies={COOKIE: planted}) as session:
            victim = Visitor(session, bot.origin)
            entered = await victim.post("/chat/enter", data={"token": "open sesame"})
            assert entered.status == 303
            given = entered.cookies[COOKIE].value
        assert given not in (planted, "")
        assert given.partition(".")[0] != planted.partition(".")[0]
        async with aiohttp.ClientSession(cookies={COOKIE: planted}) as session:
            assert (await session.get(f"{bot.origin}/chat/stream")).status == 401


async def test_a_cookie_of_another_is_not_known_from_ones_own(launch: Launch) -> None:
    """Each cookie carries a proof by the token's key: with one's own nobody makes another."""
    async with launch(chat_token=SecretStr("open sesame")) as bot:
        async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
            entered = await Visitor(session, bot.origin).post("/chat/enter", data={"token": "open sesame"})
            name, _, proof = entered.cookies[COOKIE].value.partition(".")
        for forged in (f"{secrets.token_urlsafe(16)}.{proof}", f"{name}.{'0' * 32}", f"{name}.", name, f".{proof}"):
            async with aiohttp.ClientSession(cookies={COOKIE: forged}) as session:
                assert (await session.get(f"{bot.origin}/chat/stream")).status == 401


def test_with_https_no_neighbour_can_plant_a_cookie() -> None:
    assert Sessions(b"key", secure=True).cookie == f"__Host-{COOKIE}"
    assert Sessions(b"key", secure=False).cookie == COOKIE


async def test_links_cannot_be_guessed(bot: Bot) -> None:
    """All wrong ones get the same answer, whether there is such a case or not."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        visitor = Visitor(session, bot.origin)
        await visitor.get("/")
        case = (await (await visitor.act("/chat/say", text="help")).json())["case"]
        async with aiohttp.ClientSession() as stranger:
            told = set()
            for name in (case, "AAAA-22", case.lower()):
                for key in ("", "x", secrets.token_urlsafe(16)):
                    answer = await stranger.get(f"{bot.origin}/r/{name}?k={key}")
                    told.add(
                        (answer.status, re.sub(r"k=[\w-]*|[A-Za-z0-9]{4}-[A-Za-z0-9]{2}", "", await answer.text()))
                    )
        assert len(told) == 1
        assert next(iter(told))[0] == 404


@pytest.mark.parametrize("headers", SCANNERS)
async def test_previews_and_scanners_spend_nothing(sound: World, launch: Launch, headers: dict[str, str]) -> None:
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        here = await offer(bot, Visitor(session, bot.origin))
        async with aiohttp.ClientSession(headers=headers) as scanner:
            for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
                answer = await scanner.request(method, bot.origin + here.path)
                assert answer.status in (200, 405)
                assert SECRET not in await answer.text()
            await scanner.post(bot.origin + here.path)
            await scanner.post(bot.origin + here.path, data={"secret": ""})
        assert (await here.visitor.post(here.path, data={"secret": SECRET})).status == 200


async def test_a_link_that_was_used_tells_nothing(sound: World, launch: Launch, stored: Callable[[], bytes]) -> None:
    """Whoever finds it later, in a history or a log, neither reads what was typed nor types anything in its place."""
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        here = await offer(bot, Visitor(session, bot.origin))
        assert (await here.visitor.post(here.path, data={"secret": SECRET})).status == 200
        async with aiohttp.ClientSession() as thief:
            seen = await thief.get(bot.origin + here.path)
            assert seen.status == 410
            page = await seen.text()
            assert ACCOUNT not in page
            assert here.case not in page
            assert (await thief.post(bot.origin + here.path, data={"secret": "mine"})).status == 410
        assert here.path.rpartition("/")[2].encode() not in stored()


@pytest.mark.parametrize("path", ["/s/x", "/", "/r/K7QF-2M"])
async def test_pages_cannot_be_framed_or_read_by_others(bot: Bot, path: str) -> None:
    async with aiohttp.ClientSession(headers={"Origin": "https://evil.example"}) as session:
        answer = await session.get(bot.origin + path)
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
        asked = await session.options(bot.origin + path, headers={"Access-Control-Request-Method": "POST"})
        assert asked.status == 405
        assert not [name for name in asked.headers if name.lower().startswith("access-control-")]


async def test_the_store_holds_no_link(sound: World, launch: Launch, tmp_path: Path) -> None:
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        here = await offer(bot, Visitor(session, bot.origin))
        token = here.path.rpartition("/")[2]
        assert len(token) >= 22
        assert await bot.store.offer(token) is not None
    assert token.encode() not in b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
