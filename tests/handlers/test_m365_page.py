"""Microsoft 365 on the local chat page: the administrator's address is asked for, and nothing that is secret."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.checks.test_m365 import ADMIN, DOMAIN, FABRIKAM, HOST, OTHER, SOUND, serve
from tests.checks.test_m365_sign_in import keeps_tokens
from tests.handlers.process import chromium, needs_chromium, running, tab
from tests.servers.identity import APP, USER_CODE, PersonScript, TenantScript
from tests.servers.world import World

pytestmark = [pytest.mark.browser, needs_chromium]


async def test_from_a_domain_to_the_administrator(tmp_path: Path) -> None:
    async with World(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants={DOMAIN: TenantScript(), OTHER: TenantScript(id=FABRIKAM)})
        authority = f"https://{HOST}:{server.port}"
        async with running(world, tmp_path, MIGCHECK_M365__AUTHORITY=authority) as bot, chromium() as browser:
            page = await tab(await browser.new_context(locale="en-GB"), bot.origin)
            await page.say(f"We want to migrate {DOMAIN} from Microsoft 365")
            assert "sign-in at Microsoft" in await page.message("report:1")
            await page.page.fill("form.ask input[name=account]", f"admin@{OTHER}")
            await page.page.press("form.ask input[name=account]", "Enter")
            report = await page.message("report:2")
            assert "fails at Domain, Input – The account belongs to a different domain" in report
            assert "The administrator belongs to another tenant than the domain" in report
            await page.say(f"admin@{DOMAIN}")
            assert "no fault found" in await page.message("report:3")
            await expect(page.page.locator("input[type=password]")).to_have_count(0)
            assert (page.foreign, page.faults) == ([], [])


async def test_a_sign_in_by_a_code(tmp_path: Path) -> None:
    """The code is shown with its address, and nothing of what Microsoft gives for it is kept anywhere."""
    async with World(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND, person=PersonScript(name=f"hanako@{DOMAIN}", waits=2))
        settings = {"MIGCHECK_M365__AUTHORITY": f"https://{HOST}:{server.port}", "MIGCHECK_M365__CLIENT_ID": APP}
        async with running(world, tmp_path, MIGCHECK_LOG__LEVEL="DEBUG", **settings) as bot, chromium() as browser:
            page = await tab(await browser.new_context(locale="en-GB"), bot.origin)
            await page.say(f"Microsoft 365 {DOMAIN} {ADMIN}")
            await page.message("report:1")
            await page.page.get_by_role("button", name="Sign in with Microsoft").click()
            shown = await page.message("code:2")
            assert USER_CODE in shown
            assert ADMIN in shown
            link = page.page.get_by_role("link", name="https://microsoft.test/devicelogin")
            await expect(link).to_have_attribute("href", "https://microsoft.test/devicelogin")
            report = await page.message("report:2")
            assert "Another account than the named administrator signed in" in report
            seen = await page.page.content()
            await bot.end()
        written = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*")) + bot.log.read_bytes()
        keeps_tokens(server, seen + written.decode("latin-1"))
