"""Where others read along: the command and mentions lead to the person's own place, and nothing is shown unasked."""

import pytest

from tests.servers.practice import ALL_GOOD, APP_PASSWORD, CERTIFICATE
from tests.stories.stage import ADMIN, Stage

ERROR = "535 5.7.139 Authentication unsuccessful, basic authentication is disabled."


@pytest.mark.parametrize("way", ["command", "mention"])
async def test_asked_among_others_the_case_is_the_persons_own(stage: Stage, way: str) -> None:
    ann, bob = stage.person(ADMIN), stage.person("bob", "bob@else.test")
    async with stage.bot():
        place = stage.surface.place("group", ann.hands, bob.hands)
        if way == "command":
            await ann.command(CERTIFICATE.domain, place)
        else:
            await ann.hands.mention(CERTIFICATE.domain, place)
        report = await ann.report()
        assert (await stage.came_to(report))[2] == CERTIFICATE.code
        assert {seen.thread for seen in ann.sees()} == {report.thread}
        hint = await ann.hears("command.opened", place=place)
        assert CERTIFICATE.domain not in hint.text
        await stage.settled()
        assert stage.surface.public(place) == []
        assert bob.sees(place) == []
        await ann.say("help")
        assert (await ann.hears("talk.help")).thread == report.thread


@pytest.mark.parametrize("text", ["blorb", "!!", "what"])
async def test_a_command_that_says_nothing_is_answered_with_an_example(stage: Stage, text: str) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        place = stage.surface.place("group", ann.hands)
        await ann.command(text, place)
        await ann.hears("command.unclear", place=place, command="/migcheck", example="example.co.jp")
        assert stage.surface.public(place) == []
        assert ann.sees() == []
        assert await stage.case_count(ann) == 0


@pytest.mark.parametrize(("words", "told"), [(ERROR, "explain.cause"), ("フロブニケータ", "explain.unknown")])
async def test_the_command_explains_words_and_probes_nothing(stage: Stage, words: str, told: str) -> None:
    ann = stage.person("ann", "ann@example.test")
    before = len(stage.world.names.questions)
    async with stage.bot():
        await ann.command(f"explain {words}")
        assert words in (await ann.hears(told)).text
        assert ann.reports() == []
        assert stage.world.names.questions[before:] == []


async def test_the_command_tells_what_it_takes(stage: Stage) -> None:
    ann = stage.person(ADMIN)
    async with stage.bot():
        place = stage.surface.place("group", ann.hands)
        await ann.command("help", place)
        await ann.hears("command.help", place=place, command="/migcheck")
        assert stage.surface.public(place) == []


async def test_a_secret_in_a_command_is_not_kept(stage: Stage) -> None:
    taro = stage.person("taro", ALL_GOOD.account)
    async with stage.bot():
        place = stage.surface.place("group", taro.hands)
        await taro.command(f"{ALL_GOOD.domain} password: hunter2-hunter2", place)
        await taro.hears("talk.pasted_secret")
        await taro.report()
        await stage.settled()
    stage.has_nowhere("hunter2-hunter2")


async def test_sharing_asks_first_and_hides_the_account(stage: Stage) -> None:
    taro = stage.person("taro", APP_PASSWORD.account)
    async with stage.bot():
        place = stage.surface.place("group", taro.hands)
        outside = stage.surface.place("outside", taro.hands, shared=True)
        await taro.command(f"{APP_PASSWORD.domain} {APP_PASSWORD.account}", place)
        assert await taro.type("hello")
        report = await taro.report(1)
        sheet = await taro.sheet(report, "share")
        assert sheet.fields["channel"] == place, "where it was asked for"
        assert APP_PASSWORD.account not in sheet.text
        assert stage.surface.public(place) == [], "nothing is shown before it is sent"
        await sheet.send()
        await taro.hears("talk.shared")
        (shown,) = stage.surface.public(place)
        assert APP_PASSWORD.domain in shown.text
        assert APP_PASSWORD.account not in shown.text
        assert list(shown.actions) == []
        assert list(shown.links) == []
        assert stage.surface.public(outside) == []


async def test_nothing_is_shared_beyond_the_organisation(stage: Stage) -> None:
    taro = stage.person("taro", CERTIFICATE.account)
    async with stage.bot():
        stage.surface.place("group", taro.hands)
        outside = stage.surface.place("outside", taro.hands, shared=True)
        await taro.begin(CERTIFICATE.domain)
        sheet = await taro.sheet(await taro.report(), "share")
        await sheet.send(channel=outside)
        await taro.hears("talk.shared.shared_outside")
        assert stage.surface.public(outside) == []


async def test_nothing_is_shared_where_the_bot_or_the_person_is_not(stage: Stage) -> None:
    taro, bob = stage.person("taro", CERTIFICATE.account), stage.person("bob", "bob@else.test")
    async with stage.bot():
        stage.surface.place("group", taro.hands)
        without = stage.surface.place("without", taro.hands, bob.hands, bot=False)
        await taro.begin(CERTIFICATE.domain)
        sheet = await taro.sheet(await taro.report(), "share")
        await sheet.send(channel=without)
        await taro.hears("talk.shared.not_a_member")
        assert stage.surface.public(without) == []
