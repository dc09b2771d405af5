"""The documentation's pictures of a report in Slack and in Lark, taken from the page."""

from pathlib import Path

from playwright.async_api import async_playwright

from bot.core.model import LANGS
from tests.screenshots import CHROMIUM, FLAGS, LOCALES, PICTURES

KIND = "report_fail"
_WIDTH = 2000
"""Each of the three columns is then about as wide as a message on a usual screen."""


async def take(page: Path) -> list[Path]:
    """Take the pictures, and say where they are."""
    taken = []
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        for lang in LANGS:
            context = await browser.new_context(
                locale=LOCALES[lang], viewport={"width": _WIDTH, "height": 1200}, device_scale_factor=1.25
            )
            shown = await context.new_page()
            await shown.goto(page.as_uri())
            await shown.add_style_tag(content=".pv-where { display: none }")
            for surface in ("slack", "lark"):
                picture = PICTURES / f"{surface}-report-{lang}.png"
                await shown.locator(f"[id='{KIND}-{lang}-{surface}']").screenshot(path=picture)
                taken.append(picture)
            await context.close()
        await browser.close()
    return taken
