"""What a story has in Slack alone; the stories that every surface has are in tests/stories."""

import pytest

from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE, CHAIN, SERVER_DOWN
from tests.servers.slack import FakeSlack, Posted
from tests.slack.conftest import Start, data_of
from tests.stories.pages import type_secret


@pytest.mark.parametrize("mode", ["http", "socket"])
async def test_a_command_leads_to_a_report_in_a_thread_of_ones_own(slack: FakeSlack, start: Start, mode: str) -> None:
    ann = slack.person("UADMIN", email="ann@example.test")
    channel = slack.channel("C0001", "UADMIN")
    async with start(mode):
        ack = await ann.command(CHAIN.domain, channel)
        assert ack.status == 200
        report = await ann.report()
        assert data_of(report) == {
            "case": data_of(report)["case"],
            "verdict": "fail",
            "failing_step": "imap.tls",
            "cause": CHAIN.code,
        }
        answer = await ann.sees_with(words="direct conversation", channel=channel)
        root = ann.sees()[0]
        assert answer.whom == "UADMIN"
        assert report.thread == root.ts
        assert f"/archives/{ann.im}/p{root.ts.replace('.', '')}" in answer.text
        assert [m for m in slack.team.messages if m.channel == channel and m.whom is None] == []
        assert CHAIN.domain in report.text
        assert len(slack.made("chat.update")) >= 2, "the message is updated as steps finish"
        assert root.action("cancel") is None, "the last state has no button any more"


@pytest.mark.parametrize("streams", [True, False])
async def test_a_direct_message_leads_through_account_and_secret_to_a_log_in(
    slack: FakeSlack, start: Start, streams: bool
) -> None:
    slack.streams = streams
    taro = slack.person("U0001", email=APP_PASSWORD.account, locale="ja-JP")
    async with start():
        root = await taro.says(APP_PASSWORD.domain)
        first = await taro.report()
        assert first.thread == root
        assert data_of(first)["verdict"] == "pass"
        asked = await taro.sees_with("form.account")
        assert "パスワード" in asked.text
        await taro.says(APP_PASSWORD.account, thread=root)
        offer = await taro.offer()
        button = offer.action("secret")
        assert button is not None
        assert "/s/" in button["url"]
        assert await type_secret(button["url"], "hello") == 200
        second = await taro.report(1)
        assert data_of(second)["cause"] == APP_PASSWORD.code
        assert {m.thread for m in taro.sees()} == {root}
        plans = [m for m in taro.sees() if m.tasks]
        assert len(plans) == (2 if streams else 0)
        if streams:
            assert plans[0].stream == "done"
            left_out = {name for name, task in plans[0].tasks.items() if task["status"] == "pending"}
            assert left_out
            assert {"complete"} == {task["status"] for name, task in plans[0].tasks.items() if name not in left_out}
            assert all(("未実施" in task["title"]) == (name in left_out) for name, task in plans[0].tasks.items())
            assert plans[1].tasks["imap.login"]["status"] == "error"


async def test_a_direct_command_needs_no_second_answer_in_a_channel(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(ALL_GOOD.domain)
        await ann.report()
        await ann.sees_with(words="direct conversation")


async def test_a_form_opened_in_a_channel_leads_to_the_direct_conversation(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", email=f"ann@{ALL_GOOD.domain}")
    channel = slack.channel("C0001", "UADMIN")
    async with start():
        await ann.command("", channel)
        ack = await ann.submits(await ann.view("form.start"), domain=ALL_GOOD.domain, scenario="manual")
        assert ack.body == ""
        assert data_of(await ann.report())["verdict"] == "pass"
        answer = await ann.sees_with(words="direct conversation", channel=channel)
        assert answer.whom == "UADMIN"


async def test_history_in_a_channel_is_for_one_person_and_links_to_the_threads(slack: FakeSlack, start: Start) -> None:
    ann, bob = slack.person("UADMIN"), slack.person("U0002", email="bob@example.test")
    channel = slack.channel("C0001", "UADMIN", "U0002")
    async with start():
        await ann.command(ALL_GOOD.domain, channel)
        report = await ann.report()
        await ann.command("history", channel)
        listed = await ann.sees_with(words=data_of(report)["case"], channel=channel)
        assert listed.whom == "UADMIN"
        assert "/archives/" in str(listed.blocks)
        await bob.command("history", channel)
        mine = await bob.sees_with(words="no cases of yours", channel=channel)
        assert mine.whom == "U0002"


async def test_in_threads_a_mention_a_bang_and_the_shortcut_lead_to_the_same_place(
    slack: FakeSlack, start: Start
) -> None:
    ann = slack.person("UADMIN")
    channel = slack.channel("C0001", "UADMIN", "UBOT")
    async with start():
        await ann.mentions(CERTIFICATE.domain, channel, thread=None)
        report = await ann.report()
        assert data_of(report)["cause"] == CERTIFICATE.code
        answer = await ann.sees_with(words="direct conversation", channel=channel)
        assert answer.whom == "UADMIN"
        await ann.says(f"!migcheck {CERTIFICATE.domain}")
        assert data_of(await ann.report(1))["cause"] == CERTIFICATE.code
        error = Posted(channel, slack.team.ts(), "535 5.7.8 Error: authentication failed", [], author="U0009")
        slack.team.messages.append(error)
        await ann.shortcut(error)
        told = await ann.sees_with(words="535 5.7.8")
        assert told.channel == ann.im
        public = [m for m in slack.team.messages if m.channel == channel and m.author == "UBOT" and m.whom is None]
        assert public == []


async def test_more_advice_opens_as_a_window(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(SERVER_DOWN.domain)
        report = await ann.report()
        assert report.action("more") is not None
        await ann.presses(report, "more")
        more = await ann.view("more")
        assert more["blocks"]


async def test_the_command_can_be_renamed(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start(MIGCHECK_SLACK__COMMAND="/mailcheck"):
        assert (await ann.command("help")).status == 404, "not ours any more"
        await ann.command("help", command="/mailcheck")
        await ann.sees_with(words="/mailcheck explain")
        await ann.says(f"!mailcheck {CERTIFICATE.domain}")
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code


async def test_a_person_is_erased_by_the_id_that_slack_shows(
    slack: FakeSlack, start: Start, capsys: pytest.CaptureFixture[str]
) -> None:
    ann, bob = slack.person("UADMIN"), slack.person("UADMIN2", email=f"bob@{CERTIFICATE.domain}")
    async with start() as bot:
        await ann.command(CERTIFICATE.domain)
        await bob.command(CERTIFICATE.domain)
        await ann.report()
        await bob.report()
        await bot.conversation.settle()
        assert await bot.store.people_called("UADMIN") == ["slack:T0001:UADMIN"]
        assert await bot.store.people_called("UADMI_") == []
