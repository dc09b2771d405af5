"""The secret: offered, typed where it is safe, used once, and nowhere else."""

import pytest

from tests.servers.practice import ALL_GOOD, APP_PASSWORD
from tests.stories.house import house
from tests.stories.stage import Stage

PASTED = "hunter2-hunter2"


async def test_account_and_secret_lead_to_a_log_in(stage: Stage) -> None:
    taro = stage.person("taro", APP_PASSWORD.account)
    async with stage.bot():
        await taro.begin(APP_PASSWORD.domain)
        first = await taro.report()
        assert (await stage.came_to(first))[0] == "pass"
        assert taro.words["not_tested.login"] in first.text
        sheet = await taro.sheet(await taro.hears("talk.ask_account"), "account")
        assert sheet.fields["account"] in (APP_PASSWORD.account, ""), "one's own address, where it is known"
        assert await sheet.send(account=APP_PASSWORD.account) == {}
        assert await taro.type("hello")
        second = await taro.report(1)
        assert await stage.came_to(second) == ("fail", "imap.login", APP_PASSWORD.code)
        assert {seen.thread for seen in taro.sees()} == {first.thread}
        await stage.settled()
        assert len(taro.reports()) == 2


async def test_the_account_is_told_in_words(stage: Stage) -> None:
    taro = stage.person("taro", ALL_GOOD.account)
    async with stage.bot():
        await taro.begin(ALL_GOOD.domain)
        await taro.hears("talk.ask_account")
        await taro.say(ALL_GOOD.account)
        offer = await taro.offer()
        assert taro.hearing("talk.secret_offer", account=ALL_GOOD.account)
        assert taro.words["talk.secret_safety"] in offer.text
        assert await taro.type("practice")
        assert (await stage.came_to(await taro.report(1)))[0] == "pass"


async def test_a_refused_secret_is_tried_once(stage: Stage) -> None:
    here = await house(stage)
    taro = stage.person("taro", here.account)
    async with stage.bot():
        await taro.begin(f"{here.domain} {here.account}")
        await taro.report()
        assert here.attempts == []
        assert await taro.type("mistyped-mistyped")
        report = await taro.report(1)
        assert await stage.came_to(report) == ("fail", "imap.login", "login.wrong_credentials")
        assert here.attempts == [False], "what IMAP refused is not sent to SMTP"
        assert taro.hearing("attempts", attempts="IMAP 1")
        await taro.press(report, "recheck")
        await taro.report(2)
        assert here.attempts == [False], "a recheck asks for the secret again"
    stage.has_nowhere("mistyped-mistyped")


async def test_a_secret_is_used_for_one_run(stage: Stage) -> None:
    here = await house(stage)
    taro = stage.person("taro", here.account)
    async with stage.bot():
        await taro.begin(f"{here.domain} {here.account}")
        door = await taro.door(await taro.offer())
        assert await door.give("practice")
        assert (await stage.came_to(await taro.report(1)))[0] == "pass"
        assert here.attempts == [True, True]
        assert not await door.give("practice"), "the way is spent"
        await stage.settled()
        assert here.attempts == [True, True]
        assert len(taro.reports()) == 2


async def test_cancelling_kills_the_offer(stage: Stage) -> None:
    here = await house(stage)
    taro = stage.person("taro", here.account)
    async with stage.bot():
        await taro.begin(f"{here.domain} {here.account}")
        await taro.report()
        offer = await taro.offer()
        door = await taro.door(offer)
        await taro.press(offer, "cancel")
        await taro.hears("talk.cancelled")
        assert not await door.give("practice")
        await stage.settled()
        assert here.attempts == []


@pytest.mark.parametrize("entry", ["page", "modal"])
async def test_an_offer_runs_out_and_can_be_had_again(stage: Stage, entry: str) -> None:
    here = await house(stage)
    taro = stage.person("taro", here.account)
    async with stage.bot(MIGCHECK_SECRETS__ENTRY=entry, MIGCHECK_SECRETS__TTL="1"):
        await taro.begin(f"{here.domain} {here.account}")
        door = await taro.door(await taro.offer())
        over = await taro.hears("talk.expired")
        assert not await door.give("practice")
        assert here.attempts == []
        assert "secret" in over.actions
    async with stage.bot(MIGCHECK_SECRETS__ENTRY=entry):
        before = len(taro.sees())
        await taro.press(over, "secret")
        await taro.until(lambda: len(taro.sees()) > before)
        assert await taro.type("practice")
        assert (await stage.came_to(await taro.report(1)))[0] == "pass"


@pytest.mark.parametrize("way", ["in the first words", "beside an error text", "alone, after the offer", "in settings"])
async def test_a_pasted_secret_is_neither_used_nor_shown(stage: Stage, way: str) -> None:
    here = await house(stage, PASTED)
    taro = stage.person("taro", here.account)
    async with stage.bot():
        match way:
            case "in the first words":
                await taro.begin(f"{here.domain} {here.account}\npassword: {PASTED}")
            case "beside an error text":
                await taro.begin(f"535 5.7.8 authentication failed\nパスワード：{PASTED}")
            case "in settings":
                await taro.begin(f'{here.domain} {{"user": "{here.account}", "password": "{PASTED}"}}')
            case _:
                await taro.begin(f"{here.domain} {here.account}")
                await taro.offer()
                await taro.say(PASTED)
        await taro.hears("talk.pasted_secret")
        if way != "beside an error text":
            await taro.report()
        await stage.settled()
        assert here.attempts == []
    stage.has_nowhere(PASTED)


async def test_without_a_way_for_secrets_all_but_the_log_in_is_done(stage: Stage) -> None:
    taro = stage.person("taro", ALL_GOOD.account)
    async with stage.bot(MIGCHECK_SECRETS__ENTRY="off"):
        await taro.begin(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        assert (await stage.came_to(await taro.report()))[0] == "pass"
        await taro.hears("talk.secrets_off")
        assert not [seen for seen in taro.sees() if {"secret", "form.secret"} & set(seen.actions)]
