"""Where on a chat platform a case's talk is: the place as the platform's adapter understands it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.tables import threads


@dataclass(frozen=True, slots=True)
class Thread:
    """`root` names the first message of the thread in `channel`; None while nothing was shown yet."""

    case_id: str
    person: str
    channel: str
    root: str | None
    place: Mapping[str, Any]
    created: float


_OF_CASE = sa.select(threads).where(threads.c.case_id == sa.bindparam("case"))
_AT = sa.select(threads).where(threads.c.channel == sa.bindparam("where"), threads.c.root == sa.bindparam("first"))


class Threads(Database):
    """The table of threads. Every method raises StoreError where the database fails."""

    async def put(self, thread: Thread) -> bool:
        """Keep a new thread; False where the case has one already, which then stays."""
        values = {
            "case_id": thread.case_id, "person": thread.person, "channel": thread.channel, "root": thread.root,
            "place": dict(thread.place), "created": thread.created,
        }  # fmt: skip
        async with self._writing() as connection:
            put = self._insert(threads).on_conflict_do_nothing()
            return bool((await connection.execute(put, values)).rowcount == 1)

    async def begin(
        self,
        case_id: str,
        channel: str,
        root: str,
        place: Mapping[str, Any] | None = None,
        *,
        instead_of: str | None = None,
    ) -> None:
        """The first message of a case was shown; an earlier one stays the root. `place` is what stays of the place.

        `instead_of` is an earlier root that is gone.
        """
        values: dict[str, Any] = {"channel": channel, "root": root} | (
            {"place": dict(place)} if place is not None else {}
        )
        before = threads.c.root.is_(None) if instead_of is None else threads.c.root == instead_of
        change = sa.update(threads).where(threads.c.case_id == case_id, before)
        async with self._writing() as connection:
            await connection.execute(change.values(values))

    async def of_case(self, case_id: str) -> Thread | None:
        row = await self._row(_OF_CASE, {"case": case_id})
        return Thread(**row) if row else None

    async def at(self, channel: str, root: str) -> Thread | None:
        """The thread that begins with this message."""
        row = await self._row(_AT, {"where": channel, "first": root})
        return Thread(**row) if row else None
