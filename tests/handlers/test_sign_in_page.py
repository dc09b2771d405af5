"""The pages around a sign-in at Microsoft: what they show, to whom they listen, and what is left of it afterwards."""

import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import async_playwright

from bot.app import Mind
from bot.core.case import Case, case_to_json
from bot.core.cloud import Registration, SignIn
from bot.core.cloud_grant import Returned, unpack
from bot.core.secret import Secret
from bot.store.rows import CaseRow, Offer
from bot.store.store import Store, open_store
from handlers.web.server import bind, make_app, serving
from handlers.web.sign_in_page import REDIRECT, SignInPage
from tests.checks.running import examine, make_world, shared_root
from tests.checks.test_m365 import ADMIN, DOMAIN, HOST, SOUND, serve
from tests.handlers.person import Visitor
from tests.handlers.process import _FLAGS, CHROMIUM, needs_chromium
from tests.leaks import find_leaks
from tests.servers.browser import query_of, visit
from tests.servers.identity import APP, APP_SECRET, AppScript, IdentityServer, PersonScript
from tests.servers.world import World

NOW, CODE = 1_000_000.0, "4711"
TOKEN = "token-of-the-link-in-the-chat"


@dataclass
class Site:
    """The pages over a real store. `taken` is what they handed on; the conversation would begin a run with it."""

    store: Store
    app: Registration
    origin: str = ""
    now: float = NOW
    taken: list[Returned] = field(default_factory=list)
    grants: list[Secret] = field(default_factory=list)

    async def take(self, token: str, grant: Secret) -> bool:
        offer = await self.store.offer(token)
        if offer is None or not offer.open_at(self.now):
            return False
        await self.store.kill_offers(offer.case_id, self.now)
        self.taken.append(unpack(grant.unwrap()))
        self.grants.append(grant)
        return True

    async def offer(self, token: str = TOKEN, **changes: Any) -> Case:
        """A case with an open offer."""
        made = Case(f"K7QF-{token[:1]}", "web:ann", "web", "x", "en", domain=DOMAIN, scenario="m365", account=ADMIN)
        case = replace(made, **changes)
        row = CaseRow(case.id, case.person, case.surface, case.place, case_to_json(case), NOW, NOW)
        await self.store.take(f"event-{case.id}", row, [])
        await self.store.add_offer(token, Offer(case.id, case.person, CODE, NOW + 600))
        return case


Serve = Callable[..., Any]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(f"sqlite:///{tmp_path}/store.db") as opened:
        yield opened


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with make_world() as made:
        made.domain(DOMAIN)
        yield made


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    with bind("127.0.0.1", 0) as listener:
        origin = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = Registration("https://login.microsoft.test", APP, origin + REDIRECT, Secret(APP_SECRET))
        made = Site(store, app, origin)
        page = SignInPage(store, made.take, Mind(), app, lambda: made.now)
        async with serving(make_app([origin.removeprefix("http://")], Mind(), page.routes()), listener):
            yield made


@pytest.fixture
async def visitor(site: Site) -> AsyncIterator[Visitor]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        yield Visitor(session, site.origin)


def target_in(page: str) -> str:
    """The address at Microsoft to which the page after the button leads."""
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    assert found is not None, page
    return found[1].replace("&amp;", "&")


async def leave(visitor: Visitor, token: str = TOKEN, **data: str) -> dict[str, str]:
    """Press the button; what Microsoft is asked."""
    response = await visitor.post(f"/m365/{token}", data=data or {"go": "1"})
    assert response.status == 200
    return query_of(target_in(await response.text()))


async def come_back(visitor: Visitor, **query: str) -> aiohttp.ClientResponse:
    return await visitor.get(REDIRECT, params=query)


