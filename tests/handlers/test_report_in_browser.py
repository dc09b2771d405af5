"""The report page in a real browser: its drawing, and what is copied for support; and the file that the chat page gives."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.handlers.process import chromium, needs_chromium, running, tab
from tests.servers.world import World

pytestmark = [pytest.mark.browser, needs_chromium]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_drawing_is_seen_and_the_text_is_copied(world: World, tmp_path: Path, scheme: str) -> None:
    world.domain("example.test")
    await world.imap("imap.example.test", greeting="* BYE not today")
    await world.smtp("smtp.example.test")
    async with running(world, tmp_path) as bot, chromium() as browser:
        context = await browser.new_context(
            locale="en-GB", color_scheme=scheme, permissions=["clipboard-read", "clipboard-write"]
        )
        faults: list[str] = []
        context.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
        page = await tab(context, bot.origin)
        await page.say("example.test")
        await page.message("report:1")
        async with page.page.expect_download() as file:
            await page.page.get_by_role("link", name="For support (file)").click()
        assert "greeting.refused" in (await (await file.value).path()).read_text(encoding="utf-8")
        async with context.expect_page() as opened:
            await page.page.get_by_role("link", name="Open the full report").click()
        report = await opened.value
        drawing = report.get_by_role("img", name="The path of the check")
        await expect(drawing).to_be_visible()
        ground = await drawing.locator(".card").first.evaluate("(part) => getComputedStyle(part).fill")
        assert (ground == "rgb(255, 255, 255)") == (scheme == "light"), "the page's colours, not those of the picture"
        await report.get_by_role("button", name="Copy the text").click()
        await expect(report.get_by_role("button", name="Copied")).to_be_visible()
        copied = await report.evaluate("navigator.clipboard.readText()")
        assert copied == await report.locator("#support-text").inner_text()
        assert "greeting.refused" in copied
        async with report.expect_download() as saved:
            await report.get_by_role("link", name="Picture (PNG)").click()
        assert (await (await saved.value).path()).read_bytes().startswith(b"\x89PNG")
        assert faults == []
