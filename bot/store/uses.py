"""What was done how often (for limits), and by whom (the audit trail). Neither ever holds a secret."""

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.limits import Limit
from bot.store.database import Database, Row
from bot.store.tables import audit, uses

HOST = "host"
"""The kind of a server's uses: servers are what can be at rest."""
_REST = "rest"
_LOCK = 0x6D696763
"""PostgreSQL locks by two numbers: this one says that the other is of a use."""
_NEWEST = (
    sa.select(uses.c.at)
    .where(uses.c.kind == sa.bindparam("of"), uses.c.key == sa.bindparam("who"))
    .order_by(uses.c.at.desc())
    .offset(sa.bindparam("newer"))
    .limit(1)
)
"""The newest use but so many newer ones. The index has it at once, and whoever counts the same waits for it."""
_COUNT, _NOTE = sa.insert(uses), sa.insert(audit)


class Uses(Database):
    """Counts uses and keeps the trail. Every method raises StoreError where the database fails."""

    async def take(
        self, wanted: Sequence[tuple[str, str, Sequence[Limit]]], now: float, line: Mapping[str, Any] | None = None
    ) -> tuple[str, float] | None:
        """Count one use of each (kind, key) at once, or of none where a limit is reached: which kind, free from when.

        A server that is at rest is never free before, whatever its limits; its kind is then `rest`. The keys are kept
        as hashes: they are people, mail addresses and hosts. `line` goes into the audit trail with what is counted.
        """
        async with self._writing() as connection:
            await self._one_at_a_time(connection, [_hash(kind, key) for kind, key, _ in wanted])
            until = await _at_rest(connection, [key for kind, key, _ in wanted if kind == HOST], now)
            if until is not None:
                return _REST, until
            for kind, key, limits in wanted:
                if (free := await _free_at(connection, kind, key, limits, now)) is not None:
                    return kind, free
            if wanted:
                rows = [{"kind": kind, "key": _hash(kind, key), "at": now} for kind, key, _ in wanted]
                await connection.execute(_COUNT, rows)
            if line is not None:
                await connection.execute(_NOTE, line)
        return None

    async def _one_at_a_time(self, connection: AsyncConnection, keys: Collection[str]) -> None:
        """Let nobody else count the same until the transaction ends: two would both see the last free place.

        SQLite has one writer anyway. The order of the locks is everybody's, so that none waits for another in a circle.
        """
        if self.place.path is not None:
            return
        for number in sorted({int(key[:7], 16) for key in keys}):
            await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK, number)))

    async def rest(self, hosts: Mapping[str, float]) -> None:
        """Leave servers alone, each until its time. One that is at rest already rests until the later time."""
        rows = [{"kind": _REST, "key": _hash(HOST, host), "at": until} for host, until in hosts.items()]
        if rows:
            async with self._writing() as connection:
                await connection.execute(_COUNT, rows)

    async def at_rest(self, hosts: Collection[str], now: float) -> float | None:
        """Until when one of these servers is left alone, None where none is."""
        row = await self._row(_resting(hosts, now)) if hosts else None
        return row["until"] if row else None

    async def note(self, person: str, case_id: str, what: str, subject: Mapping[str, Any], now: float) -> None:
        """Add a line to the audit trail: who did what in which case, and about what."""
        async with self._writing() as connection:
            await connection.execute(_NOTE, line_of(person, case_id, what, subject, now))

    async def trail(
        self, since: float = 0.0, limit: int = 1000, *, person: str | None = None, after: int = 0
    ) -> Sequence[Row]:
        """The audit trail, oldest first, from the row behind the one with the id `after`.

        `person` is our own name for somebody, or the platform's id of him, in whichever workspace.
        """
        query = sa.select(audit).where(audit.c.at >= since, audit.c.id > after)
        if person is not None:
            query = query.where(
                sa.or_(audit.c.person == person, audit.c.person.endswith(f":{person}", autoescape=True))
            )
        return await self._rows(query.order_by(audit.c.id).limit(limit))


def line_of(person: str, case_id: str, what: str, subject: Mapping[str, Any], now: float) -> Mapping[str, Any]:
    """A line of the audit trail."""
    return {"at": now, "person": person, "case_id": case_id, "what": what, "subject": dict(subject)}


async def _free_at(
    connection: AsyncConnection, kind: str, key: str, limits: Iterable[Limit], now: float
) -> float | None:
    """When the next use is allowed, None where it is now: a limit is over while the use so many back still counts."""
    free: float | None = None
    of = {"of": kind, "who": _hash(kind, key)}
    for limit in limits:
        at: float | None = (await connection.execute(_NEWEST, of | {"newer": limit.times - 1})).scalar()
        if at is not None and at + limit.seconds > now:
            free = max(free or 0.0, at + limit.seconds)
    return free


async def _at_rest(connection: AsyncConnection, hosts: Collection[str], now: float) -> float | None:
    until: float | None = (await connection.execute(_resting(hosts, now))).scalar() if hosts else None
    return until


def _resting(hosts: Collection[str], now: float) -> sa.Select[Any]:
    keys = [_hash(HOST, host) for host in hosts]
    return sa.select(sa.func.max(uses.c.at).label("until")).where(
        uses.c.kind == _REST, uses.c.key.in_(keys), uses.c.at > now
    )


def _hash(kind: str, key: str) -> str:
    return hashlib.sha256(f"{kind}:{key.casefold()}".encode()).hexdigest()
