"""A store that goes away between the two writes of a new case: the thread is kept, the case is not yet."""

from typing import Any

import pytest

from bot.app import open_bot
from bot.settings import Settings
from bot.store.rows import StoreError
from handlers.conversation import Conversation
from tests.servers.lark import FakeLark
from tests.servers.lark.people import Person as LarkPerson
from tests.servers.practice import CERTIFICATE
from tests.servers.slack import FakeSlack, Posted
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.stories import lark as lark_stories
from tests.stories import slack as slack_stories
from tests.stories.stage import settings_in


@pytest.fixture
def away_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first event of all is refused."""
    handle, refused = Conversation.handle, list[bool]()

    async def moody(self: Conversation, *args: Any, **named: Any) -> bool:
        if not refused:
            refused.append(True)
            raise StoreError("away")
        return await handle(self, *args, **named)

    monkeypatch.setattr(Conversation, "handle", moody)


def settings(world: World, monkeypatch: pytest.MonkeyPatch, more: dict[str, str]) -> Settings:
    common = {"MIGCHECK_WEB__LISTEN": "127.0.0.1:0", "MIGCHECK_ACCESS__ADMINS": '["UADMIN", "ou_admin"]'}
    return settings_in({**world.environment, **common, **more}, monkeypatch)


@pytest.mark.usefixtures("away_once")
async def test_slack_delivers_again_what_begins_a_case(
    slack: FakeSlack, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_bot(settings(world, monkeypatch, slack_stories.settings_of(slack))) as bot:
        slack.delivery.url = f"{bot.origin}/slack/events"
        ann = slack.person("UADMIN")
        sent = {"type": "message", "channel_type": "im", "user": ann.id, "text": CERTIFICATE.domain, "channel": ann.im}
        root = said_by(slack, ann.im)
        first = await ann.event(sent | {"ts": root, "event_ts": root, "team": "T0001"})
        assert first.status == 500
        assert (await ann.again(first)).status == 200
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code
        assert (await ann.again(first, 2)).status == 200
        await bot.conversation.settle()
        assert len(await bot.store.cases_of("slack:T0001:UADMIN")) == 1


def said_by(slack: FakeSlack, channel: str) -> str:
    message = Posted(channel, slack.team.ts(), CERTIFICATE.domain, [], author="UADMIN")
    slack.team.messages.append(message)
    return message.ts


@pytest.mark.usefixtures("away_once")
async def test_lark_delivers_again_what_begins_a_case(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeLark() as lark, open_bot(settings(world, monkeypatch, lark_stories.settings_of(lark))) as bot:
        lark.delivery.url = f"{bot.origin}/lark/events"
        ann = Remembering(lark, "ou_admin", lark.tenant)
        lark.person("ou_admin")
        await ann.says(CERTIFICATE.domain)
        assert ann.acks[0].status >= 500
        assert (await ann.again(ann.acks[0])).status == 200
        await ann.report()
        await bot.conversation.settle()
        assert len(await bot.store.cases_of(f"lark:{lark.tenant}:ou_admin")) == 1
        assert lark.faults == []


class Remembering(LarkPerson):
    """Keeps how each request was answered."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.acks: list[Any] = []

    async def deliver(self, body: dict[str, Any]) -> Any:
        ack = await super().deliver(body)
        self.acks.append(ack)
        return ack
