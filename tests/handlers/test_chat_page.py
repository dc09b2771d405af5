"""The local chat page in a real browser, before the bot as people run it."""

import asyncio
import json
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, expect

from tests.handlers.conftest import ACCOUNT, SECRET
from tests.handlers.process import BotProcess, Tab, chromium, needs_chromium, running, tab
from tests.leaks import find_leaks
from tests.servers.world import World

pytestmark = [pytest.mark.browser, needs_chromium, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sound() -> AsyncIterator[World]:
    """As in conftest.py, but one for all tests of this file: each person has cases of his own."""
    practice = json.dumps(["example.test|all is right here", *(f"practice-{n}.test" for n in range(8))])
    settings = {"MIGCHECK_DISCOVERY__ISPDB_URL": "", "MIGCHECK_WEB__SUGGESTIONS": practice}
    async with World(settings=settings) as world:
        world.domain("example.test")
        await world.imap("imap.example.test", accounts={ACCOUNT: SECRET})
        await world.smtp("smtp.example.test", accounts={ACCOUNT: SECRET})
        await world.black_hole("imap.hang.test", 993)
        yield world


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bot(sound: World, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BotProcess]:
    async with running(sound, tmp_path_factory.mktemp("bot")) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def mortal(sound: World, tmp_path: Path) -> AsyncIterator[BotProcess]:
    """A bot of the test's own, which may be stopped and killed."""
    async with running(sound, tmp_path, MIGCHECK_LOG__LEVEL="DEBUG") as made:
        yield made


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser that nobody has used yet."""
    made = await browser.new_context(locale="en-GB", viewport={"width": 1100, "height": 800})
    made.set_default_timeout(15_000)
    yield made
    await made.close()


@asynccontextmanager
async def opened(context: BrowserContext, bot: BotProcess) -> AsyncIterator[Tab]:
    """The chat page; at the end it has asked nobody else and nothing has failed in it."""
    made = await tab(context, bot.origin)
    yield made
    assert made.foreign == []
    assert made.faults == []


@pytest_asyncio.fixture(loop_scope="module")
async def page(bot: BotProcess, context: BrowserContext) -> AsyncIterator[Tab]:
    async with opened(context, bot) as made:
        yield made


@pytest_asyncio.fixture(loop_scope="module")
async def mortal_page(mortal: BotProcess, context: BrowserContext) -> AsyncIterator[Tab]:
    """The page of the bot that may be stopped and killed."""
    async with opened(context, mortal) as made:
        yield made


async def with_offer(page: Tab) -> None:
    await page.say(f"example.test {ACCOUNT}")
    await page.page.locator("input[type=password]").wait_for()


async def test_from_a_domain_to_a_report_with_log_in(mortal_page: Tab, mortal: BotProcess) -> None:
    await mortal_page.say("I want to migrate example.test")
    report = await mortal_page.message("report:1")
    assert "no fault found in the connection" in report
    assert "Log-in\n: Not run" in report
    await mortal_page.page.fill("form.ask input[name=account]", ACCOUNT)
    await mortal_page.page.press("form.ask input[name=account]", "Enter")
    field = mortal_page.page.locator("input[type=password]")
    await expect(field).to_be_focused()
    await expect(mortal_page.page.get_by_role("button", name=re.compile("password", re.IGNORECASE))).to_have_count(1)
    await field.fill(SECRET)
    await mortal_page.page.get_by_role("button", name=re.compile("password", re.IGNORECASE)).click()
    report = await mortal_page.message("report:2")
    assert "up to and including the log-in" in report
    assert "IMAP 1, SMTP 1" in report
    await expect(mortal_page.page.locator("input[type=password]")).to_have_count(0)
    await mortal.end()
    written = b"".join(path.read_bytes() for path in mortal.folder.glob("store.db*")) + mortal.log.read_bytes()
    seen = await mortal_page.page.content() + await mortal_page.page.evaluate(
        "JSON.stringify(history.state) + document.cookie + JSON.stringify({...localStorage, ...sessionStorage})"
    )
    for text in (written.decode(errors="replace"), seen, "\n".join(mortal_page.asked)):
        assert find_leaks(text, SECRET) == []
    assert not re.search(rb"/s/[\w-]{20}", written)


async def test_a_reload_shows_the_same(page: Tab) -> None:
    await page.say("example.test")
    before = await page.message("report:1")
    await page.message("ask")
    await page.page.reload()
    assert await page.message("report:1") == before
    await expect(page.page.get_by_role("log").locator("article.person")).to_have_count(1)
    await expect(page.page.locator("#cases a[aria-current=page]")).to_contain_text("example.test")


async def test_a_restart_of_the_bot_loses_nothing(mortal_page: Tab, mortal: BotProcess) -> None:
    await with_offer(mortal_page)
    await mortal_page.message("report:1")
    await mortal.end()
    await expect(mortal_page.page.locator("#state")).to_contain_text("Reconnecting")
    await mortal.start()
    await expect(mortal_page.page.locator("#state")).to_be_empty(timeout=15_000)
    await mortal_page.page.fill("input[type=password]", SECRET)
    await mortal_page.page.press("input[type=password]", "Enter")
    assert "up to and including the log-in" in await mortal_page.message("report:2")


async def test_a_bot_that_dies_in_the_middle_says_so(mortal_page: Tab, mortal: BotProcess) -> None:
    await mortal_page.say("hang.test imap.hang.test:993")
    await mortal_page.message("progress:1")
    await mortal.end(signal.SIGKILL)
    await mortal.start()
    told = await mortal_page.message("interrupted:1")
    assert "interrupted" in told.lower()
    await mortal_page.page.get_by_role("button", name="Check again").last.click()
    await mortal_page.message("progress:2")


async def test_by_keyboard_alone(page: Tab) -> None:
    keyboard = page.page.keyboard
    await expect(page.page.locator("#text")).to_be_focused()
    await keyboard.type(f"example.test {ACCOUNT}")
    await keyboard.press("Enter")
    await page.page.locator("input[type=password]").wait_for()
    await page.message("report:1")
    for _ in range(12):
        await keyboard.press("Shift+Tab")
        if await page.page.evaluate("document.activeElement.type === 'password'"):
            break
    await keyboard.type(SECRET)
    await keyboard.press("Enter")
    assert "up to and including the log-in" in await page.message("report:2")
    await expect(page.page.locator("#text")).to_be_focused()
    for _ in range(60):
        await keyboard.press("Shift+Tab")
        if await page.page.evaluate("document.activeElement.id === 'new'"):
            break
    await keyboard.press("Enter")
    await expect(page.page.get_by_role("heading", level=1)).to_be_visible()


async def test_enter_while_choosing_a_word_sends_nothing(page: Tab) -> None:
    """Enter ends the choice in an input method for Japanese or Chinese; only a later one sends."""
    text = page.page.locator("#text")
    await text.fill("れい")
    for extra in ({"isComposing": True}, {"keyCode": 229}):
        await text.dispatch_event("keydown", {"key": "Enter", "bubbles": True, "cancelable": True, **extra})
    await expect(text).to_have_value("れい")
    await page.page.press("#text", "Shift+Enter")
    await expect(text).to_have_value("れい\n")
    assert not [url for url in page.asked if "/chat/say" in url]
    await page.page.press("#text", "Enter")
    await page.page.locator("article.person").wait_for()


async def test_on_a_phone_nothing_is_cut_off(bot: BotProcess, browser: Browser) -> None:
    for lang, scheme in (("ja-JP", "light"), ("en-GB", "dark"), ("zh-CN", "light")):
        await on_a_phone(bot, browser, lang, scheme)


async def on_a_phone(bot: BotProcess, browser: Browser, lang: str, scheme: Literal["light", "dark"]) -> None:
    phone = await browser.new_context(locale=lang, viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = await tab(phone, bot.origin)
    await expect(page.page.get_by_role("heading", level=1)).to_be_in_viewport()
    await within(page)
    await page.say(f"example.test {ACCOUNT}")
    await page.message("report:1")
    await page.page.locator("input[type=password]").wait_for()
    await within(page)
    await page.page.locator("#drawer").click()
    await expect(page.page.locator("#new")).to_be_visible()
    await within(page)
    for path in ("/r/" + page.page.url.rpartition("#")[2], "/s/nothing"):
        await page.page.goto(bot.origin + path)
        await within(page)
    assert page.foreign == []


async def within(page: Tab) -> None:
    """Nothing is wider than the screen, and nothing that can be pressed is outside it."""
    wide = await page.page.evaluate(
        "[document.documentElement.scrollWidth, document.querySelector('#log')?.scrollWidth ?? 0]"
    )
    assert max(wide) <= 360
    out = "[...document.querySelectorAll('button, a, input, textarea')].filter((e) => e.checkVisibility() && !e.closest('.scroll') && e.getBoundingClientRect().right > 361).map((e) => e.outerHTML)"
    assert await page.page.evaluate(out) == []


async def test_colours_can_be_told_apart(bot: BotProcess, browser: Browser) -> None:
    """Text and its ground differ by 4.5 to 1 (WCAG 2.2, 1.4.3), in light and dark."""
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        seen = await browser.new_context(locale="en-GB", color_scheme=scheme)
        page = await tab(seen, bot.origin)
        await with_offer(page)
        await page.message("report:1")
        assert await page.page.evaluate(CONTRAST) == []


CONTRAST = """() => {
  const channel = (v) => ((v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length < 4 || c[3] > 0.99) return c;
    }
    return [255, 255, 255];
  };
  const bad = [];
  for (const e of document.querySelectorAll('body *')) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!own || !e.checkVisibility() || e.closest('.hidden, :disabled')) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.slice(0, 30)}`);
  }
  return bad;
}"""


async def test_names_and_roles(page: Tab) -> None:
    await with_offer(page)
    await page.message("report:1")
    await expect(page.page.get_by_role("log")).to_have_attribute("aria-live", "polite")
    await expect(page.page.get_by_role("textbox", name="Message")).to_be_visible()
    await expect(page.page.get_by_role("button", name="Send")).to_be_visible()
    await expect(page.page.get_by_label("Password", exact=False).first).to_be_visible()
    unnamed = "[...document.querySelectorAll('button, a, input, textarea, select')].filter((e) => !(e.textContent.trim() || e.labels?.length || e.ariaLabel)).length"
    assert await page.page.evaluate(unnamed) == 0
    twice = "[...document.querySelectorAll('[id]')].map((e) => e.id).filter((id, i, all) => all.indexOf(id) !== i)"
    assert await page.page.evaluate(twice) == []


async def test_what_a_server_says_is_shown_as_text(page: Tab, sound: World) -> None:
    hostile = '<img src=x onerror="document.title=1"><b>bold</b> \u202egnp.exe [link](https://evil.example)'
    sound.domain("evil.test")
    await sound.imap("imap.evil.test", accounts={}, greeting=f"* BYE {hostile}")
    await page.say("evil.test imap.evil.test")
    told = await page.message("report:1")
    assert "<b>bold</b>" in told
    assert "\u202e" not in told
    await expect(page.page.locator("#log img, #log b")).to_have_count(0)
    await expect(page.page.locator("#log a[href*=evil]")).to_have_count(0)


async def test_what_a_person_types_is_shown_as_text(page: Tab) -> None:
    await page.say('<script>document.title = "hit"</script><i>x</i> {{7*7}}')
    await page.page.locator("article.person").wait_for()
    assert "<i>x</i> {{7*7}}" in await page.page.locator("article.person").inner_text()
    await expect(page.page.locator("#log i")).to_have_count(0)
    assert await page.page.title() != "hit"


async def test_a_secret_in_the_talk_is_not_shown(mortal_page: Tab, mortal: BotProcess) -> None:
    await with_offer(mortal_page)
    await mortal_page.message("report:1")
    await mortal_page.say("Tr0ub4dor-and-3")
    await mortal_page.message("pasted")
    assert "Tr0ub4dor" not in await mortal_page.page.content()
    await mortal.end()
    written = b"".join(path.read_bytes() for path in mortal.folder.glob("store.db*")) + mortal.log.read_bytes()
    assert b"Tr0ub4dor" not in written


async def test_two_tabs(page: Tab, bot: BotProcess, context: BrowserContext) -> None:
    await with_offer(page)
    await page.message("report:1")
    other = await tab(context, page.page.url)
    other.origin = bot.origin
    await other.page.fill("input[type=password]", SECRET)
    await other.page.press("input[type=password]", "Enter")
    assert "up to and including the log-in" in await other.message("report:2")
    assert "up to and including the log-in" in await page.message("report:2")
    await expect(page.page.locator("input[type=password]")).to_have_count(0)
    assert other.foreign == []
    assert other.faults == []


async def test_cases_are_threads(page: Tab) -> None:
    await page.say("example.test")
    await page.message("report:1")
    await page.page.locator("#new").click()
    await page.say("help")
    await page.message("help")
    await expect(page.page.locator("#log article")).to_have_count(2)
    await expect(page.page.locator("#cases li")).to_have_count(2)
    await page.page.locator("#cases a", has_text="example.test").click()
    await page.message("report:1")
    await page.page.go_back()
    await page.message("help")


async def test_the_language_is_chosen_on_the_page(page: Tab) -> None:
    await page.say("example.test")
    await page.message("report:1")
    await page.page.get_by_role("link", name="日本語").click()
    await expect(page.page.get_by_role("button", name="送信")).to_be_visible()
    await page.message("report:1")
    await page.page.reload()
    await expect(page.page.get_by_role("button", name="新しいケース")).to_be_visible()


async def test_the_secret_page_works_without_scripts(
    bot: BotProcess, context: BrowserContext, browser: Browser
) -> None:
    page = await tab(context, bot.origin)
    await with_offer(page)
    await page.message("report:1")
    case = page.page.url.rpartition("#")[2]
    address = await page.page.evaluate(
        """async (one) => (await (await fetch("/chat/secret", {method: "POST", headers: {"Content-Type": "application/json"},
        body: JSON.stringify({id: "test-00000001", case: one})})).json()).address""",
        case,
    )
    plain = await browser.new_context(java_script_enabled=False, locale="en-GB")
    sheet = await plain.new_page()
    await sheet.goto(bot.origin + address)
    await sheet.get_by_label("Password").fill(SECRET)
    await sheet.get_by_role("button", name="password").click()
    await expect(sheet.get_by_role("heading", name="Taken")).to_be_visible()
    await sheet.goto(bot.origin + address)
    await expect(sheet.get_by_role("heading", name="over")).to_be_visible()
    assert "up to and including the log-in" in await page.message("report:2")


async def test_the_report_page_opens_for_its_person_alone(
    page: Tab, bot: BotProcess, context: BrowserContext, browser: Browser
) -> None:
    await page.say("example.test")
    await page.message("report:1")
    async with context.expect_page() as opened:
        await page.page.get_by_role("link", name="Open the full report").click()
    report = await opened.value
    await expect(report.get_by_role("heading", level=1)).to_contain_text("example.test")
    violations = await report.evaluate(
        "performance.getEntriesByType('resource').map((e) => e.name).filter((n) => !n.startsWith(location.origin))"
    )
    assert violations == []
    assert await report.evaluate("getComputedStyle(document.querySelector('.bar')).fill") != "rgb(0, 0, 0)", (
        "the style applies"
    )
    stranger = await browser.new_context()
    answer = await (await stranger.new_page()).goto(report.url)
    assert answer is not None
    assert answer.status == 404


async def test_it_stops_at_once_with_pages_open(mortal_page: Tab, mortal: BotProcess) -> None:
    await mortal_page.say("help")
    await mortal_page.message("help")
    begun = asyncio.get_running_loop().time()
    assert await mortal.end() == 0
    assert asyncio.get_running_loop().time() - begun < 4


async def test_a_suggestion_is_sent_when_it_is_pressed(page: Tab) -> None:
    await page.page.get_by_role("button", name="example.test").click()
    assert "no fault found" in await page.message("report:1")


async def test_a_settings_file_is_attached_and_compared(page: Tab, tmp_path: Path) -> None:
    settings = tmp_path / "autoconfig.xml"
    settings.write_text(
        '<?xml version="1.0"?><clientConfig version="1.1"><emailProvider id="example.test"><incomingServer type="imap">'
        "<hostname>mail.example.test</hostname><port>993</port><socketType>SSL</socketType></incomingServer>"
        "</emailProvider></clientConfig>",
        encoding="utf-8",
    )
    await page.page.set_input_files("#file", settings)
    compared = await page.message("compared:1")
    assert "mail.example.test" in compared
    await page.page.set_input_files("#file", {"name": "x.bin", "mimeType": "text/plain", "buffer": b"x" * 200_000})
    await expect(page.page.locator("#state")).to_contain_text("cannot be read")
