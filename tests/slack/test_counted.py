"""What operators count: Slack's errors, forged requests, messages shown, runs that a limit refused, our own faults."""

import asyncio

import pytest

from bot.metrics import REGISTRY
from handlers.slack.chat import SlackPort
from tests.servers.practice import ALL_GOOD
from tests.servers.slack import Answer, FakeSlack
from tests.slack.conftest import Start


def count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(f"migcheck_{name}_total", labels) or 0.0


async def test_messages_and_slacks_errors_are_counted(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    kinds = ("rate_limited", "server", "refused")
    before = {kind: count("platform_errors", platform="slack", kind=kind) for kind in kinds}
    posts = count("deliveries", platform="slack", kind="post", outcome="shown")
    slack.script["chat.postMessage"] += [Answer(status=429, retry_after=0), Answer(status=503)]
    slack.script["conversations.info"].append(Answer(error="missing_scope"))
    async with start() as bot:
        await ann.says(ALL_GOOD.domain)
        report = await ann.report()
        await ann.presses(report, "share")
        await ann.submits(await ann.view("share"), channel=slack.channel("C0001", "UADMIN", "UBOT"))
        await bot.conversation.settle()
    assert all(count("platform_errors", platform="slack", kind=kind) > before[kind] for kind in kinds)
    assert count("deliveries", platform="slack", kind="post", outcome="shown") >= posts + 2


async def test_a_forged_request_is_counted(slack: FakeSlack, start: Start) -> None:
    before = count("requests_refused", platform="slack")
    async with start():
        assert (await slack.person("UADMIN").post("text=x", {})).status == 401
    assert count("requests_refused", platform="slack") == before + 1


async def test_a_refused_run_is_counted(slack: FakeSlack, start: Start) -> None:
    ann, before = slack.person("UADMIN"), count("limits_refused", kind="checks")
    async with start(MIGCHECK_LIMITS__CHECKS_PER_PERSON='["1/1h"]') as bot:
        await ann.says(ALL_GOOD.domain)
        await ann.report()
        await ann.says(ALL_GOOD.domain)
        async with asyncio.timeout(10):
            while count("limits_refused", kind="checks") == before:
                await asyncio.sleep(0.02)
        await bot.conversation.settle()


async def test_a_message_that_is_given_up_is_counted_with_its_fault(
    slack: FakeSlack, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> str:
        raise KeyError("a fault of ours")

    monkeypatch.setattr(SlackPort, "post", broken)
    monkeypatch.setattr("handlers.delivery._FIRST_PAUSE", 0.001)
    given_up = {"platform": "slack", "kind": "post", "outcome": "given_up"}
    before, faults = count("deliveries", **given_up), count("faults")
    async with start() as bot:
        await slack.person("UADMIN").says("help")
        async with asyncio.timeout(10):
            while count("deliveries", **given_up) == before:
                await asyncio.sleep(0.02)
        await bot.conversation.settle()
    assert count("faults") >= faults + 4
