"""A running bot in this process: real store, real engine, real web server, and a world of mail servers for it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from bot.app import Bot, open_bot
from bot.settings import DiscoverySettings, NetworkSettings, SecretSettings, Settings, StoreSettings, WebSettings
from tests.servers.world import World

ACCOUNT, SECRET = "taro@example.test", "correct horse 7"


def settings_for(world: World, folder: Path, *, ttl: float = 600, **web: object) -> Settings:
    return Settings(
        network=NetworkSettings(
            nameservers=(world.names.address,),
            ca_file=world.ca_file,
            allow=("127.0.0.0/8",),
            public_address="192.0.2.7",
        ),
        discovery=DiscoverySettings(ispdb_url=""),
        store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
        web=WebSettings(**{"listen": "127.0.0.1:0", **web}),
        secrets=SecretSettings(ttl=ttl),
    )


Launch = Callable[..., AbstractAsyncContextManager[Bot]]


@pytest.fixture
async def world() -> AsyncIterator[World]:
    async with World() as made:
        yield made


@pytest.fixture
async def sound(world: World) -> World:
    """A world with example.test: everything is right for ACCOUNT with SECRET."""
    world.domain("example.test")
    await world.imap("imap.example.test", accounts={ACCOUNT: SECRET})
    await world.smtp("smtp.example.test", accounts={ACCOUNT: SECRET})
    return world


@pytest.fixture
def launch(world: World, tmp_path: Path) -> Launch:
    """Start the bot; twice one after the other is a restart, as both use the same store."""

    @asynccontextmanager
    async def start(**changes: object) -> AsyncIterator[Bot]:
        async with AsyncExitStack() as stack:
            yield await stack.enter_async_context(open_bot(settings_for(world, tmp_path, **changes)))

    return start


@pytest.fixture
def stored(tmp_path: Path) -> Callable[[], bytes]:
    """Every byte that the store has written."""
    return lambda: b"".join(path.read_bytes() for path in sorted(tmp_path.glob("store.db*")))
