"""People before several nodes: who insists as Slack does, and what may be seen of every run and message in the end."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import aiohttp

from tests.servers.slack import FakeSlack, Person
from tests.servers.slack.people import ACK_SECONDS, Ack, signed
from tests.stories.pages import type_secret

_PAUSE = 0.25
_OK, _REFUSED = 200, 500


class Insistent(Person):
    """Somebody whose requests come again until they are acknowledged: Slack does so for events, people for the rest."""

    async def post(self, raw: str, headers: dict[str, str]) -> Ack:
        began = time.monotonic()
        for turn in range(600):
            again = {"X-Slack-Retry-Num": str(turn), "X-Slack-Retry-Reason": "http_error"} if turn else {}
            try:
                async with asyncio.timeout(ACK_SECONDS):
                    ack = await super().post(raw, headers | signed(self.slack.signing_secret, raw) | again)
            except (aiohttp.ClientError, TimeoutError):
                pass
            else:
                if ack.status < _REFUSED:
                    assert ack.status == _OK, ack
                    return replace(ack, seconds=time.monotonic() - began)
            await asyncio.sleep(_PAUSE)
        raise AssertionError("nobody took it")


def insistent(slack: FakeSlack, name: str, email: str) -> Insistent:
    slack.person(name, email=email)
    return Insistent(slack, slack.team, name)


async def type_insistently(url: str, secret: str) -> int:
    """The page's form, sent again as long as nobody answers or the bot has a fault."""
    while True:
        try:
            async with asyncio.timeout(10):
                status = await type_secret(url, secret)
        except (aiohttp.ClientError, TimeoutError):
            status = _REFUSED
        if status < _REFUSED:
            return status
        await asyncio.sleep(_PAUSE)


async def until(found: Callable[[], Any], limit: float = 20.0) -> Any:
    """Wait for what nobody tells of."""
    async with asyncio.timeout(limit):
        while not (result := found()):
            await asyncio.sleep(0.05)
        return result


def names(slack: FakeSlack) -> list[str]:
    """CASE/KEY of every message of the bot's that is there."""
    shown = [m for m in slack.team.messages if m.author == slack.team.bot and not m.deleted and m.whom is None]
    return [str(m.blocks[0].get("block_id")) for m in shown if m.blocks]


def doubles(slack: FakeSlack) -> list[str]:
    """What was posted twice: messages of one name, and plans that nobody ended."""
    open_plans = [f"a plan in {m.thread}" for m in slack.team.messages if m.stream == "open"]
    return [name for name, count in Counter(names(slack)).items() if count > 1] + open_plans


def ends(slack: FakeSlack) -> Counter[str]:
    """How often the end of each run was told, by CASE/RUN."""
    told = [name for name in names(slack) if name.partition("/")[2].startswith(("report:", "interrupted:"))]
    return Counter(f"{case}/{key.partition(':')[2]}" for case, _, key in (name.partition("/") for name in told))


def runs(slack: FakeSlack) -> set[str]:
    """Every run that was shown to have begun, as CASE/RUN."""
    return {name.replace("progress:", "") for name in names(slack) if "/progress:" in name}
