"""Microsoft 365 on the local chat page: the administrator's address is asked for, and nothing that is secret."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.checks.test_m365 import DOMAIN, FABRIKAM, HOST, OTHER, serve
from tests.handlers.process import chromium, needs_chromium, running, tab
from tests.servers.identity import TenantScript
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
