"""`run`: how it starts, what it prints, how it ends."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bot.app import _elsewhere
from bot.core.case import Case
from bot.core.events import Typed
from bot.store.rows import StoreError
from tests.handlers.conftest import Launch, settings_for
from tests.handlers.process import BotProcess, running
from tests.servers.world import World


async def run(world: World, *arguments: str, **settings: str) -> tuple[int, str]:
    """A start that does not succeed: exit status and words."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "run", *arguments),
        env={**os.environ, **world.environment, **settings},
        stderr=asyncio.subprocess.PIPE,
    )
    _, words = await asyncio.wait_for(process.communicate(), 20)
    return process.returncode or 0, words.decode()


async def test_it_prints_one_line_and_stops_when_told(world: World, tmp_path: Path) -> None:
    async with running(world, tmp_path) as bot, aiohttp.ClientSession() as session:
        assert (await session.get(f"{bot.origin}/readyz")).status == 200
        (line,) = bot.log.read_text().splitlines()
        assert f"{bot.origin}/" in line
        assert await bot.end(signal.SIGTERM) == 0
        assert bot.log.read_text().splitlines() == [line]


async def test_a_port_in_use(world: World, tmp_path: Path) -> None:
    async with running(world, tmp_path) as bot:
        status, words = await run(world, MIGCHECK_WEB__LISTEN=bot.address)
    assert status == 2
    assert "in use" in words
    assert "Traceback" not in words


async def test_a_store_that_cannot_be_opened(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    status, words = await run(
        world, MIGCHECK_WEB__LISTEN="127.0.0.1:0", MIGCHECK_STORE__URL=f"sqlite:///{tmp_path}/file/store.db"
    )
    assert status == 2
    assert "store" in words
    assert "Traceback" not in words


@pytest.mark.parametrize("chat", [None, True])
def test_a_worker_knows_the_chat_page_wherever_it_listens_itself(
    world: World, tmp_path: Path, chat: bool | None
) -> None:
    """Otherwise it would take people of the chat page for strangers, or not start for want of their token."""
    settings = settings_for(world, tmp_path, listen="0.0.0.0:0", chat=chat)
    assert _elsewhere(settings)["web"].open_to_all


async def test_a_chat_page_for_everybody_without_a_token(world: World) -> None:
    status, words = await run(world, MIGCHECK_WEB__LISTEN="0.0.0.0:0", MIGCHECK_WEB__CHAT="true")
    assert status == 2
    assert "chat_token" in words


@pytest.mark.parametrize("form", ["console", "json"])
async def test_no_token_reaches_the_log(world: World, tmp_path: Path, form: str) -> None:
    token = "q3mX_9-aBcDeFgHiJkLmNo"
    settings = {"MIGCHECK_LOG__LEVEL": "DEBUG", "MIGCHECK_LOG__FORMAT": form}
    async with running(world, tmp_path, **settings) as bot, aiohttp.ClientSession() as session:
        for path in (f"/s/{token}", f"/r/K7QF-2M?k={token}", f"/%s/{token}"):
            await session.get(bot.origin + path)
            await session.post(bot.origin + path, data={"secret": token})
        await _garbage(bot, token)
        await bot.end()
        assert token not in bot.log.read_text()


async def _garbage(bot: BotProcess, token: str) -> None:
    """A request that no server can read."""
    host, _, port = bot.address.partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(f"POST /s/{token} HTTP/9.9\r\nHost {token}\r\n\r\n".encode())
    await reader.read()
    writer.close()
    await writer.wait_closed()


async def test_what_was_stored_without_anybody_hearing_of_it_is_gone_on_with(
    sound: World, launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is cut off after it has kept an event and its effects, and before it says so: there are no jobs."""
    monkeypatch.setattr("bot.app.SWEEP_EVERY", 0.1)
    monkeypatch.setattr("bot.app.SWEPT_AGE", 0.5)
    case = Case("K7QF-2M", "web:hanako", "web", "", "en", admin=True)
    async with launch() as bot:
        take = bot.store.take

        async def cut_off(*values: Any, **more: Any) -> None:
            monkeypatch.setattr(bot.store, "take", take)
            await take(*values, **more)
            raise StoreError("the connection was cut")

        monkeypatch.setattr(bot.store, "take", cut_off)
        with pytest.raises(StoreError):
            await bot.conversation.handle("e1", case, Typed("example.test"))
        assert not await bot.conversation.handle("e1", case.id, Typed("example.test")), "it has come before"
        async with asyncio.timeout(10):
            while (row := await bot.store.case(case.id)) is None or row.state["phase"] != "reported":
                await asyncio.sleep(0.05)
        await bot.conversation.settle()
        assert await bot.store.message(case.id, "report:1") is not None
