"""The documentation's pictures, made again: `make screenshots`. The bot runs among the practice domains, without a network."""

import asyncio
import os
import re
import sys
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from tests.servers.practice import ALL_GOOD, CHAIN, furnish
from tests.servers.world import World

PICTURES = Path(__file__).parents[1] / "docs" / "images"
CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ADDRESS = "127.0.0.1:18980"
LOCALES = {"ja": "ja-JP", "en": "en-GB", "zh": "zh-CN"}


async def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    async with World() as world:
        await furnish(world)
        environment = {**os.environ, **world.environment, "MIGCHECK_WEB__LISTEN": ADDRESS}
        bot = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "bot", "run", env=environment, stderr=asyncio.subprocess.PIPE
        )
        try:
            assert bot.stderr is not None
            await bot.stderr.readline()
            async with async_playwright() as play:
                browser = await play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
                for lang in LOCALES:
                    await chat(browser, lang)
                await phone(browser)
                await browser.close()
        finally:
            bot.terminate()
            await bot.wait()


async def chat(browser: Browser, lang: str) -> None:
    """A fault in the certificate chain on a wide screen, its report page, and the password page."""
    context = await browser.new_context(locale=LOCALES[lang], viewport={"width": 1100, "height": 1000})
    page = await context.new_page()
    await ask(page, CHAIN.domain)
    report = page.locator("article", has=page.get_by_role("heading", name=re.compile(CHAIN.domain))).last
    await report.wait_for()
    await report.scroll_into_view_if_needed()
    await page.screenshot(path=PICTURES / f"chat-{lang}.png")
    await context.close()


async def phone(browser: Browser) -> None:
    """The good path up to the password field, on a phone in the dark."""
    context = await browser.new_context(
        locale="ja-JP", viewport={"width": 390, "height": 844}, color_scheme="dark", device_scale_factor=2
    )
    page = await context.new_page()
    await ask(page, ALL_GOOD.account)
    await page.locator("input[type=password]").wait_for()
    await page.locator("input[type=password]").scroll_into_view_if_needed()
    await page.screenshot(path=PICTURES / "phone-ja.png")
    await context.close()


async def ask(page: Page, words: str) -> None:
    await page.goto(f"http://{ADDRESS}/")
    await page.get_by_role("textbox").first.fill(words)
    await page.keyboard.press("Enter")


if __name__ == "__main__":
    asyncio.run(main())
