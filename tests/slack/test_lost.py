"""An answer of Slack's is lost, or the bot dies before it has noted it: what may be there is looked for, however long."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from handlers.slack.api import Api
from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.slack import Answer, FakeSlack, Person, Posted
from tests.servers.slack.state import ALL_SCOPES
from tests.servers.world import World
from tests.slack.conftest import Start
from tests.slack.running import free_port, process
from tests.slack.test_robust import _doubles

LOST = (Answer(after_effect=True, status=0), Answer(after_effect=True, status=503))
CHANNEL = "C0001"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that wait for ten minutes give up after half a second."""
    monkeypatch.setitem(Api.call.__kwdefaults__, "patience", 0.5)


class HoldingSlack(FakeSlack):
    """What is posted in CHANNEL is there, and nobody hears of it."""

    async def _api(self, request: web.Request) -> web.Response:
        answer = await super()._api(request)
        if self.calls[-1].method == "chat.postMessage" and self.calls[-1].args.get("channel") == CHANNEL:
            assert request.transport is not None
            await self.until(request.transport.is_closing)
        return answer

    async def in_channel(self, count: int) -> list[Posted]:
        found: list[Posted] = await self.until(lambda: len(self._shown()) >= count and self._shown())
        return found

    def _shown(self) -> list[Posted]:
        return [m for m in self.team.messages if m.channel == CHANNEL and not m.whom]


@pytest.fixture
async def holding() -> AsyncIterator[HoldingSlack]:
    async with HoldingSlack() as slack:
        yield slack
        assert slack.faults == []


async def share(person: Person) -> None:
    await person.presses(await person.report(), "share")
    await person.submits(await person.view("share"), channel=CHANNEL)


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lost", LOST)
async def test_the_first_message_is_looked_for_until_slack_can_be_asked(
    slack: FakeSlack, start: Start, lost: Answer
) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        slack.script["chat.postMessage"].append(lost)
        slack.script["conversations.history"].extend([Answer(status=503)] * 3)
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await bot.conversation.settle()
        assert _doubles(slack) == []
        seen = [m for m in ann.sees() if m.whom is None]
        assert {m.thread for m in seen} == {None, seen[0].ts}
        assert [m.thread for m in seen].count(None) == 1


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("lost", LOST)
async def test_a_message_in_the_thread_is_looked_for_until_slack_can_be_asked(
    slack: FakeSlack, start: Start, lost: Answer
) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        root = (await ann.report()).thread
        await bot.conversation.settle()
        slack.script["chat.postMessage"].append(lost)
        slack.script["conversations.replies"].extend([Answer(status=503)] * 3)
        await ann.says("help", thread=root)
        await ann.sees_with(words="explain")
        await bot.conversation.settle()
        assert _doubles(slack) == []


async def test_a_message_far_down_in_a_thread_is_found(slack: FakeSlack, start: Start) -> None:
    """For some apps an answer holds fifteen messages, a thread's first ones before its last."""
    slack.page = 2
    ann = slack.person("UADMIN")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        root = (await ann.report()).thread
        await bot.conversation.settle()
        assert len(ann.sees(thread=root)) > slack.page
        slack.script["chat.postMessage"].append(LOST[0])
        await ann.says("help", thread=root)
        await ann.sees_with(words="explain")
        await bot.conversation.settle()
        assert _doubles(slack) == []


@pytest.mark.usefixtures("impatient")
async def test_an_offer_is_there_once_and_its_link_opens(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start() as bot:
        await taro.command(ALL_GOOD.domain)
        root = (await taro.report()).thread
        await taro.sees_with("form.account")
        await bot.conversation.settle()
        slack.script["chat.postMessage"].append(LOST[0])
        slack.script["conversations.replies"].extend([Answer(status=503)] * 3)
        await taro.says(ALL_GOOD.account, thread=root)
        await taro.offer()
        await bot.conversation.settle()
        assert _doubles(slack) == []
        button = (await taro.offer()).action("secret")
        assert button is not None
        async with aiohttp.ClientSession() as session, session.get(button["url"]) as page:
            assert page.status == 200


@pytest.mark.usefixtures("impatient")
async def test_a_last_state_waits_longer_than_a_call_does(
    slack: FakeSlack, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four tries of ten minutes each are not all that Slack is given."""
    monkeypatch.setattr("handlers.delivery._LONGEST_PAUSE", 0.25)
    slack.streams = False
    ann = slack.person("UADMIN")
    async with start() as bot:
        slack.script["chat.update"].extend([Answer(status=503)] * 12)
        await ann.command(CERTIFICATE.domain)
        root = await ann.sees_with("cancel")
        await ann.report()
        await bot.conversation.settle()
        assert not slack.script["chat.update"]
        assert root.action("cancel") is None


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("more", [(), ("channels:history",)])
async def test_a_report_in_a_channel_is_there_once(slack: FakeSlack, start: Start, more: tuple[str, ...]) -> None:
    """The bot asks for no permission to read channels; where it has one all the same, it looks."""
    ann = slack.person("UADMIN")
    slack.grants[slack.bot_token].scopes = frozenset((*ALL_SCOPES, *more))
    slack.channel(CHANNEL, "UADMIN", "UBOT")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await bot.conversation.settle()
        slack.script["chat.postMessage"].append(LOST[0])
        slack.script["conversations.history"].extend([Answer(status=503)] * 3)
        await share(ann)
        await ann.sees_with(words="was shown there." if more else "before you share it again")
        assert len([m for m in slack.team.messages if m.channel == CHANNEL]) == 1


@pytest.mark.parametrize("more", [(), ("channels:history",)])
async def test_a_report_in_a_channel_is_there_once_over_a_crash(
    holding: HoldingSlack, practice: World, tmp_path: Path, more: tuple[str, ...]
) -> None:
    ann, port = holding.person("UADMIN"), free_port()
    holding.grants[holding.bot_token].scopes = frozenset((*ALL_SCOPES, *more))
    holding.channel(CHANNEL, "UADMIN", "UBOT")
    async with process(holding, practice, tmp_path / "log", port=port) as bot:
        await ann.command(CERTIFICATE.domain)
        await share(ann)
        await holding.in_channel(1)
        await bot.kill()
        await holding.tell()
    async with process(holding, practice, tmp_path / "log", port=port):
        await ann.sees_with(words="was shown there." if more else "before you share it again")
        assert len(await holding.in_channel(1)) == 1


async def test_an_answer_that_waits_for_slack_does_not_hold_up_the_end(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with asyncio.timeout(20), start():
        slack.script["users.info"].extend([Answer(status=503)] * 20)
        await ann.command("help")
        await slack.until(lambda: [call for call in slack.calls if call.method == "users.info"])
