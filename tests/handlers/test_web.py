"""Every page's guards: Host, origin, headers, sizes; readiness; and when the chat page is served at all."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from bot.app import StartError, chat_enabled, open_bot
from bot.settings import Settings, WebSettings
from handlers.web.guard import own_hosts
from handlers.web.server import ListenError, bind
from tests.handlers.conftest import Launch, settings_for
from tests.handlers.person import Visitor
from tests.servers.world import World

PAGES = (
    "/",
    "/s/nothing",
    "/r/K7QF-2M",
    "/r/K7QF-2M?k=wrong",
    "/static/chat.js",
    "/static/none.js",
    "/healthz",
    "/none",
)
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}


@pytest.fixture
async def visitor(launch: Launch) -> AsyncIterator[Visitor]:
    """Somebody who has opened the chat page."""
    async with launch() as bot, aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        made = Visitor(session, bot.origin)
        assert (await made.get("/")).status == 200
        yield made


@pytest.mark.parametrize("path", PAGES)
async def test_every_answer_has_the_headers(visitor: Visitor, path: str) -> None:
    response = await visitor.get(path)
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    policy = response.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "http" not in policy
    assert "*" not in policy
    assert "unsafe" not in policy
    assert response.headers["Server"] == "migcheck"


async def test_the_stream_has_the_headers(visitor: Visitor) -> None:
    async with visitor.session.get(f"{visitor.origin}/chat/stream") as response:
        assert response.content_type == "text/event-stream"
        for name, value in HEADERS.items():
            assert response.headers[name] == value


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/healthz"])
@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example", "", "localhost:1"])
async def test_a_foreign_host_is_refused(visitor: Visitor, path: str, host: str) -> None:
    port = visitor.origin.rpartition(":")[2]
    response = await visitor.get(path, headers={"Host": host.format(port=port)})
    assert response.status == 421


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
async def test_names_of_this_machine_are_ours(visitor: Visitor, host: str) -> None:
    port = visitor.origin.rpartition(":")[2]
    assert (await visitor.get("/", headers={"Host": f"{host}:{port}"})).status == 200


def test_the_public_host_is_ours() -> None:
    settings = Settings(web=WebSettings(listen="10.1.2.3:80", public_url="https://migcheck.example.co.jp"))
    assert {"migcheck.example.co.jp", "10.1.2.3", "localhost"} <= own_hosts(settings)


@pytest.mark.parametrize("path", ["/chat/say", "/chat/press", "/chat/submit", "/chat/secret"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site", "Origin": "OWN"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_a_foreign_page_has_no_effect(visitor: Visitor, path: str, headers: dict[str, str]) -> None:
    sent = {name: visitor.origin if value == "OWN" else value for name, value in headers.items()}
    body = {"id": "forged-0001", "case": None, "text": "example.test", "action": "recheck", "label": "x"}
    response = await visitor.post(path, json=body, headers=sent)
    assert response.status == 403


async def test_a_form_of_another_kind_is_refused(visitor: Visitor) -> None:
    """A page elsewhere can send plain text and forms without asking first, but not JSON."""
    body = json.dumps({"id": "forged-0001", "case": None, "text": "example.test"})
    headers = {"Origin": visitor.origin, "Content-Type": "text/plain"}
    assert (await visitor.post("/chat/say", data=body, headers=headers)).status == 403


async def test_without_the_cookie_nothing_is_told(visitor: Visitor) -> None:
    answer = await (await visitor.act("/chat/say", text="help")).json()
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        stranger = Visitor(session, visitor.origin)
        assert (await stranger.get(f"/chat/stream?case={answer['case']}")).status == 401
        assert (await stranger.act("/chat/say", case=answer["case"], text="help")).status == 401
        await stranger.get("/")
        assert (await stranger.act("/chat/say", case=answer["case"], text="help")).status == 404
        async with session.get(f"{visitor.origin}/chat/stream?case={answer['case']}") as response:
            first = [await response.content.readuntil(b"\n\n") for _ in range(2)]
        assert answer["case"].encode() not in b"".join(first)


def test_the_cookie_is_for_this_site_alone(visitor: Visitor) -> None:
    cookie = next(iter(visitor.session.cookie_jar))
    assert cookie["httponly"]
    assert cookie["samesite"] == "Strict"
    assert cookie["path"] == "/"


async def test_a_forged_cookie_is_none(visitor: Visitor) -> None:
    async with aiohttp.ClientSession(cookies={"migcheck_session": "A" * 22 + "." + "0" * 32}) as session:
        assert (await session.get(f"{visitor.origin}/chat/stream")).status == 401


@pytest.mark.parametrize(
    "values",
    [
        {"text": ""},
        {"text": "  \n"},
        {"text": 7},
        {},
        {"text": "help", "id": "x"},
        {"text": "help", "id": "../../etc"},
        {"text": "help", "case": 7},
    ],
)
async def test_what_is_no_request_of_the_page_is_refused(visitor: Visitor, values: dict[str, object]) -> None:
    body = {"id": "test-00000001", "case": None, **values}
    response = await visitor.post("/chat/say", json=body, headers={"Origin": visitor.origin})
    assert response.status == 400


async def test_bodies_are_bounded(visitor: Visitor) -> None:
    assert (await visitor.act("/chat/say", text="x" * 20_001)).status == 413
    assert (await visitor.act("/chat/say", text="x" * 300_000)).status == 413


async def test_a_repeated_request_has_one_effect(visitor: Visitor) -> None:
    """The page asks again with the same id when an answer is lost; also for the first words of a new case."""
    first = await (await visitor.act("/chat/say", name="lost-answer-1", text="help")).json()
    again = await (await visitor.act("/chat/say", name="lost-answer-1", text="help")).json()
    assert first == again
    came = await visitor.until(first["case"], "help")
    assert came.count('"role":"person"') == 1


async def test_two_pages_of_one_person_see_the_same(visitor: Visitor) -> None:
    case = (await (await visitor.act("/chat/say", text="help")).json())["case"]
    one, other = await asyncio.gather(visitor.until(case, "help"), visitor.until(case, "help"))
    assert '"role":"person"' in one
    assert '"role":"person"' in other


async def test_a_stream_goes_on_where_it_was_cut(visitor: Visitor) -> None:
    case = (await (await visitor.act("/chat/say", text="help")).json())["case"]
    came = await visitor.until(case, "help")
    last = came.rpartition("id: ")[2].partition("\n")[0]
    async with visitor.session.get(
        f"{visitor.origin}/chat/stream?case={case}", headers={"Last-Event-ID": last}
    ) as response:
        assert await response.content.readuntil(b"\n\n") == b"retry: 1000\n\n"
        cases = await response.content.readuntil(b"\n\n")
        again = await response.content.readuntil(b"\n\n")
    assert cases.startswith(b"event: cases")
    assert b'"role":"person"' not in again


@pytest.mark.parametrize(
    ("accepted", "lang"),
    [("en-GB,ja;q=0.4", "en"), ("zh-TW", "zh-Hans"), ("fr, en;q=0.2", "en"), ("fr", "ja"), ("", "ja")],
)
async def test_the_language_is_the_browsers(visitor: Visitor, accepted: str, lang: str) -> None:
    response = await visitor.get("/", headers={"Accept-Language": accepted})
    assert f'<html lang="{lang}">' in await response.text()


async def test_a_chosen_language_stays(visitor: Visitor) -> None:
    await visitor.get("/?lang=en")
    assert '<html lang="en">' in await (await visitor.get("/", headers={"Accept-Language": "ja"})).text()


async def test_the_chat_page_has_no_script_or_style_inside(visitor: Visitor) -> None:
    page = await (await visitor.get("/")).text()
    assert "<style" not in page
    assert " style=" not in page
    assert "onclick" not in page
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("<script") == page.count('<script type="module" src="/static/')


async def test_health(visitor: Visitor) -> None:
    alive, ready = await visitor.get("/healthz"), await visitor.get("/readyz", headers={"Host": "10.0.0.9:8080"})
    assert alive.status == ready.status == 200
    assert await ready.json() == {"status": "ok", "store": "ok", "queue": "ok", "disk": "ok", "clock": "ok"}


async def test_not_ready_without_the_store(launch: Launch, tmp_path: Path) -> None:
    async with launch() as bot, aiohttp.ClientSession() as session:
        await bot.store._engine.dispose()
        await bot.store._reader.dispose()
        for path in tmp_path.glob("store.db*"):
            path.unlink()
        (tmp_path / "store.db").mkdir()
        response = await session.get(f"{bot.origin}/readyz")
        assert response.status == 503
        told = await response.json()
        assert (told["status"], told["store"], told["queue"]) == ("not ready", "failed", "ok")
        assert (await session.get(f"{bot.origin}/healthz")).status == 200
        (tmp_path / "store.db").rmdir()


def test_a_port_in_use_is_said_plainly() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(ListenError, match=f"127.0.0.1:{port} is in use.*MIGCHECK_WEB__LISTEN"),
            bind("127.0.0.1", port),
        ):
            pass


def test_an_address_of_another_machine_is_said_plainly() -> None:
    with pytest.raises(ListenError, match="no address of this machine"), bind("192.0.2.1", 0):
        pass


@pytest.mark.parametrize(
    ("web", "expected"),
    [
        ({}, True),
        ({"chat": False}, False),
        ({"chat": True}, True),
        ({"listen": "0.0.0.0:8080"}, False),
        ({"listen": "0.0.0.0:8080", "chat_token": SecretStr("t" * 20)}, True),
        ({"listen": "0.0.0.0:8080", "chat_token": SecretStr("")}, False),
        ({"listen": "[::1]:8080"}, True),
    ],
)
def test_when_the_chat_page_is_served(web: dict[str, object], expected: bool) -> None:
    assert chat_enabled(Settings(web=WebSettings(**web))) is expected


def test_a_chat_page_for_everybody_needs_a_token() -> None:
    with pytest.raises(StartError, match=r"web\.chat_token"):
        chat_enabled(Settings(web=WebSettings(listen="0.0.0.0:8080", chat=True)))


async def test_without_the_chat_page_its_addresses_are_gone(launch: Launch) -> None:
    async with launch(chat=False) as bot, aiohttp.ClientSession() as session:
        for path in ("/", "/chat/stream"):
            assert (await session.get(bot.origin + path)).status == 404
        assert (await session.get(f"{bot.origin}/healthz")).status == 200


async def test_a_chat_page_with_a_token_asks_for_it(launch: Launch) -> None:
    async with (
        launch(chat_token=SecretStr("open sesame")) as bot,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session,
    ):
        visitor = Visitor(session, bot.origin)
        door = await (await visitor.get("/")).text()
        assert 'name="token"' in door
        assert 'role="log"' not in door
        assert (await visitor.get("/chat/stream")).status == 401
        assert (await visitor.post("/chat/enter", data={"token": "wrong"})).status == 403
        elsewhere = {"Origin": "https://evil.example"}
        assert (await visitor.post("/chat/enter", data={"token": "open sesame"}, headers=elsewhere)).status == 403
        assert (await visitor.post("/chat/enter", data={"token": "open sesame"})).status == 303
        assert 'role="log"' in await (await visitor.get("/")).text()
        assert (await visitor.act("/chat/say", text="help")).status == 200


async def test_a_token_cookie_of_another_token_is_none(world: World, tmp_path: Path) -> None:
    jar = aiohttp.CookieJar(unsafe=True)
    for token, status in (("first token", 303), ("second token", 401)):
        settings = settings_for(world, tmp_path, chat_token=SecretStr(token))
        async with open_bot(settings) as bot, aiohttp.ClientSession(cookie_jar=jar) as session:
            visitor = Visitor(session, bot.origin)
            if status == 303:
                assert (await visitor.post("/chat/enter", data={"token": token})).status == 303
            else:
                assert (await visitor.get("/chat/stream")).status == status


async def test_what_was_filled_in_is_shown_under_the_names_of_its_fields(visitor: Visitor) -> None:
    begun = await visitor.act("/chat/say", text="Microsoft 365 example.test")
    case = (await begun.json())["case"]
    told = {"form": "admin", "values": {"account": "admin@example.test"}}
    assert (await visitor.act("/chat/submit", case, name="administrator", **told)).status == 200
    told = {"form": "account", "values": {"account": "taro@example.test"}}
    assert (await visitor.act("/chat/submit", case, name="anybody-else", **told)).status == 200
    await visitor.act("/chat/say", case, text="help")
    came = await visitor.until(case, "help")
    rows = [json.loads(line.removeprefix("data: ")) for line in came.splitlines() if '"role":"person"' in line]
    shown = [block["rows"] for row in rows for block in row["body"]["blocks"] if block["type"] == "Fields"]
    assert shown == [[["管理者のメールアドレス", "admin@example.test"]], [["アカウント", "taro@example.test"]]]
