"""The bot in this process, before a Slack of our own and mail servers of our own."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from bot.app import Bot, open_bot
from bot.settings import Settings
from tests.servers.practice import furnish
from tests.servers.slack import FakeSlack
from tests.servers.world import World

Start = Callable[..., AbstractAsyncContextManager[Bot]]


def settings_for(world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    environment = {
        **world.environment,
        "MIGCHECK_WEB__LISTEN": "127.0.0.1:0",
        "MIGCHECK_SLACK__ENABLED": "true",
        "MIGCHECK_SLACK__API_URL": slack.api_url,
        "MIGCHECK_SLACK__BOT_TOKEN": slack.bot_token,
        "MIGCHECK_SLACK__SIGNING_SECRET": slack.signing_secret,
        "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]',
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
async def slack() -> AsyncIterator[FakeSlack]:
    async with FakeSlack() as slack:
        yield slack
        assert slack.faults == []


@pytest.fixture
def start(slack: FakeSlack, practice: World, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start the bot: `async with start() as bot`. Keywords are settings by their names in the environment."""

    @asynccontextmanager
    async def begin(mode: str = "http", **more: str) -> AsyncIterator[Bot]:
        if mode == "socket":
            more |= {
                "MIGCHECK_SLACK__MODE": "socket",
                "MIGCHECK_SLACK__APP_TOKEN": slack.app_token,
                "MIGCHECK_SLACK__SIGNING_SECRET": "",
            }
        settings = settings_for(practice, slack, monkeypatch, **more)
        async with open_bot(settings) as bot:
            if mode == "socket":
                await slack.until(lambda: slack.sockets)
                slack.delivery.url = None
            else:
                slack.delivery.url = f"{bot.origin}/slack/events"
            yield bot
            with contextlib.suppress(TimeoutError):
                await bot.conversation.settle()

    return begin


def data_of(message: Any) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(json.dumps(message.metadata))["event_payload"]
    return payload
