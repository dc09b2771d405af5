"""The bot as a process of its own, as people run it, and a browser before it."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tests.servers.world import World

CHROMIUM = Path("/usr/bin/chromium")
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
needs_chromium = pytest.mark.skipif(
    not CHROMIUM.exists() and not os.environ.get("CI"), reason="Chromium is not installed (apt-get install chromium)"
)


class BotProcess:
    """`python -m bot run` in a world. Started again it finds the store of before; `log` holds all that it wrote."""

    def __init__(self, world: World, folder: Path, **settings: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.origin, self.folder, self.log = f"http://{self.address}", folder, folder / "bot.log"
        store = {"MIGCHECK_STORE__URL": f"sqlite:///{folder}/store.db", "MIGCHECK_WEB__LISTEN": self.address}
        self._settings = {**store, **settings}
        self._world = world
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Until the bot has said where it is."""
        environment = {**os.environ, **self._world.environment, **self._settings}
        before = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run", env=environment, stdout=log, stderr=log
            )
        async with asyncio.timeout(20):
            while self.origin.encode() not in self.log.read_bytes()[before:]:
                assert self._process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.05)

    async def end(self, number: int = signal.SIGTERM) -> int:
        """Stop it, or kill it; its exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(number)
        return await asyncio.wait_for(self._process.wait(), 20)


@asynccontextmanager
async def running(world: World, folder: Path, **settings: str) -> AsyncIterator[BotProcess]:
    bot = BotProcess(world, folder, **settings)
    await bot.start()
    try:
        yield bot
    finally:
        await bot.end(signal.SIGKILL)


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as play:
        browser = await play.chromium.launch(executable_path=str(CHROMIUM), args=_FLAGS)
        try:
            yield browser
        finally:
            await browser.close()


class Tab:
    """One page of a browser, with everything that it asked for and complained about."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.asked: list[str] = []
        self.faults: list[str] = []
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    async def say(self, text: str) -> None:
        await self.page.fill("#text", text)
        await self.page.press("#text", "Enter")

    async def message(self, key: str) -> str:
        """Wait for a message by the beginning of its name; its words."""
        found = self.page.locator(f'[data-key^="{key}"]').last
        await found.wait_for(timeout=15_000)
        return await found.inner_text()

    @property
    def foreign(self) -> list[str]:
        """Requests to anywhere else."""
        return [url for url in self.asked if not url.startswith((self.origin, "data:"))]


async def tab(context: BrowserContext, origin: str) -> Tab:
    made = Tab(await context.new_page(), origin)
    await made.page.goto(origin)
    return made
