"""The bot as a process of its own, so that it can be killed, and its log be read."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Process:
    """A running bot. `log` is the file that it writes its standard error and output to."""

    process: asyncio.subprocess.Process
    origin: str
    log: Path

    async def kill(self) -> None:
        """As a crash does it: no farewell."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def process(settings: Mapping[str, str], port: int, log: Path, *, strict: bool = False) -> AsyncIterator[Process]:
    """`python -m bot run` with these settings alone; ready when this begins, told to stop at its end."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("MIGCHECK_")}
    options = ("-X", "dev") if strict else ()
    with log.open("ab") as out:
        bot = await asyncio.create_subprocess_exec(
            *(sys.executable, *options, "-m", "bot", "run"), env={**inherited, **settings}, stdout=out, stderr=out
        )
    try:
        origin = f"http://127.0.0.1:{port}"
        await _ready(origin, bot, log)
        yield Process(bot, origin, log)
    finally:
        if bot.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                bot.send_signal(signal.SIGTERM)
            await asyncio.wait_for(bot.wait(), 30)


async def _ready(origin: str, bot: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            assert bot.returncode is None, log.read_text()
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{origin}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
