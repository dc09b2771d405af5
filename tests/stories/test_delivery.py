"""Between bot and person: what comes twice has one effect, and what is lost on the way is not."""

import asyncio

from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.stories.stage import ADMIN, Stage


async def test_what_is_delivered_again_has_no_second_effect(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        await asyncio.gather(*(ann.hands.repeat() for _ in range(3)))
        report = await ann.report()
        await ann.press(report, "recheck")
        await asyncio.gather(*(ann.hands.repeat() for _ in range(3)))
        await ann.report(1)
        await ann.say("help")
        await ann.hands.repeat(3)
        await ann.hears("talk.help")
        await stage.settled()
        assert len(ann.reports()) == 2
        assert len(ann.hearing("talk.checked")) == 2
        assert len(ann.hearing("talk.help")) == 1
        assert await stage.case_count(ann) == 1


async def test_a_command_that_is_delivered_again_begins_one_case(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.command(CERTIFICATE.domain)
        await asyncio.gather(*(ann.hands.repeat() for _ in range(3)))
        await ann.report()
        await stage.settled()
        assert len(ann.reports()) == 1
        assert await stage.case_count(ann) == 1


async def test_a_form_that_is_delivered_again_has_no_second_effect(stage: Stage) -> None:
    taro = stage.person("taro", ALL_GOOD.account)
    async with stage.bot():
        await taro.begin(ALL_GOOD.domain)
        sheet = await taro.sheet(await taro.hears("talk.ask_account"), "account")
        assert await sheet.send(account=ALL_GOOD.account) == {}
        await taro.hands.repeat(3)
        await taro.offer()
        await stage.settled()
        assert len(taro.hearing("talk.secret_offer")) == 1


async def test_two_presses_at_once_lead_to_one_run(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        await ann.begin(CERTIFICATE.domain)
        report = await ann.report()
        await asyncio.gather(ann.press(report, "recheck"), ann.press(report, "recheck"))
        await ann.report(1)
        await stage.settled()
        assert len(ann.reports()) == 2


async def test_a_platform_that_says_wait_or_fails_loses_nothing(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    happened = stage.surface.stumble()
    async with stage.bot():
        begun = asyncio.get_running_loop().time()
        await ann.command(CERTIFICATE.domain)
        assert asyncio.get_running_loop().time() - begun < 1, "the person's own request does not wait for it"
        report = await ann.report()
        assert (await stage.came_to(report))[2] == CERTIFICATE.code
        await ann.until(lambda: not [seen for seen in ann.sees() if "cancel" in seen.actions])
        await stage.settled()
        assert happened()
        assert stage.surface.doubles() == []


async def test_a_message_whose_answer_was_lost_is_not_shown_twice(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    happened = stage.surface.lose_answers()
    async with stage.bot():
        await ann.command(CERTIFICATE.domain)
        await ann.report()
        await stage.settled()
        assert happened()
        assert stage.surface.doubles() == []
        assert len(ann.reports()) == 1
