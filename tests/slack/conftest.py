"""The bot in this process, before a Slack of our own and mail servers of our own."""

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest

from bot.app import Bot, open_bot
from bot.settings import Settings
from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.stories.slack import settings_of
from tests.stories.stage import settings_in

Start = Callable[..., AbstractAsyncContextManager[Bot]]


def settings_for(world: World, slack: FakeSlack, monkeypatch: pytest.MonkeyPatch, **more: str) -> Settings:
    common = {"MIGCHECK_WEB__LISTEN": "127.0.0.1:0", "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]'}
    return settings_in({**world.environment, **common, **settings_of(slack), **more}, monkeypatch)


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
        settings = settings_for(practice, slack, monkeypatch, **{**settings_of(slack, mode), **more})
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