async def test_the_page_says_who_is_to_sign_in_for_what(site: Site, visitor: Visitor) -> None:
    case = await site.offer()
    for _ in range(3):
        response = await visitor.get(f"/m365/{TOKEN}")
        assert response.status == 200
        assert (await visitor.session.head(f"{site.origin}/m365/{TOKEN}")).status == 200
    page = await response.text()
    for shown in (case.id, ADMIN, DOMAIN, f"<strong>{CODE}</strong>", APP, "https://login.microsoft.test"):
        assert shown in page
    assert 'type="password"' not in page
    assert "checked" not in page, "the mailbox is left alone unless somebody wants it"
    headers = response.headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    assert site.taken == []


async def test_the_button_leads_to_microsoft(site: Site, visitor: Visitor) -> None:
    await site.offer()
    response = await visitor.post(f"/m365/{TOKEN}", data={"go": "1"})
    target = target_in(await response.text())
    asked = query_of(target)
    assert target.startswith(f"https://login.microsoft.test/{DOMAIN}/oauth2/v2.0/authorize?")
    assert (asked["client_id"], asked["redirect_uri"], asked["login_hint"]) == (APP, site.origin + REDIRECT, ADMIN)
    assert TOKEN not in target
    cookie = kept(response)
    assert (cookie["httponly"], cookie["samesite"], cookie["secure"], cookie["path"]) == (True, "Lax", "", "/")
    assert 0 < int(cookie["max-age"]) <= 600
    for secret in (asked["state"], asked["code_challenge"], asked["nonce"]):
        assert secret not in cookie.value
    again = await leave(visitor)
    assert {again["state"], again["code_challenge"]}.isdisjoint({asked["state"], asked["code_challenge"]})
    assert APP_SECRET not in target


def kept(response: aiohttp.ClientResponse) -> "Morsel[str]":
    (cookie,) = response.cookies.values()
    return cookie


async def test_over_https_the_cookie_is_bound_to_the_host(store: Store) -> None:
    with bind("127.0.0.1", 0) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        app = Registration("https://login.microsoft.test", APP, "https://bot.test" + REDIRECT, Secret(APP_SECRET))
        site = Site(store, app)
        await site.offer()
        page = SignInPage(store, site.take, Mind(), app, lambda: NOW)
        async with serving(make_app([address], Mind(), page.routes()), listener), aiohttp.ClientSession() as session:
            response = await Visitor(session, f"http://{address}").post(f"/m365/{TOKEN}", data={"go": "1"})
    cookie = kept(response)
    assert cookie.key.startswith("__Host-")
    assert (cookie["secure"], cookie["httponly"], cookie["samesite"]) == (True, True, "Lax")


@pytest.mark.parametrize("mail", [False, True])
async def test_what_comes_back_goes_on_once(
    site: Site, visitor: Visitor, tmp_path: Path, caplog: pytest.LogCaptureFixture, mail: bool
) -> None:
    caplog.set_level("DEBUG")
    await site.offer()
    asked = await leave(visitor, **({"mail": "yes"} if mail else {}))
    assert ("IMAP.AccessAsUser.All" in asked["scope"]) is mail
    back = await come_back(visitor, code="1.the-code-from-microsoft", state=asked["state"], session_state="x")
    assert (back.status, back.headers["Location"]) == (303, "/m365/done?lang=en")
    (returned,) = site.taken
    assert (returned.code, returned.mail, returned.error) == ("1.the-code-from-microsoft", mail, "")
    done = await visitor.get(back.headers["Location"])
    assert done.status == 200
    again = await come_back(visitor, code="1.another", state=asked["state"])
    assert again.headers["Location"].startswith("/m365/foreign"), "the cookie is gone"
    assert (await visitor.get(f"/m365/{TOKEN}")).status == 410
    assert len(site.taken) == 1
    stored = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*"))
    left = [caplog.text, stored.decode("latin-1"), await back.text(), str(back.headers), await done.text()]
    for secret in (returned.code, returned.verifier, returned.nonce, asked["state"], TOKEN):
        assert find_leaks("\n".join(left), secret) == [], secret


