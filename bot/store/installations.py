"""Who installed the bot where. What an installation holds comes and goes sealed; the store cannot read it."""

from collections.abc import Sequence

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.tables import events, installations


class Installations(Database):
    """The table of installations. Every method raises StoreError where the database fails."""

    async def put(self, name: str, enterprise: str, team: str, sealed: str, now: float) -> None:
        """Keep an installation in place of an earlier one of that name."""
        values = {"enterprise": enterprise, "team": team, "sealed": sealed, "updated": now}
        change = self._insert(installations).values(id=name, **values)
        async with self._writing() as connection:
            await connection.execute(change.on_conflict_do_update(index_elements=["id"], set_=values))

    async def get(self, name: str) -> str | None:
        row = await self._row(sa.select(installations.c.sealed).where(installations.c.id == name))
        return row["sealed"] if row else None

    async def all(self) -> Sequence[str]:
        found = await self._rows(sa.select(installations.c.sealed).order_by(installations.c.id))
        return [row["sealed"] for row in found]

    async def delete(self, names: Sequence[str]) -> None:
        async with self._writing() as connection:
            await connection.execute(sa.delete(installations).where(installations.c.id.in_(names)))

    async def delete_team(self, enterprise: str, team: str) -> None:
        """Delete everything of a workspace."""
        mine = (installations.c.enterprise == enterprise) & (installations.c.team == team)
        async with self._writing() as connection:
            await connection.execute(sa.delete(installations).where(mine))

    async def once(self, name: str, now: float) -> bool:
        """Whether this is the first time that somebody comes with this name (a state of the installation's way)."""
        async with self._writing() as connection:
            seen = self._insert(events).values(id=name, at=now).on_conflict_do_nothing()
            return bool((await connection.execute(seen)).rowcount == 1)
