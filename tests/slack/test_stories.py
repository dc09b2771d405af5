"""Stories from a command to a report: the real slack-bolt, real probes, a strict Slack."""

import json

import aiohttp
import pytest

from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE, CHAIN
from tests.servers.slack import FakeSlack, Person, Posted
from tests.servers.world import World
from tests.slack.conftest import Start, data_of


async def type_secret(url: str, secret: str) -> int:
    async with aiohttp.ClientSession() as session:
        origin = "/".join(url.split("/")[:3])
        async with session.post(url, data={"secret": secret}, headers={"Origin": origin}) as answer:
            return answer.status


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
            assert {t["status"] for t in plans[0].tasks.values()} == {"complete"}
            assert plans[1].tasks["imap.login"]["status"] == "error"


async def test_a_direct_command_needs_no_second_answer_in_a_channel(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(ALL_GOOD.domain)
        await ann.report()
        await ann.sees_with(words="direct conversation")


async def test_explain_reads_words_and_probes_nothing(slack: FakeSlack, start: Start, practice: World) -> None:
    ann = slack.person("U0001", email="ann@example.test")
    async with start():
        await ann.command("explain 535 5.7.139 Authentication unsuccessful, basic authentication is disabled.", None)
        told = await ann.sees_with(words="confidence")
        assert "migcheck_report" not in str(told.metadata)
        await ann.command("explain the frobnicator is unhappy")
        await ann.sees_with(words="cannot be told from these words")
    assert practice.names.questions == []


async def test_nothing_opens_a_form_whose_errors_stand_at_their_fields(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", email=f"ann@{ALL_GOOD.domain}")
    channel = slack.channel("C0001", "UADMIN")
    async with start():
        await ann.opens()  # the profile is known by now
        await slack.until(lambda: slack.team.homes)
        await ann.command("", channel)
        view = await ann.view("form.start")
        blocks = [b["block_id"] for b in view["blocks"] if b["type"] == "input"]
        assert set(blocks) <= {"domain", "scenario", "account", "imap", "smtp", "pop", "ews", "mailbox"}
        ack = await ann.submits(view, domain="not a domain", imap="imap.example.test:99999")
        assert ack.body["response_action"] == "errors"
        assert set(ack.body["errors"]) == {"domain", "imap"}
        assert "example" in ack.body["errors"]["domain"]
        ack = await ann.submits(view, domain=ALL_GOOD.domain, scenario="manual")
        assert ack.body == ""
        report = await ann.report()
        assert data_of(report)["verdict"] == "pass"
        await ann.sees_with(words="direct conversation", channel=channel)


@pytest.mark.parametrize("text", ["blorb", "!!", "what"])
async def test_what_is_no_input_is_answered_with_an_example(slack: FakeSlack, start: Start, text: str) -> None:
    ann = slack.person("UADMIN")
    channel = slack.channel("C0001", "UADMIN")
    async with start():
        await ann.command(text, channel)
        answer = await ann.sees_with(words="/migcheck example.co.jp", channel=channel)
        assert answer.whom == "UADMIN"
    assert ann.sees() == []


async def test_help_and_history(slack: FakeSlack, start: Start) -> None:
    ann, bob = slack.person("UADMIN"), slack.person("U0002", email="bob@example.test")
    channel = slack.channel("C0001", "UADMIN", "U0002")
    async with start():
        await ann.command("help", channel)
        await ann.sees_with(words="explain TEXT", channel=channel)
        await ann.command("history", channel)
        await ann.sees_with(words="no cases of yours", channel=channel)
        await ann.command(ALL_GOOD.domain, channel)
        report = await ann.report()
        await ann.command("history", channel)
        listed = await ann.sees_with(words=data_of(report)["case"], channel=channel)
        assert "/archives/" in str(listed.blocks)
        await bob.command("history", channel)
        mine = await bob.sees_with(words="no cases of yours", channel=channel, after=0)
        assert mine.whom == "U0002"
        await ann.says("history")
        await ann.sees_with(words=data_of(report)["case"], after=1)


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


async def test_recheck_more_and_servers(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        await ann.presses(report, "servers")
        view = await ann.view("form.servers")
        ack = await ann.submits(view, imap="-bad-")
        assert "imap" in ack.body["errors"]
        if report.action("more"):
            await ann.presses(report, "more")
            more = await ann.view("more")
            assert more["blocks"]
        await ann.presses(report, "recheck")
        again = await ann.report(1)
        assert data_of(again)["cause"] == CERTIFICATE.code
        assert data_of(again)["case"] == data_of(report)["case"]


async def test_cancel_kills_the_offer(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start():
        await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        url = offer.action("secret")["url"]  # type: ignore[index]
        await taro.presses(offer, "cancel")
        await taro.sees_with(words="Cancelled")
        assert await type_secret(url, "practice") in (404, 410)
        await taro.presses(offer, "secret")
        assert len(taro.sees()) == len(taro.sees()), "a link button is Slack's business"


async def test_share_asks_first_and_hides_the_account(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=APP_PASSWORD.account)
    channel = slack.channel("C0001", "U0001", "UBOT")
    outside = slack.channel("C0002", "U0001", "UBOT", shared=True)
    async with start():
        await taro.command(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}", channel)
        offer = await taro.offer()
        await type_secret(offer.action("secret")["url"], "hello")  # type: ignore[index]
        report = await taro.report(1)
        await taro.presses(report, "share")
        view = await taro.view("share")
        choose = next(b for b in view["blocks"] if b.get("block_id") == "channel")
        assert choose["element"]["initial_conversation"] == channel
        assert APP_PASSWORD.account not in str(view)
        assert [m for m in slack.team.messages if m.channel == channel and m.whom is None] == []
        await taro.submits(view)
        await taro.sees_with(words="was shown there")
        shared = next(m for m in slack.team.messages if m.channel == channel and m.whom is None)
        assert APP_PASSWORD.domain in shared.text
        assert APP_PASSWORD.account not in shared.text + str(shared.blocks)
        assert shared.actions == []
        await taro.presses(report, "share")
        await taro.submits(await taro.view("share"), channel=outside)
        await taro.sees_with(words="shared with another organisation")
        assert [m for m in slack.team.messages if m.channel == outside] == []
        await taro.presses(report, "share")
        slack.channel("C0003", "U0001")
        await taro.submits(await taro.view("share"), channel="C0003")
        await taro.sees_with(words="no member of that channel")


async def test_share_is_for_reports_only(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        await ann.says("535 5.7.8 Error: authentication failed")
        told = await ann.sees_with(words="535 5.7.8")
        assert told.action("share") is None


async def test_a_watch_tells_when_it_works_again(slack: FakeSlack, start: Start, practice: World) -> None:
    ann = slack.person("UADMIN")
    practice.domain("mended.test")
    closed = await practice.closed("imap.mended.test", 10993)
    practice.record("_imaps._tcp.mended.test", "SRV", f"0 1 {closed.port} imap.mended.test.")
    async with start(MIGCHECK_WATCH__EVERY="1s", MIGCHECK_WATCH__FOR="1m"):
        await ann.command("mended.test")
        report = await ann.report()
        assert data_of(report)["failing_step"] == "imap.connect"
        await ann.presses(report, "watch")
        await ann.sees_with("unwatch")
        await closed.__aexit__(None, None, None)
        await practice.imap("imap.mended.test", closed.port)
        told = await ann.sees_with(words="works now")
        assert told.thread == report.thread


async def test_a_watch_ends_by_itself_and_can_be_stopped(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start(MIGCHECK_WATCH__EVERY="1s", MIGCHECK_WATCH__FOR="2s"):
        await ann.command(CERTIFICATE.domain)
        report = await ann.report()
        await ann.presses(report, "watch")
        await ann.sees_with(words="time for watching is over")
        await ann.presses(report, "watch")
        watching = await ann.sees_with("unwatch", after=1)
        await ann.presses(watching, "unwatch")
        await ann.sees_with(words="not watched any more")


def everything(person: Person) -> str:
    return "\n".join(m.text + m.words for m in person.sees())


async def test_the_command_can_be_renamed(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start(MIGCHECK_SLACK__COMMAND="/mailcheck"):
        assert (await ann.command("help")).status == 404, "not ours any more"
        await ann.command("help", command="/mailcheck")
        await ann.sees_with(words="/mailcheck explain")
        await ann.says(f"!mailcheck {CERTIFICATE.domain}")
        assert data_of(await ann.report())["cause"] == CERTIFICATE.code


async def test_the_file_for_support_has_everything_but_the_account(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=APP_PASSWORD.account)
    async with start():
        await taro.command(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}")
        await type_secret((await taro.offer()).action("secret")["url"], "hello")  # type: ignore[index]
        report = await taro.report(1)
        url = report.action("export")["url"]  # type: ignore[index]
        async with aiohttp.ClientSession() as session:
            async with session.get(url) as answer:
                assert answer.status == 200
                assert "attachment" in answer.headers["Content-Disposition"]
                text = await answer.text()
            async with session.get(url[:-4] + "zzzz") as other:
                assert other.status == 404
        bundle = json.loads(text)
        assert bundle["report"]["case"] == data_of(report)["case"]
        assert bundle["versions"]["openssl"]
        assert any(said["step"] == "imap.login" and said["evidence"] for said in bundle["transcript"])
        assert APP_PASSWORD.account not in text
        assert "hello" not in text


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
