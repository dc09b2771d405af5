"""What was done how often (for limits), and by whom (the audit trail). Neither ever holds a secret."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from bot.core.limits import Limit, free_at, longest
from bot.store.database import Database, Row
from bot.store.tables import audit, uses


class Uses(Database):
    """Counts uses and keeps the trail. Every method raises StoreError where the database fails."""

    async def take(self, wanted: Sequence[tuple[str, str, Sequence[Limit]]], now: float) -> tuple[str, float] | None:
        """Count one use of each (kind, key) at once, or of none where a limit is reached: which kind, free from when.

        The keys are kept as hashes: they are people, mail addresses and hosts.
        """
        async with self._writing() as connection:
            for kind, key, limits in wanted:
                since = now - longest(limits)
                mine = (uses.c.kind == kind) & (uses.c.key == _hash(kind, key)) & (uses.c.at > since)
                times = (await connection.execute(sa.select(uses.c.at).where(mine))).scalars().all()
                if (free := free_at(limits, times, now)) is not None:
                    return kind, free
            if wanted:
                rows = [{"kind": kind, "key": _hash(kind, key), "at": now} for kind, key, _ in wanted]
                await connection.execute(sa.insert(uses), rows)
        return None

    async def note(self, person: str, case_id: str, what: str, subject: Mapping[str, Any], now: float) -> None:
        """Add a line to the audit trail: who did what in which case, and about what."""
        values = {"at": now, "person": person, "case_id": case_id, "what": what, "subject": dict(subject)}
        async with self._writing() as connection:
            await connection.execute(sa.insert(audit).values(values))

    async def trail(self, since: float = 0.0, limit: int = 1000) -> Sequence[Row]:
        """The audit trail, oldest first."""
        query = sa.select(audit).where(audit.c.at >= since).order_by(audit.c.id).limit(limit)
        return await self._rows(query)


def _hash(kind: str, key: str) -> str:
    return hashlib.sha256(f"{kind}:{key.casefold()}".encode()).hexdigest()
