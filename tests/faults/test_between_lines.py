"""Killed, or cut off from the store, at each single place where something outside changes: nothing is lost or doubled."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from bot.app import Mind
from bot.core.case import Case
from bot.core.events import Event, Pressed, Submitted, Typed
from bot.core.message import Message
from bot.core.secret import Secret
from bot.network import open_network
from bot.queue.local import LocalQueue
from bot.store.database import Database
from bot.store.rows import StoreError
from bot.store.store import Store, open_store
from bot.store.vault import Vault
from handlers.conversation import Conversation
from tests.handlers.conftest import ACCOUNT, SECRET, settings_for, sound
from tests.handlers.person import button, token_of
from tests.servers.world import World

__all__ = ["sound"]
CASE = Case("K7QF-2M", "desk:hanako", "desk", "thread-1", "en", admin=True)
_MOST = 400
_PATIENCE = 8.0


@dataclass
class Lines:
    """The places, numbered in the order in which they are reached; at the `fatal` one it happens."""

    fatal: int
    kill: bool
    number: int = 0
    dead: asyncio.Event = field(default_factory=asyncio.Event)
    buried: asyncio.Event = field(default_factory=asyncio.Event)
    """The next process may begin: nothing of this one waits any more."""

    async def reach(self, *, store: bool = False) -> None:
        self.number += 1
        if self.number == self.fatal:
            if self.kill:
                self.dead.set()
            elif store:
                raise StoreError("cut off")
            else:
                self.fatal += 1  # the platform's own troubles are told elsewhere
        if self.dead.is_set():
            await self.buried.wait()
            raise asyncio.CancelledError


@dataclass
class Board:
    """A platform that outlives the bot. What may be there already is looked for by its name."""

    lines: Lines
    name: str = "desk"
    secret_forms: bool = False
    open_to_all: bool = True
    channels: bool = True
    update_every: float = 0.0
    posted: list[str] = field(default_factory=list)
    states: dict[str, Message] = field(default_factory=dict)
    channel: list[str] = field(default_factory=list)

    async def post(self, case: Case, key: str, message: Message, *, again: bool) -> str:
        await self.lines.reach()
        if not again or key not in self.posted:
            self.posted.append(key)
            self.states[key] = message
        await self.lines.reach()
        return f"ref-{key}"

    async def amend(self, case: Case, key: str, ref: str, message: Message) -> None:
        assert ref == f"ref-{key}"
        await self.lines.reach()
        self.states[key] = message
        await self.lines.reach()

    async def share(self, case: Case, key: str, channel: str, message: Message, *, again: bool) -> str:
        await self.lines.reach()
        if not again or key not in self.channel:
            self.channel.append(key)
        await self.lines.reach()
        return ""

    def last(self, prefix: str) -> str | None:
        """The newest message whose name begins so."""
        return next((key for key in reversed(self.posted) if key.startswith(prefix)), None)

    def run(self) -> int:
        return int((self.last("progress:") or ":0").partition(":")[2])

    def end(self, run: int) -> str | None:
        return next((key for key in self.posted if key in (f"report:{run}", f"interrupted:{run}")), None)


@dataclass
class Office:
    talk: Conversation
    store: Store


@asynccontextmanager
async def process(world: World, folder: Path, board: Board) -> AsyncIterator[Office]:
    """One process of the bot, with the sweep of `bot.app`; when it ends it is killed."""
    settings = settings_for(world, folder)
    async with open_store(settings.store.url) as store:
        with open_network(settings) as network:
            queue, vault = LocalQueue(time.time), Vault(600)
            talk = Conversation(store, vault, queue, Mind(), network, {"desk": board}, settings, time.time)

            async def sweep() -> None:
                while True:
                    await asyncio.sleep(0.1)
                    with contextlib.suppress(StoreError):
                        await talk.sweep(0.3)

            with contextlib.suppress(StoreError):
                await talk.start()
            task = asyncio.create_task(sweep())
            try:
                yield Office(talk, store)
            finally:
                task.cancel()
                board.lines.buried.set()
                await asyncio.wait([task])
                await talk.stop(0)


async def until(found: Callable[[], Any]) -> Any:
    async with asyncio.timeout(_PATIENCE):
        while not (result := found()):
            await asyncio.sleep(0.01)
        return result


async def insist(act: Callable[[], Awaitable[Any]]) -> Any:
    """As a platform delivers again what was not acknowledged."""
    while True:
        with contextlib.suppress(StoreError):
            return await act()
        await asyncio.sleep(0.02)


async def dialogue(here: Office, board: Board) -> None:
    """From a domain to a log-in, and its report to a channel; begun anew in each process, since events come again."""

    async def tell(name: str, event: Event) -> None:
        await insist(lambda: here.talk.handle(name, CASE, event))

    await tell("begin", Typed(f"example.test {ACCOUNT}"))
    while True:
        await until(lambda: board.run() and board.end(board.run()))
        run = board.run()
        kept = await here.store.report(CASE.id)
        if board.end(run) == f"report:{run}" and kept is not None and kept.report.attempts:
            break
        if board.end(run) == f"interrupted:{run}":
            await tell(f"recheck:{run}", Pressed("recheck"))
        else:
            await _type(here, board, run)
        await until(lambda before=run: board.run() > before)
    await tell("share", Submitted("share", {"channel": "C0001"}))
    await until(lambda: board.last("shared:"))


async def _type(here: Office, board: Board, run: int) -> None:
    """The secret goes where the newest offer says; one that was made twice over a crash has another way by now."""
    used = set[str]()
    async with asyncio.timeout(_PATIENCE):
        while board.run() == run:
            offer = board.states.get(board.last("offer:") or "")
            if offer is not None and button(offer, "secret") and (token := token_of(offer)) not in used:
                taken = await insist(lambda token=token: here.talk.take_secret(token, Secret(SECRET)))
                used |= set() if taken else {token}
            await asyncio.sleep(0.01)


async def lived_through(world: World, folder: Path, lines: Lines) -> None:
    """The whole dialogue, with one misfortune."""
    folder.mkdir()
    board = Board(lines)
    async with process(world, folder, board) as here:
        talking = asyncio.create_task(dialogue(here, board))
        dying = asyncio.create_task(lines.dead.wait())
        await asyncio.wait([talking, dying], return_when=asyncio.FIRST_COMPLETED)
        talking.cancel() if lines.dead.is_set() else await talking
        dying.cancel()
        await asyncio.gather(talking, dying, return_exceptions=True)
        if not lines.dead.is_set():
            await _at_rest(here)
    if lines.dead.is_set():
        board.lines = Lines(0, kill=True)
        lines.dead = board.lines.dead  # what is written is watched by the same lines
        async with process(world, folder, board) as here:
            await dialogue(here, board)
            await _at_rest(here)
    assert sorted(board.posted) == sorted(set(board.posted)), "nothing is doubled"
    assert len(board.channel) == 1
    for run in range(1, board.run() + 1):
        assert len({f"report:{run}", f"interrupted:{run}"} & set(board.posted)) == 1, board.posted
        assert button(board.states[f"progress:{run}"], "cancel") is None, "its last state is there"


async def _at_rest(here: Office) -> None:
    """Everything that was decided was done."""
    async with asyncio.timeout(_PATIENCE):
        while [row for row in await here.store.open_effects() if row.effect["type"] != "OfferSecret"]:
            await asyncio.sleep(0.02)
    await here.talk.settle()


@pytest.mark.parametrize("kill", [True, False], ids=["killed", "cut off"])
async def test_nothing_is_lost_or_doubled_wherever_it_happens(
    sound: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kill: bool
) -> None:
    write, lines = Database._writing, Lines(0, kill)

    @asynccontextmanager
    async def watched(self: Database) -> AsyncIterator[Any]:
        await lines.reach(store=True)
        async with write(self) as connection:
            yield connection
        await lines.reach(store=True)

    monkeypatch.setattr(Database, "_writing", watched)
    for fatal in range(1, _MOST):
        lines = Lines(fatal, kill)
        try:
            await lived_through(sound, tmp_path / str(fatal), lines)
        except BaseException as error:
            error.add_note(f"at the {fatal}th place")
            raise
        if lines.number < fatal:
            return
    raise AssertionError("there is no end of it")
