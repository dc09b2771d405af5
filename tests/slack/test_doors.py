"""How people come to the bot in Slack, and what they find there: languages, threads, buttons, and what is sent twice."""

import asyncio
import json
import time

import pytest

from tests.servers.practice import ALL_GOOD, SERVER_DOWN
from tests.servers.slack import Answer, FakeSlack
from tests.servers.slack.people import signed
from tests.slack.conftest import Start
from tests.stories.pages import type_secret


async def test_the_form_of_somebody_new_is_in_the_language_of_the_profile(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", locale="en-GB")
    async with start():
        await ann.command()
        view = await ann.view("form.start")
        assert view["submit"]["text"] == "Check"
        ack = await ann.submits(view, domain="not a domain")
        assert "cannot be used" in ack.body["errors"]["domain"]


async def test_a_profile_that_is_late_does_not_cost_the_form(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN", locale="en-GB")
    async with start():
        slack.script["users.info"].append(Answer(delay=5.0))
        await ann.command()
        assert (await ann.view("form.start"))["type"] == "modal", "a trigger is good for three seconds"


async def test_a_mention_in_a_thread_is_answered_in_that_thread(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    channel = slack.channel("C0001", slack.team.bot, "UADMIN")
    async with start():
        root = await ann.says("our mail does not work", channel=channel, kind="message", bot_id="B0")
        await ann.mentions(ALL_GOOD.domain, channel, thread=root)
        told = await ann.sees_with(words="looking into it", channel=channel)
        assert (told.whom, told.thread) == ("UADMIN", root)
        await ann.mentions("help", channel, thread=root)
        helped = await ann.sees_with(words="explain TEXT", channel=channel)
        assert (helped.whom, helped.thread) == ("UADMIN", root)
        await ann.mentions(ALL_GOOD.domain, channel)
        again = await ann.sees_with(words="looking into it", channel=channel, after=1)
        assert again.thread is None


@pytest.mark.parametrize("entry", ["page", "modal"])
async def test_every_button_for_the_secret_leads_to_its_field_at_once(
    slack: FakeSlack, start: Start, entry: str
) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY=entry) as bot:
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        report, offer = await taro.report(), await taro.offer()
        assert [m.ts for m in taro.sees() if m.action("secret")] == [offer.ts]
        await taro.presses(report, "offer")
        again = await slack.until(lambda: next((m for m in taro.sees() if m.action("secret") and m != offer), None))
        button = again.action("secret")
        if entry == "page":
            assert await type_secret(button["url"], "practice") == 200
            return
        await taro.presses(again, "secret")
        await taro.submits(await taro.view("secret"), secret="practice")
        await taro.report(1)
        await bot.conversation.settle()


async def test_a_cancel_that_is_pressed_three_times_at_once_is_told_once(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start() as bot:
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        await asyncio.gather(*(taro.presses(offer, "cancel") for _ in range(3)))
        await taro.sees_with(words="Cancelled")
        await bot.conversation.settle()
        assert len([m for m in taro.sees() if "Cancelled" in m.text]) == 1


async def test_a_window_with_a_secret_that_comes_twice_at_once_is_taken_once_and_without_complaint(
    slack: FakeSlack, start: Start
) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    async with start(MIGCHECK_SECRETS__ENTRY="modal") as bot:
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        await taro.presses(await taro.offer(), "secret")
        view = await taro.view("secret")
        acks = await asyncio.gather(*(taro.submits(view, secret="practice") for _ in range(3)))
        assert [ack.body for ack in acks] == [""] * 3
        await taro.report(1)
        await bot.conversation.settle()
        assert len([m for m in taro.sees() if m.metadata and m.metadata["event_type"] == "migcheck_report"]) == 2


@pytest.mark.parametrize("kind", ["app_context_changed", "reaction_added", "team_join"])
async def test_an_event_that_nobody_asked_for_is_acknowledged(slack: FakeSlack, start: Start, kind: str) -> None:
    ann = slack.person("UADMIN")
    async with start():
        assert (await ann.event({"type": kind, "user": "UADMIN"})).status == 200, "otherwise Slack sends it again"
        assert slack.calls == []


@pytest.mark.parametrize("body", ["[]", "null", '"x"', "payload=[]", "payload=null"])
async def test_a_body_that_is_no_payload_is_refused_and_no_fault_of_the_bots(
    slack: FakeSlack, start: Start, body: str
) -> None:
    ann = slack.person("UADMIN")
    sort = "application/x-www-form-urlencoded" if body.startswith("payload") else "application/json"
    async with start():
        for headers in (signed(slack.signing_secret, body), {}):
            assert (await ann.post(body, headers | {"Content-Type": sort})).status in (400, 401)


@pytest.mark.parametrize("odd", [{"X-Slack-Request-Timestamp": "soon"}, {"X-Slack-Signature": "v0=é"}])
async def test_an_odd_signature_is_refused_as_any_other_that_is_wrong(
    slack: FakeSlack, start: Start, odd: dict[str, str]
) -> None:
    ann = slack.person("UADMIN")
    raw = json.dumps({"type": "event_callback", "event": {"type": "message", "user": "UADMIN"}, "at": time.time()})
    headers = signed(slack.signing_secret, raw) | odd | {"Content-Type": "application/json"}
    async with start():
        assert (await ann.post(raw, headers)).status == 401


async def test_a_report_can_be_shared_although_the_offer_below_it_was_declined(slack: FakeSlack, start: Start) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    channel = slack.channel("C0001", slack.team.bot, "U0001")
    async with start():
        await taro.command(f"{ALL_GOOD.domain} {ALL_GOOD.account}", channel)
        report, offer = await taro.report(), await taro.offer()
        await taro.presses(offer, "cancel")
        await taro.sees_with(words="Cancelled")
        await taro.presses(report, "share")
        await taro.submits(await taro.view("share"), channel=channel)
        shared = await taro.sees_with(words=ALL_GOOD.domain, channel=channel)
        assert shared.whom is None


async def test_a_failure_can_be_watched_although_the_talk_about_it_was_ended(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        root = await ann.says(SERVER_DOWN.domain)
        report = await ann.report()
        await ann.says("cancel", thread=root)
        await ann.sees_with(words="Cancelled")
        await ann.presses(report, "watch")
        await ann.sees_with("unwatch")


async def test_slack_may_look_at_the_certificate_without_a_signature(slack: FakeSlack, start: Start) -> None:
    ann = slack.person("UADMIN")
    async with start():
        ack = await ann.post("ssl_check=1&token=legacy", {"Content-Type": "application/x-www-form-urlencoded"})
        assert ack.status == 200
        assert slack.calls == []
