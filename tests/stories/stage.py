"""Where a story is played: a world of mail servers, one surface, and the bot between them."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from bot.app import Bot, open_bot
from bot.core.model import Lang, Report
from bot.settings import Settings
from bot.store.store import Store, open_store
from tests.leaks import find_leaks
from tests.servers.world import World
from tests.stories.actor import Actor
from tests.stories.process import Process, free_port, process
from tests.stories.surface import Hands, Seen, Surface

ADMIN = "admin"
"""The name of the person who may check everything, on every surface."""
_ADMINS = '["UADMIN", "ou_admin"]'
_numbers = itertools.count()


def settings_in(environment: Mapping[str, str], patch: pytest.MonkeyPatch) -> Settings:
    """The settings that an environment gives; an empty value is none."""
    for name, value in environment.items():
        patch.setenv(name, value) if value else patch.delenv(name, raising=False)
    return Settings()


@dataclass(slots=True)
class Stage:
    """`folder` holds the store: a bot that is started again finds what the one before has left."""

    world: World
    surface: Surface
    folder: Path
    port: int = 0
    running: Bot | None = None

    def person(self, name: str, email: str | None = None, lang: Lang | None = None) -> Actor:
        return self._actor(self.surface.person(name, email, lang))

    def stranger(self, name: str) -> Actor:
        return self._actor(self.surface.stranger(name))

    def _actor(self, hands: Hands) -> Actor:
        return Actor(hands, self.surface.words(hands.lang))

    @asynccontextmanager
    async def bot(self, **settings: str) -> AsyncIterator[Bot]:
        """The bot in this process, with settings by their names in the environment. Left, it has ended in order."""
        async with open_bot(self._settings(settings)) as bot:
            self.port, self.running = int(bot.origin.rpartition(":")[2]), bot
            await self.surface.connect(bot.origin)
            yield bot
            with contextlib.suppress(TimeoutError):
                await bot.conversation.settle()
            self.running = None
            assert self.surface.faults() == []

    @asynccontextmanager
    async def process(self, **settings: str) -> AsyncIterator[Process]:
        """The bot as a process of its own, which may be killed."""
        self.port = self.port or free_port()
        async with process(self._environment(settings), self.port, self.folder / "log") as made:
            await self.surface.connect(made.origin)
            yield made
            assert self.surface.faults() == []

    def _settings(self, more: Mapping[str, str]) -> Settings:
        with pytest.MonkeyPatch.context() as patch:
            return settings_in(self._environment(more), patch)

    def _environment(self, more: Mapping[str, str]) -> dict[str, str]:
        return {
            **self.world.environment,
            "MIGCHECK_STORE__URL": self.store_url,
            "MIGCHECK_WEB__LISTEN": f"127.0.0.1:{self.port}",
            "MIGCHECK_ACCESS__ADMINS": _ADMINS,
            **self.surface.settings,
            **more,
        }

    @property
    def store_url(self) -> str:
        return f"sqlite:///{self.folder}/store.db"

    async def kept(self, case: str) -> Report:
        """The newest report of a case, as the store has it."""
        async with self._store() as store:
            row = await store.report(case)
        assert row is not None
        return row.report

    async def came_to(self, seen: Seen) -> tuple[str, str | None, str | None]:
        """Verdict, failing step and cause of a report that has just come."""
        assert seen.report
        report = await self.kept(seen.case)
        return report.verdict, report.failing_step, report.cause

    async def case_count(self, actor: Actor) -> int:
        """How many cases of a person there are."""
        async with self._store() as store:
            return len(await store.cases_of(actor.hands.name))

    @asynccontextmanager
    async def _store(self) -> AsyncIterator[Store]:
        """The running bot's own, or one beside it."""
        if self.running is not None:
            yield self.running.store
            return
        async with open_store(self.store_url) as store:
            yield store

    async def settled(self) -> None:
        """Nothing is on its way to the surface any more."""
        assert self.running is not None
        await self.running.conversation.settle()

    def stored(self) -> bytes:
        """Every byte that the store has written, and the log where there is one."""
        files = [path for path in sorted(self.folder.iterdir()) if path.name.startswith(("store", "log"))]
        return b"".join(path.read_bytes() for path in files)

    def has_nowhere(self, secret: str) -> None:
        """A secret stands in nothing that was stored, and in nothing that was given to the surface."""
        for text in (self.stored().decode(errors="replace"), self.surface.written()):
            assert secret not in text
            assert find_leaks(text, secret) == []

    def domain(self, name: str) -> str:
        """A domain of this story's own in the world that all share."""
        made = f"{name}-{next(_numbers)}.test"
        self.world.domain(made)
        return made