async def test_an_error_comes_back_too(site: Site, visitor: Visitor) -> None:
    await site.offer()
    asked = await leave(visitor)
    words = "AADSTS65004: User declined to consent to access the app." + "x" * 5000
    back = await come_back(
        visitor, error="access_denied", error_subcode="cancel", error_description=words, state=asked["state"]
    )
    assert back.headers["Location"] == "/m365/done?lang=en"
    (returned,) = site.taken
    assert (returned.error, returned.error_subcode, returned.code) == ("access_denied", "cancel", "")
    assert returned.error_description == words[:1000]


async def test_only_the_browser_that_pressed_the_button_comes_back(site: Site, visitor: Visitor) -> None:
    await site.offer()
    asked = await leave(visitor)
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as session:
        other = Visitor(session, site.origin)
        for query in ({"state": asked["state"]}, {}, {"state": ""}, {"state": "あ.い"}):
            assert (await come_back(other, code="stolen", **query)).headers["Location"].startswith("/m365/foreign")
        theirs = await leave(other)
        mixed = await come_back(other, code="stolen", state=asked["state"])
        assert mixed.headers["Location"].startswith("/m365/foreign"), "the first attempt's state is not theirs"
    wrong = [asked["state"] + "x", asked["state"][:-1], theirs["state"], asked["state"].partition(".")[0] + "."]
    for state in wrong:
        assert (await come_back(visitor, code="x", state=state)).headers["Location"].startswith("/m365/foreign")
    for query in ({}, {"code": ""}, {"code": "x" * 4001}):
        assert (await come_back(visitor, state=asked["state"], **query)).headers["Location"].startswith("/m365/foreign")
    assert site.taken == []
    assert (await visitor.get("/m365/foreign")).status == 400
    await come_back(visitor, code="mine", state=asked["state"])
    assert [returned.code for returned in site.taken] == ["mine"]


@pytest.mark.parametrize("cookie", ["x", "x.y.0", "x." + "y" * 40 + ".0", "ü" * 50, f"{TOKEN}." + "y" * 40 + ".1"])
async def test_a_cookie_that_is_none(site: Site, visitor: Visitor, cookie: str) -> None:
    await site.offer()
    asked = await leave(visitor)
    label = asked["state"].partition(".")[0]
    headers = {"Cookie": f"migcheck_m365_{label}={cookie}"}
    async with aiohttp.ClientSession() as session:
        params = {"code": "x", "state": asked["state"]}
        response = await Visitor(session, site.origin).get(REDIRECT, params=params, headers=headers)
    assert response.headers["Location"].startswith("/m365/foreign")
    assert site.taken == []


async def test_two_cases_in_one_browser(site: Site, visitor: Visitor) -> None:
    """The one that was begun first can still be finished."""
    await site.offer()
    await site.offer("another-token-of-another-link", account=f"other@{DOMAIN}")
    first, second = await leave(visitor), await leave(visitor, "another-token-of-another-link")
    assert (first["login_hint"], second["login_hint"]) == (ADMIN, f"other@{DOMAIN}")
    for code, asked in (("first", first), ("second", second)):
        await come_back(visitor, code=code, state=asked["state"])
    assert [returned.code for returned in site.taken] == ["first", "second"]


@pytest.mark.parametrize(
    "headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "same-site"}]
)
async def test_no_other_site_presses_the_button(site: Site, visitor: Visitor, headers: dict[str, str]) -> None:
    await site.offer()
    response = await visitor.post(f"/m365/{TOKEN}", data={"go": "1"}, headers=headers)
    assert response.status == 403
    assert "Set-Cookie" not in response.headers


async def test_links_that_are_over(site: Site, visitor: Visitor) -> None:
    await site.offer()
    asked = await leave(visitor)
    site.now = NOW + 601
    for response in (await visitor.get(f"/m365/{TOKEN}"), await visitor.post(f"/m365/{TOKEN}", data={"go": "1"})):
        assert response.status == 410
        assert "Set-Cookie" not in response.headers
    back = await come_back(visitor, code="late", state=asked["state"])
    assert back.headers["Location"].startswith("/m365/over")
    assert (await visitor.get("/m365/over")).status == 410
    for token in ("x", "A" * 22, "あ"):
        assert (await visitor.get(f"/m365/{token}")).status == 404
        assert (await visitor.post(f"/m365/{token}", data={"go": "1"})).status == 404
    assert site.taken == []


