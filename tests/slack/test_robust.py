"""Redeliveries, forgeries, waits that Slack asks for, lost answers, and people side by side."""

import asyncio
import itertools
import json
import time

import pytest

from bot.core.case import case_from_json
from bot.core.message import Message
from tests.servers.practice import ALL_GOOD, CERTIFICATE, CHAIN
from tests.servers.slack import Answer, FakeSlack
from tests.servers.slack.people import signed
from tests.servers.world import World
from tests.slack.conftest import Start, data_of


@pytest.mark.parametrize("fault", ["unsigned", "forged", "stale", "other secret", "garbage"])
async def test_forged_and_stale_requests_have_no_effect(slack: FakeSlack, start: Start, fault: str) -> None:
    ann = slack.person("UADMIN")
    raw = f"team_id=T0001&user_id=UADMIN&channel_id={ann.im}&command=%2Fmigcheck&text={ALL_GOOD.domain}&trigger_id=1.2"
    good = signed(slack.signing_secret, raw)
    headers = {
        "unsigned": {},
        "forged": good | {"X-Slack-Signature": "v0=" + "0" * 64},
        "stale": signed(slack.signing_secret, raw, time.time() - 400),
        "other secret": signed("another", raw),
        "garbage": {"X-Slack-Request-Timestamp": "soon", "X-Slack-Signature": "x"},
    }[fault]
    async with start() as bot:
        ack = await ann.post(raw, headers | {"Content-Type": "application/x-www-form-urlencoded"})
        assert ack.status >= 400
        assert await bot.store.cases_of("slack:T0001:UADMIN") == []
        assert slack.calls == []


@pytest.mark.parametrize(
    "body", ["{", "[]", "null", '{"type": "event_callback"}', '{"type":"block_actions"}', "\ufffd"]
)
async def test_a_signed_request_that_makes_no_sense_ends_nothing(slack: FakeSlack, start: Start, body: str) -> None:
    ann = slack.person("UADMIN")
    async with start():
        headers = signed(slack.signing_secret, body) | {"Content-Type": "application/json"}
        await ann.post(body, headers)
        assert (await ann.command("help")).status == 200


async def test_plans_that_other_nodes_end_are_not_remembered_for_ever(
    slack: FakeSlack, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlers.slack.plans._REMEMBERED", 2)
    ann = slack.person("UADMIN")
    async with start() as bot:
        for number in range(3):
            await ann.command(CERTIFICATE.domain)
            await ann.report(number)
        port = bot.conversation._delivery._effects._ports["slack"]
        rows = await bot.store.cases_of("slack:T0001:UADMIN")
        message = Message("The check runs.", (), {"progress": "running"})
        for row in rows:  # begun here, and nothing more of them is heard
            assert (await port.post(case_from_json(row.state), "progress:9", message, again=False)).endswith("/stream")
        assert len(port._plans._told) == len(port._begun) == 2


async def test_two_peoples_cases_never_mix(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("U0001", email=f"ann@{CERTIFICATE.domain}", locale="en-US")
    bob = slack.person("U0002", email=f"bob@{CHAIN.domain}", locale="ja-JP")
    async with start():
        await asyncio.gather(ann.command(CERTIFICATE.domain), bob.command(CHAIN.domain))
        hers, his = await asyncio.gather(ann.report(), bob.report())
        assert (data_of(hers)["cause"], data_of(his)["cause"]) == (CERTIFICATE.code, CHAIN.code)
        assert CHAIN.domain not in str([m.text for m in ann.sees()])
        await ann.sees_with("form.account")  # the last that comes of it
        before = len(ann.sees())
        await bob.presses(hers, "recheck")
        await bob.presses(hers, "servers")
        await slack.until(lambda: [m for m in slack.team.messages if m.whom == "U0002"])
        assert len(ann.sees()) == before
        assert slack.team.views == {}


async def test_the_same_account_in_two_workspaces_is_two_people(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        raw = json.dumps({"type": "block_actions", "user": {"id": "UADMIN", "team_id": "T0666"}, "team": {"id": "T0666"}, "trigger_id": "9.9",
                          "actions": [{"action_id": "migcheck.recheck", "block_id": "b", "type": "button", "value": f"{data_of(report)['case']}/report:1", "action_ts": "1.0"}]})  # fmt: skip
        body = "payload=" + __import__("urllib.parse").parse.quote(raw)
        await ann.post(body, signed(slack.signing_secret, body) | {"Content-Type": "application/x-www-form-urlencoded"})
        await bot.conversation.settle()
        assert len([m for m in ann.sees() if (m.metadata or {}).get("event_type") == "migcheck_report"]) == 1


async def test_edits_bots_and_other_channels_are_no_messages(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    slack.channel("C0001", "UADMIN", "UBOT")
    async with start() as bot:
        await ann.says(ALL_GOOD.domain, subtype="message_changed")
        await ann.says(ALL_GOOD.domain, bot_id="BOTHER")
        await ann.says(ALL_GOOD.domain, channel="C0001")
        assert await bot.store.cases_of("slack:T0001:UADMIN") == []


async def test_updates_come_no_oftener_than_once_a_second_and_the_last_arrives(
    slack: FakeSlack, start: Start, world: World
) -> None:
    slack.streams = False
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(ALL_GOOD.domain)
        await ann.report()
        root = ann.sees()[0]
        assert root.action("cancel") is None
        running = [c.at for c in slack.made("chat.update") if "cancel" in str(c.args["blocks"])]
        gaps = [later - sooner for sooner, later in itertools.pairwise(running)]
        assert all(gap > 0.9 for gap in gaps)


def _typed(channel: str, ts: str, text: str):
    from tests.servers.slack import Posted  # noqa: PLC0415

    return Posted(channel, ts, text, [], author="UADMIN")


def _doubles(slack: FakeSlack) -> list[str]:
    names = [
        m.blocks[0]["block_id"] for m in slack.team.messages if m.blocks and "block_id" in m.blocks[0] and not m.whom
    ]
    return [name for name in names if names.count(name) > 1]


@pytest.mark.parametrize(
    "error", ["invalid_blocks", "msg_blocks_too_long", "invalid_metadata_format", "thread_not_found"]
)
async def test_a_message_of_which_slack_refuses_a_part_is_said_in_words(
    slack: FakeSlack, start: Start, error: str
) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(CERTIFICATE.domain)
        await ann.sees_with()
        slack.script["chat.postMessage"].append(Answer(error=error))
        await ann.sees_with(words="What to do" if "blocks" in error else "Check again")


async def test_a_workspace_that_removed_the_bot_ends_nothing(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        slack.script["chat.postMessage"].extend([Answer(error="account_inactive")] * 4)
        await ann.command(CERTIFICATE.domain)
        assert (await ann.command("help")).status == 200
