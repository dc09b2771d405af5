"""Talks with scripted servers, for the tests of the transcript."""

import re

from bot.core.model import Service
from tests.checks.cases.table import Ground
from tests.checks.running import ACCOUNT, SECRET, Seen, make_world

TIME = re.compile(r"(\d+\.\d{3}) ")


def said(seen: Seen, service: str) -> list[str]:
    """A service's lines without their times, which never go back."""
    lines = seen.report.transcript[service]
    times = [float(match[1]) for line in lines if (match := TIME.match(line))]
    assert times
    assert times[-1] <= seen.report.duration_ms / 1000 + 0.001
    return [TIME.sub("", line, count=1) for line in lines]


async def talk(service: Service, security: str = "tls", *, secret: str | None = SECRET, **script: object) -> Seen:
    async with make_world() as world:
        ground = Ground(world, service, security, secret=secret)  # type: ignore[arg-type]
        await ground.serve(**{"accounts": {ACCOUNT: secret or SECRET}, **script})
        return await ground.examine()
