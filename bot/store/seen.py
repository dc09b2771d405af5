"""Whether an event has come before."""

import sqlalchemy as sa

from bot.store.database import Database
from bot.store.tables import events


class Seen(Database):
    """The ids of events that had an effect. The method raises StoreError where the database fails."""

    async def has(self, event_id: str) -> bool:
        return await self._row(sa.select(events.c.id).where(events.c.id == event_id)) is not None
