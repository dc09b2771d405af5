"""What tests of the running bot have in common: a world of mail servers, and the practice domains in it."""

from collections.abc import AsyncIterator

import pytest

from tests.servers.practice import furnish
from tests.servers.world import World


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.fixture
async def practice(world: World) -> World:
    await furnish(world)
    return world
