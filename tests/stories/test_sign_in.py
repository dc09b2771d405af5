"""A sign-in at Microsoft from the bot's own page: the link, the way through Microsoft and back, and the report."""

from dataclasses import dataclass, replace
from typing import Any

import aiohttp
import pytest

from bot.app import Bot
from tests.handlers.test_sign_in_page import target_in
from tests.leaks import find_leaks
from tests.servers.browser import visit
from tests.servers.identity import (
    APP,
    APP_SECRET,
    AppScript,
    IdentityScript,
    IdentityServer,
    PersonScript,
    TenantScript,
)
from tests.stories.actor import Actor
from tests.stories.pages import opened
from tests.stories.stage import ADMIN, Stage
from tests.stories.surface import Seen


@dataclass(frozen=True, slots=True)
class Cloud:
    """A domain, and an identity platform of this story's own that knows it."""

    domain: str
    server: IdentityServer

    @property
    def admin(self) -> str:
        return f"admin@{self.domain}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "MIGCHECK_M365__AUTHORITY": f"https://{self.server.name}:{self.server.port}",
            "MIGCHECK_M365__CLIENT_ID": APP,
            "MIGCHECK_M365__CLIENT_SECRET": APP_SECRET,
        }

    def register(self, bot: Bot) -> None:
        """Tell the platform where it may send people back to."""
        app = AppScript(redirects=(f"{bot.origin}/m365/redirect",))
        self.server.script = replace(self.server.script, app=app)


async def cloud(stage: Stage, **person: Any) -> Cloud:
    domain = stage.domain("cloud")
    host = f"login.{domain}"
    who = PersonScript(**{"name": f"admin@{domain}", **person})
    made = IdentityScript(identity=stage.world.identity(host), tenants={domain: TenantScript()}, person=who)
    server = await stage.world.start(host, 443, lambda ip, port: IdentityServer(made, ip, port, host))
    return Cloud(domain, server)


async def way_of(ann: Actor, offer: Seen) -> str:
    """The address behind an offer's button; the chat page asks for it when it is pressed."""
    if "microsoft" in offer.links:
        return offer.links["microsoft"]
    return str((await ann.door(offer)).url)  # type: ignore[attr-defined]


async def sign_in(stage: Stage, server: IdentityServer, address: str) -> int:
    """Go through the bot's page to the platform and back, in one browser; what is said in the end."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as browser:
        async with browser.get(address) as page:
            assert page.status == 200
        async with browser.post(address, data={"go": "1"}) as page:
            target = target_in(await page.text())
        status, headers, _ = await visit(target, stage.world.ca_file, server.host)
        assert status == 302
        async with browser.get(headers["location"]) as page:
            assert "code" not in page.url.query
            return page.status


@pytest.mark.parametrize(
    ("person", "came_to"),
    [
        ({}, ("pass", None, None)),
        ({"declines": ("access_denied", 65004, "declined")}, ("fail", "m365.consent", "m365.consent_required")),
    ],
    ids=["sound", "declined"],
)
async def test_a_sign_in_from_the_bots_own_page(
    stage: Stage, person: dict[str, Any], came_to: tuple[str, str | None, str | None]
) -> None:
    here = await cloud(stage, **person)
    ann = stage.person(ADMIN)
    async with stage.bot(**here.settings) as bot:
        here.register(bot)
        await ann.begin(f"Microsoft 365 {here.domain} {here.admin}")
        await ann.press(await ann.report(), "signin")
        offer = await ann.hears("talk.sign_in_page", account=here.admin)
        address = await way_of(ann, offer)
        assert await sign_in(stage, here.server, address) == 200
        assert await stage.came_to(await ann.report(1)) == came_to
        assert (await opened(address)).status == 410, "a link works once"
        await stage.settled()
        assert len(ann.reports()) == 2, "one sign-in, one report"
        text = stage.stored().decode(errors="replace") + stage.surface.written()
        for secret in (*here.server.tokens, *here.server.codes, APP_SECRET):
            assert find_leaks(text, secret) == []


async def test_a_link_to_sign_in_survives_a_restart_and_runs_out(stage: Stage) -> None:
    here = await cloud(stage)
    ann = stage.person(ADMIN)
    async with stage.bot(**here.settings):
        await ann.begin(f"Microsoft 365 {here.domain} {here.admin}")
        await ann.press(await ann.report(), "signin")
        address = await way_of(ann, await ann.hears("talk.sign_in_page"))
    async with stage.bot(**here.settings) as bot:
        here.register(bot)
        assert await sign_in(stage, here.server, address) == 200
        assert (await stage.came_to(await ann.report(1)))[0] == "pass"
    async with stage.bot(**here.settings, MIGCHECK_SECRETS__TTL="1"):
        await ann.press(await ann.report(1), "recheck")
        await ann.press(await ann.report(2), "signin")
        over = await ann.hears("talk.sign_in_expired")
        assert "signin" in over.actions


async def test_cancelling_ends_the_link(stage: Stage) -> None:
    here = await cloud(stage)
    ann = stage.person(ADMIN)
    async with stage.bot(**here.settings):
        await ann.begin(f"Microsoft 365 {here.domain} {here.admin}")
        await ann.press(await ann.report(), "signin")
        offer = await ann.hears("talk.sign_in_page")
        address = await way_of(ann, offer)
        page = await opened(address.replace("/m365/", "/s/"))
        assert page.status == 404, "no password is typed for a sign-in"
        await ann.press(offer, "cancel")
        await ann.hears("talk.cancelled")
        assert (await opened(address)).status == 410
        assert here.server.codes == []
