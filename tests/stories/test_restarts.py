"""Killed in the middle: what was open goes on, what was cut off says so, and nothing is told twice."""

from tests.servers.practice import ALL_GOOD
from tests.servers.script import Say
from tests.stories.actor import Actor
from tests.stories.stage import ADMIN, Stage
from tests.stories.surface import Door, Seen

JIRO = f"jiro@{ALL_GOOD.domain}"


async def test_killed_in_the_middle_all_goes_on(stage: Stage) -> None:
    """One crash for three people: a process takes a second to start."""
    slow = stage.domain("slow")
    await stage.world.imap(f"imap.{slow}", greeting=Say("* OK at last", delay=60.0))
    await stage.world.smtp(f"smtp.{slow}")
    ann, taro, jiro = stage.person(ADMIN), stage.person("taro", ALL_GOOD.account), stage.person("jiro", JIRO)
    async with stage.process() as bot:
        await taro.begin(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        await taro.report()
        door = await taro.door(await taro.offer())
        await jiro.begin(ALL_GOOD.domain)
        await jiro.hears("talk.ask_account")
        await ann.begin(slow)
        progress = await under_way(ann)
        await bot.kill()
    async with stage.process():
        await a_run_that_was_cut_off_says_so_and_can_be_run_again(ann, progress)
        await an_open_way_for_the_secret_goes_on(stage, taro, door)
        await a_question_may_be_answered(jiro)


async def under_way(ann: Actor) -> Seen:
    """The message of a check that waits for a server."""

    def found() -> Seen | None:
        return next((seen for seen in ann.sees() if ann.words["stage.connect"] in seen.text), None)

    seen: Seen = await ann.until(found)
    return seen


async def a_run_that_was_cut_off_says_so_and_can_be_run_again(ann: Actor, progress: Seen) -> None:
    told = await ann.hears("talk.interrupted")
    assert told.thread == progress.thread
    assert {"run", "recheck"} & set(told.actions)
    await ann.until(lambda: "cancel" not in progress.actions)
    assert len(ann.hearing("talk.interrupted")) == 1
    assert ann.reports() == []
    await ann.press(told, "recheck")
    await ann.until(lambda: len([seen for seen in ann.sees() if ann.words["stage.exists"] in seen.text]) == 2)
    await ann.say("cancel")
    await ann.hears("talk.cancelled")


async def an_open_way_for_the_secret_goes_on(stage: Stage, taro: Actor, door: Door) -> None:
    assert await door.give("practice")
    report = await taro.report(1)
    assert (await stage.came_to(report))[0] == "pass"
    assert {seen.thread for seen in taro.sees()} == {report.thread}
    assert len(taro.hearing("talk.secret_offer")) == 1
    await taro.say("recheck")
    assert (await taro.report(2)).case == report.case
    assert not taro.hearing("talk.interrupted")


async def a_question_may_be_answered(jiro: Actor) -> None:
    await jiro.say(JIRO)
    await jiro.hears("talk.secret_offer", account=JIRO)
    assert len(jiro.reports()) == 1
    assert not jiro.hearing("talk.interrupted")


async def test_stopped_in_order_nothing_is_lost(stage: Stage) -> None:
    taro = stage.person("taro", ALL_GOOD.account)
    async with stage.bot():
        await taro.begin(ALL_GOOD.domain)
        await taro.hears("talk.ask_account")
    async with stage.bot():
        await taro.say(ALL_GOOD.account)
        await taro.offer()
    async with stage.bot():
        assert await taro.type("practice")
        report = await taro.report(1)
        assert (await stage.came_to(report))[0] == "pass"
        assert not taro.hearing("talk.interrupted")
        assert await stage.case_count(taro) == 1
