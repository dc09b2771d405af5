"""The bot in this process, before a Lark of our own and mail servers of our own."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from bot.app import Bot, open_bot
from bot.settings import Settings
from tests.servers.lark import FakeLark
from tests.servers.practice import furnish
from tests.servers.world import World

Start = Callable[..., AbstractAsyncContextManager[Bot]]


def settings_for(world: World, lark: FakeLark, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    environment = {
        **world.environment,
        "MIGCHECK_WEB__LISTEN": "127.0.0.1:0",
        "MIGCHECK_LARK__ENABLED": "true",
        "MIGCHECK_LARK__BASE_URL": lark.base_url,
        "MIGCHECK_LARK__APP_ID": lark.app_id,
        "MIGCHECK_LARK__APP_SECRET": lark.app_secret,
        "MIGCHECK_LARK__ENCRYPT_KEY": lark.encrypt_key,
        "MIGCHECK_LARK__VERIFICATION_TOKEN": lark.verification_token,
        "MIGCHECK_ACCESS__ADMINS": '["ou_admin"]',
        **more,
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value) if value else monkeypatch.delenv(name, raising=False)
    return Settings()


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as world:
        yield world


@pytest.fixture
async def practice(world: World) -> World:
    await furnish(world)
    return world


@pytest.fixture
async def lark() -> AsyncIterator[FakeLark]:
    async with FakeLark() as lark:
        yield lark
        assert lark.faults == []


@pytest.fixture
def start(lark: FakeLark, practice: World, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the bot: `async with start() as bot`. Keywords are settings by their names in the environment."""

    @asynccontextmanager
    async def begin(mode: str = "webhook", **more: str) -> AsyncIterator[Bot]:
        if mode == "websocket":
            more |= {"MIGCHECK_LARK__MODE": "websocket", "MIGCHECK_LARK__ENCRYPT_KEY": ""}
        settings = settings_for(practice, lark, monkeypatch, **more)
        async with open_bot(settings) as bot:
            lark.delivery.url = None if mode == "websocket" else f"{bot.origin}/lark/events"
            if mode == "websocket":
                await lark.until(lambda: lark.sockets)
            await lark.until(lambda: lark.made("bot.info"))
            yield bot
            with contextlib.suppress(TimeoutError):
                await bot.conversation.settle()

    return begin
