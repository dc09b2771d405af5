"""The bot in this process, before a Lark of our own and mail servers of our own."""

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pytest

from bot.app import Bot, open_bot
from bot.settings import Settings
from tests.servers.lark import FakeLark
from tests.servers.world import World
from tests.stories.lark import settings_of
from tests.stories.stage import settings_in

Start = Callable[..., AbstractAsyncContextManager[Bot]]


def settings_for(world: World, lark: FakeLark, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    common = {"MIGCHECK_WEB__LISTEN": "127.0.0.1:0", "MIGCHECK_ACCESS__ADMINS": '["ou_admin"]'}
    return settings_in({**world.environment, **common, **settings_of(lark), **more}, monkeypatch)


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
        settings = settings_for(practice, lark, monkeypatch, **{**settings_of(lark, mode), **more})
        async with open_bot(settings) as bot:
            lark.delivery.url = None if mode == "websocket" else f"{bot.origin}/lark/events"
            if mode == "websocket":
                await lark.until(lambda: lark.sockets)
            await lark.until(lambda: lark.made("bot.info"))
            yield bot
            with contextlib.suppress(TimeoutError):
                await bot.conversation.settle()

    return begin
