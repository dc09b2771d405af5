"""Every story on every surface, in one world of mail servers that all of them share."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio

from tests.servers.practice import furnish
from tests.servers.world import World
from tests.stories import lark, slack
from tests.stories.chat import open_chat
from tests.stories.exempt import EXEMPT, GAPS, SOMETIMES, by_way, why_not
from tests.stories.stage import Stage
from tests.stories.surface import Make

SURFACES: Mapping[str, Make] = {
    "slack-http": slack.HTTP,
    "slack-socket": slack.SOCKET,
    "lark-webhook": lark.WEBHOOK,
    "lark-websocket": lark.WEBSOCKET,
    "chat": open_chat,
}
"""A further platform is one line here."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all stories, since they share a world; what a surface cannot have is left out and says why."""
    for item in items:
        if Path(__file__).parent not in item.path.parents or not isinstance(item, pytest.Function):
            continue
        if item.get_closest_marker("asyncio") is not None:
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
        names = getattr(item, "callspec", None)
        surface = names.params.get("surface_name") if names is not None else None
        if surface is None:
            continue
        if (why := why_not(EXEMPT, item.originalname, surface) or by_way(item.path.stem, surface)) is not None:
            item.add_marker(pytest.mark.skip(reason=why))
        if (why := why_not(GAPS, item.originalname, surface)) is not None:
            item.add_marker(pytest.mark.xfail(reason=why, strict=True, run=item.originalname not in SOMETIMES))


@pytest.fixture(params=SURFACES)
def surface_name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared() -> AsyncIterator[World]:
    async with World(settings={"MIGCHECK_DISCOVERY__ISPDB_URL": ""}) as world:
        await furnish(world)
        yield world


@pytest_asyncio.fixture(loop_scope="session")
async def stage(shared: World, surface_name: str, tmp_path: Path) -> AsyncIterator[Stage]:
    """A surface with nobody on it yet, and no bot."""
    async with SURFACES[surface_name]() as surface:
        yield Stage(shared, surface, tmp_path)
