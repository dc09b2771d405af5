"""The whole way of a sign-in in a real browser: chat page, the bot's page, Microsoft, and back to the report."""

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.checks.test_m365 import ADMIN, DOMAIN, HOST, SOUND, serve
from tests.checks.test_m365_sign_in import keeps_tokens
from tests.handlers.process import _FLAGS, CHROMIUM, needs_chromium, running, tab
from tests.servers.identity import APP, APP_SECRET, AppScript, PersonScript
from tests.servers.world import World

pytestmark = [pytest.mark.browser, needs_chromium]


async def test_from_the_chat_page_to_microsoft_and_back(tmp_path: Path) -> None:
    async with World(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        world.domain(DOMAIN)
        server = await serve(world, tenants=SOUND, person=PersonScript(name=f"hanako@{DOMAIN}"))
        settings = {
            "MIGCHECK_M365__AUTHORITY": f"https://{HOST}:{server.port}",
            "MIGCHECK_M365__CLIENT_ID": APP,
            "MIGCHECK_M365__CLIENT_SECRET": APP_SECRET,
            "MIGCHECK_LOG__LEVEL": "DEBUG",
        }
        flags = [*_FLAGS, f"--host-resolver-rules=MAP {HOST} {server.host}"]
        async with running(world, tmp_path, **settings) as bot, async_playwright() as play:
            server.script = replace(server.script, app=AppScript(redirects=(f"{bot.origin}/m365/redirect",)))
            browser = await play.chromium.launch(executable_path=str(CHROMIUM), args=flags)
            context = await browser.new_context(locale="en-GB", ignore_https_errors=True)
            page = await tab(context, bot.origin)
            await page.say(f"Microsoft 365 {DOMAIN} {ADMIN}")
            await page.message("report:1")
            await page.page.get_by_role("button", name="Sign in with Microsoft").click()
            offer = page.page.locator('[data-key^="signin"]')
            async with context.expect_page() as opening:
                await offer.get_by_role("button", name="Sign in with Microsoft").click()
            other = await opening.value
            await expect(other.locator("body")).to_contain_text(ADMIN)
            await other.get_by_role("button", name="Go on to Microsoft").click()
            await other.wait_for_url(f"{bot.origin}/m365/done?lang=en", timeout=15_000)
            report = await page.message("report:2")
            assert "Another account than the named administrator signed in" in report
            assert await offer.get_by_role("button").count() == 0, "the offer is over"
            assert (page.foreign, page.faults) == ([], [])
            seen = await page.page.content()
            await browser.close()
            await bot.end()
        written = b"".join(path.read_bytes() for path in tmp_path.glob("store.db*")) + bot.log.read_bytes()
        said = seen + written.decode("latin-1")
        keeps_tokens(server, said)
        assert not any(word in said for word in (*server.codes, APP_SECRET))
