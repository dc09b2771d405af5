"""A store of each kind for limits, and the worlds in which strangers do what they can."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot.store.store import Store, open_store
from tests.servers.postgres import Postgres, or_skip, server


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with or_skip(server()) as running:
        yield running


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store("sqlite:///var/bot.db", tmp_path) as opened:
        yield opened


@pytest.fixture
async def nodes(postgres: Postgres) -> AsyncIterator[tuple[Store, Store]]:
    """Two nodes of the bot on one PostgreSQL."""
    with postgres.database() as url:
        async with open_store(url) as one, open_store(url) as other:
            yield one, other
