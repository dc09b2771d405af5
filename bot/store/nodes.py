"""Which processes of the bot are there, by the signs of life that they leave; and what time the store has."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.tables import nodes


@dataclass(frozen=True, slots=True)
class Node:
    """`beat` is when it last gave a sign of life."""

    id: str
    role: str
    version: str
    beat: float


class Nodes(Database):
    """Every method raises StoreError where the database fails."""

    async def beat(self, node: Node) -> None:
        """A sign of life."""
        values = {"role": node.role, "version": node.version, "beat": node.beat}
        change = self._insert(nodes).values(id=node.id, **values)
        async with self._writing() as connection:
            await connection.execute(change.on_conflict_do_update(index_elements=["id"], set_=values))

    async def since(self, when: float) -> list[Node]:
        """The nodes that gave a sign of life since then."""
        rows = await self._rows(sa.select(nodes).where(nodes.c.beat >= when).order_by(nodes.c.id))
        return [Node(**row) for row in rows]

    async def forget(self, before: float) -> None:
        """Forget those that are long gone."""
        async with self._writing() as connection:
            await connection.execute(sa.delete(nodes).where(nodes.c.beat < before))

    async def leave(self, name: str) -> None:
        """A node ends as it should."""
        async with self._writing() as connection:
            await connection.execute(sa.delete(nodes).where(nodes.c.id == name))

    async def now(self) -> float:
        """The time by the database server's clock; by this machine's where the store is a file."""
        if self.place.path is not None:
            return time.time()
        row = await self._row(sa.select(sa.func.extract("epoch", sa.func.clock_timestamp()).label("now")))
        assert row is not None  # it asks for one
        return float(row["now"])


def steady() -> Callable[[], float]:
    """POSIX seconds that go on evenly when somebody sets this machine's clock: lives are counted by them."""
    ahead = time.time() - time.monotonic()
    return lambda: time.monotonic() + ahead


class StoreClock:
    """POSIX seconds by the store's clock, so that all nodes count lives and limits alike."""

    def __init__(self, own: Callable[[], float] | None = None) -> None:
        self._own = own or steady()
        self.ahead = 0.0
        """Seconds that the store's clock is ahead of this machine's."""

    def __call__(self) -> float:
        return self._own() + self.ahead

    async def follow(self, table: Nodes) -> None:
        """Look at the store's clock. Half of what asking took is on the way."""
        before = self._own()
        now = await table.now()
        self.ahead = now - (before + self._own()) / 2
