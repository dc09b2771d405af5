"""The bot as a process of its own, so that it can be killed, and its log be read."""

import asyncio
import contextlib
import os
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.servers.slack import FakeSlack
from tests.servers.world import World


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Process:
    """A running bot. `log` is the file that it writes its standard error and output to."""

    def __init__(self, process: asyncio.subprocess.Process, origin: str, log: Path) -> None:
        self.process, self.origin, self.log = process, origin, log

    async def kill(self) -> None:
        """As a crash does it: no farewell."""
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def process(
    slack: FakeSlack,
    world: World,
    log: Path,
    *,
    mode: str = "http",
    port: int | None = None,
    more: Mapping[str, str] | None = None,
    strict: bool = True,
) -> AsyncIterator[Process]:
    port = port or free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MIGCHECK_")},
        **world.environment,
        "MIGCHECK_WEB__LISTEN": f"127.0.0.1:{port}",
        "MIGCHECK_SLACK__ENABLED": "true",
        "MIGCHECK_SLACK__MODE": mode,
        "MIGCHECK_SLACK__API_URL": slack.api_url,
        "MIGCHECK_SLACK__BOT_TOKEN": slack.bot_token,
        "MIGCHECK_SLACK__SIGNING_SECRET": slack.signing_secret,
        "MIGCHECK_SLACK__APP_TOKEN": slack.app_token,
        "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]',
        **(more or {}),
    }
    with log.open("ab") as out:
        bot = await asyncio.create_subprocess_exec(
            sys.executable,
            *(("-X", "dev") if strict else ()),
            "-m",
            "bot",
            "run",
            env=environment,
            stdout=out,
            stderr=out,
        )
    try:
        origin = f"http://127.0.0.1:{port}"
        await _ready(origin, bot, log)
        slack.delivery.url = f"{origin}/slack/events" if mode == "http" else None
        yield Process(bot, origin, log)
    finally:
        if bot.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                bot.terminate()
            await asyncio.wait_for(bot.wait(), 15)


async def _ready(origin: str, bot: asyncio.subprocess.Process, log: Path) -> None:
    async with asyncio.timeout(20), aiohttp.ClientSession() as session:
        while True:
            assert bot.returncode is None, log.read_text()
            with contextlib.suppress(aiohttp.ClientError):
                async with session.get(f"{origin}/readyz") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.05)
