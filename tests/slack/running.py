"""The bot as a process of its own, so that it can be killed, and its log be read."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

from tests.servers.slack import FakeSlack
from tests.servers.world import World
from tests.stories.process import Process, free_port
from tests.stories.process import process as run
from tests.stories.slack import settings_of

__all__ = ["Process", "free_port", "process"]


@asynccontextmanager
async def process(
    slack: FakeSlack,
    world: World,
    log: Path,
    *,
    mode: str = "http",
    port: int | None = None,
    more: Mapping[str, str] | None = None,
    strict: bool = True,
) -> AsyncIterator[Process]:
    port = port or free_port()
    common = {"MIGCHECK_WEB__LISTEN": f"127.0.0.1:{port}", "MIGCHECK_ACCESS__ADMINS": '["UADMIN"]'}
    settings = {**world.environment, **common, **settings_of(slack, mode), **(more or {})}
    async with run(settings, port, log, strict=strict) as made:
        slack.delivery.url = f"{made.origin}/slack/events" if mode == "http" else None
        yield made
