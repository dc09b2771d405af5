"""Killed in the middle: what was open goes on, what was cut off says so, nothing is told twice."""

from pathlib import Path

from tests.servers.practice import CERTIFICATE
from tests.servers.slack import Answer, FakeSlack
from tests.servers.world import World
from tests.slack.running import free_port, process
from tests.slack.test_robust import _doubles


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