@pytest.mark.parametrize("changes", [{"scenario": "saas"}, {"account": None}])
async def test_an_offer_for_something_else(site: Site, visitor: Visitor, changes: dict[str, Any]) -> None:
    """The link to type a password leads nowhere here."""
    await site.offer(**changes)
    assert (await visitor.get(f"/m365/{TOKEN}")).status == 410
    assert (await visitor.post(f"/m365/{TOKEN}", data={"go": "1"})).status == 410


@pytest.mark.parametrize(("lang", "title"), [("ja", "Microsoft にサインイン"), ("zh", "登录 Microsoft")])
async def test_the_conversations_language(site: Site, visitor: Visitor, lang: str, title: str) -> None:
    await site.offer(lang=lang)
    assert title in await (await visitor.get(f"/m365/{TOKEN}")).text()
    asked = await leave(visitor)
    back = await come_back(visitor, code="x", state=asked["state"])
    assert back.headers["Location"] == f"/m365/done?lang={lang}"


async def test_hostile_names_stay_text(site: Site, visitor: Visitor) -> None:
    await site.offer(account='"><script>alert(1)</script>@x.test', domain='x" onload="1')
    page = await (await visitor.get(f"/m365/{TOKEN}")).text()
    assert "<script>alert" not in page
    assert 'onload="1' not in page
    response = await visitor.post(f"/m365/{TOKEN}", data={"go": "1"})
    assert "<script>alert" not in await response.text()


async def at_microsoft(site: Site, world: World, **person: Any) -> IdentityServer:
    """The platform that knows these pages."""
    script = AppScript(redirects=(site.app.redirect,))
    server = await serve(world, tenants=SOUND, person=PersonScript(**person), app=script)
    object.__setattr__(site.app, "authority", f"https://{HOST}:{server.port}")
    return server


async def test_the_whole_way(site: Site, visitor: Visitor, world: World) -> None:
    """From the button over Microsoft's page to what the check says of it."""
    server = await at_microsoft(site, world)
    await site.offer()
    response = await visitor.post(f"/m365/{TOKEN}", data={"go": "1"})
    status, headers, _ = await visit(target_in(await response.text()), shared_root()[1], server.host)
    assert status == 302
    back = await visitor.get(headers["location"].removeprefix(site.origin))
    assert back.headers["Location"] == "/m365/done?lang=en"
    way = SignIn(APP, lambda _: None, grant=site.grants[0], registration=site.app)
    options = {"scenario": "m365", "account": ADMIN, "authority": site.app.authority, "client_id": APP}
    seen = await examine(world, DOMAIN, sign_in=way, **options)
    assert (seen.report.verdict, seen.step("m365.consent").status) == ("pass", "pass")


@pytest.mark.browser
@needs_chromium
@pytest.mark.parametrize(
    "person", [{}, {"declines": ("access_denied", 65004, "declined")}], ids=["signs in", "declines"]
)
async def test_a_real_browser(site: Site, world: World, person: dict[str, Any]) -> None:
    """The policies of the pages let it through, and its cookie comes back from another site."""
    server = await at_microsoft(site, world, **person)
    await site.offer()
    flags = [*_FLAGS, f"--host-resolver-rules=MAP {HOST} {server.host}"]
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=str(CHROMIUM), args=flags)
        try:
            context = await browser.new_context(locale="en-GB", ignore_https_errors=True)
            page = await context.new_page()
            faults: list[str] = []
            page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
            await page.goto(f"{site.origin}/m365/{TOKEN}")
            await page.get_by_label("Also test IMAP").check()
            await page.get_by_role("button", name="Go on to Microsoft").click()
            await page.wait_for_url(f"{site.origin}/m365/done?lang=en", timeout=15_000)
            assert "You are back" in await page.content()
            assert await context.cookies() == []
        finally:
            await browser.close()
    (returned,) = site.taken
    assert (bool(returned.code), bool(returned.error), returned.mail) == (not person, bool(person), True)
    assert faults == []
