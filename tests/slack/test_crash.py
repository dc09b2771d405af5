"""Killed in the middle: what was open goes on, what was cut off says so, nothing is told twice."""

from pathlib import Path

from tests.servers.practice import ALL_GOOD, CERTIFICATE
from tests.servers.script import Say
from tests.servers.slack import Answer, FakeSlack
from tests.servers.world import World
from tests.slack.conftest import data_of
from tests.slack.running import free_port, process
from tests.slack.test_robust import _doubles
from tests.slack.test_stories import type_secret


async def test_a_run_that_was_cut_off_says_so_and_offers_to_run_again(
    slack: FakeSlack, practice: World, tmp_path: Path
) -> None:
    ann = slack.person("UADMIN")
    practice.domain("slow.test")
    await practice.imap("imap.slow.test", greeting=Say("* OK at last", delay=30.0))
    await practice.smtp("smtp.slow.test")
    port = free_port()
    async with process(slack, practice, tmp_path / "log", port=port) as bot:
        await ann.command("slow.test")
        root = await ann.sees_with("cancel")
        await slack.until(lambda: len(slack.made("chat.update")) >= 1)
        await bot.kill()
    async with process(slack, practice, tmp_path / "log", port=port):
        told = await ann.sees_with("recheck", words="interrupted")
        assert told.thread == root.ts
        await slack.until(lambda: root.action("cancel") is None)
        assert len([m for m in ann.sees() if "interrupted" in m.text]) == 1


async def test_an_offer_and_a_dialogue_survive(slack: FakeSlack, practice: World, tmp_path: Path) -> None:
    taro = slack.person("U0001", email=ALL_GOOD.account)
    port = free_port()
    async with process(slack, practice, tmp_path / "log", port=port) as bot:
        root = await taro.says(f"{ALL_GOOD.domain} {ALL_GOOD.account}")
        offer = await taro.offer()
        url = offer.action("secret")["url"]  # type: ignore[index]
        await bot.kill()
    async with process(slack, practice, tmp_path / "log", port=port):
        if await type_secret(url, "practice") != 200:  # killed before it was known that the offer was shown
            await slack.until(lambda: offer.action("secret")["url"] != url)  # type: ignore[index]
            assert await type_secret(offer.action("secret")["url"], "practice") == 200  # type: ignore[index]
        report = await taro.report(1)
        assert data_of(report)["verdict"] == "pass"
        assert report.thread == root
        await taro.says("recheck", thread=root)
        assert data_of(await taro.report(2))["case"] == data_of(report)["case"]


async def test_what_was_posted_before_the_crash_is_not_posted_again(
    slack: FakeSlack, practice: World, tmp_path: Path
) -> None:
    ann = slack.person("UADMIN")
    port = free_port()
    slack.script["chat.postMessage"].append(Answer(delay=0.0))
    async with process(slack, practice, tmp_path / "log", port=port) as bot:
        slack.script["chat.postMessage"].clear()
        slack.script["chat.postMessage"].append(Answer(after_effect=True, status=0))
        slack.script["conversations.history"].append(Answer(delay=5.0, status=503))
        await ann.command(CERTIFICATE.domain)
        await slack.until(lambda: slack.made("chat.postMessage"))
        await bot.kill()
    slack.script["conversations.history"].clear()
    async with process(slack, practice, tmp_path / "log", port=port):
        await ann.sees_with("recheck", words="interrupted")
        assert _doubles(slack) == []
