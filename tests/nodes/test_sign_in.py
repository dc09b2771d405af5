"""A sign-in at Microsoft over several nodes: each part of the way may reach another one, and a rolling restart."""

from dataclasses import replace

import aiohttp

from tests.handlers.test_sign_in_page import target_in
from tests.leaks import find_leaks
from tests.nodes.conftest import Launch
from tests.nodes.people import doubles, ends
from tests.nodes.test_secrets import dump
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
from tests.servers.postgres import Postgres
from tests.servers.slack import FakeSlack, Person
from tests.servers.world import World
from tests.slack.conftest import data_of

_DOMAIN = "cloud.test"
_ADMIN = f"admin@{_DOMAIN}"
_HOST = f"login.{_DOMAIN}"


async def test_every_part_of_the_way_may_reach_another_node(
    postgres: Postgres, slack: FakeSlack, world: World, launch: Launch
) -> None:
    microsoft = await _microsoft(world)
    admin = slack.person("UADMIN", email=_ADMIN)
    cloud = {
        "MIGCHECK_M365__AUTHORITY": f"https://{microsoft.name}:{microsoft.port}",
        "MIGCHECK_M365__CLIENT_ID": APP,
        "MIGCHECK_M365__CLIENT_SECRET": APP_SECRET,
    }
    with postgres.database() as url:
        async with launch(url, worker=1, **cloud) as fleet, _browser() as browser:
            app = AppScript(redirects=(f"{fleet.url}/m365/redirect",))
            microsoft.script = replace(microsoft.script, app=app)
            first, second = fleet.those("web")
            await admin.says(f"Microsoft 365 {_DOMAIN} {_ADMIN}")
            await admin.presses(await admin.report(), "signin")
            address = await _link_of(admin)
            async with browser.get(fleet.link(address, first)) as page:
                assert page.status == 200
            async with browser.post(fleet.link(address, second), data={"go": "1"}) as page:
                target = target_in(await page.text())
            assert await second.end() == 0
            await second.start()
            await second.ready()
            status, headers, _ = await visit(target, world.ca_file, microsoft.host)
            assert status == 302
            async with browser.get(fleet.link(headers["location"], first)) as page:
                assert page.status == 200
            assert data_of(await admin.report(1))["verdict"] == "pass"
            async with browser.get(fleet.link(headers["location"], second)) as page:
                assert page.status >= 400, "what came back counts once, at whichever node"
            assert doubles(slack) == []
            assert set(ends(slack).values()) == {1}
            text = dump(url) + fleet.log() + str(slack.calls)
            for secret in (*microsoft.tokens, *microsoft.codes, APP_SECRET):
                assert find_leaks(text, secret) == []


async def _microsoft(world: World) -> IdentityServer:
    world.domain(_DOMAIN)
    made = IdentityScript(
        identity=world.identity(_HOST), tenants={_DOMAIN: TenantScript()}, person=PersonScript(name=_ADMIN)
    )
    return await world.start(_HOST, 443, lambda ip, port: IdentityServer(made, ip, port, _HOST))


def _browser() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))


async def _link_of(person: Person) -> str:
    """The address behind the button that leads to Microsoft."""

    def offered() -> str | None:
        buttons = [message.action("microsoft") for message in person.sees()]
        return next((str(button["url"]) for button in buttons if button is not None and "url" in button), None)

    link: str = await person.slack.until(offered)
    return link
