"""What is deleted: after the retention, or because a person asks for it. Runs within the caller's transaction."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.store.reports import DAY, EXPIRE_REPORTS
from bot.store.tables import audit, cases, events, messages, offers, outbox, people, reports, threads, uses

_EVENTS_KEPT = 3 * DAY
"""Platforms deliver again within hours: Slack within one, Lark within seven."""
_REMAINS_KEPT = DAY
"""Dead offers and effects that are done serve whoever looks for the cause of something."""


async def delete_expired(connection: AsyncConnection, now: float, retention_days: float) -> dict[str, int]:
    """Delete by age: a case by its last change and with it its conversation; a report without a case by its own age."""
    limit = now - retention_days * DAY
    old = sa.select(cases.c.id).where(cases.c.updated < limit)
    alone = await connection.execute(sa.text(EXPIRE_REPORTS), {"limit": limit})
    counts = await _delete(
        connection,
        {
            "reports": sa.delete(reports).where(reports.c.case_id.in_(old)),
            "messages": sa.delete(messages).where(messages.c.case_id.in_(old)),
            "cases": sa.delete(cases).where(cases.c.updated < limit),
            "offers": sa.delete(offers).where(offers.c.expires < now - _REMAINS_KEPT),
            "effects": sa.delete(outbox).where(outbox.c.done < now - _REMAINS_KEPT),
            "events": sa.delete(events).where(events.c.at < now - _EVENTS_KEPT),
            "people": sa.delete(people).where(people.c.updated < limit, people.c.id.not_in(sa.select(cases.c.person))),
        },
    )
    await _delete(connection, _traces(now, limit))
    return counts | {"reports": counts["reports"] + alone.rowcount}


def _traces(now: float, limit: float) -> dict[str, sa.Delete]:
    """What lies beside the cases: it is not counted, since nobody misses it."""
    alone = threads.c.case_id.not_in(sa.select(cases.c.id))
    return {
        "threads": sa.delete(threads).where(threads.c.created < now - _REMAINS_KEPT, alone),
        "uses": sa.delete(uses).where(uses.c.at < limit),
        "audit": sa.delete(audit).where(audit.c.at < limit),
    }


async def delete_person(connection: AsyncConnection, person: str) -> dict[str, int]:
    """Delete all that belongs to a person; what hangs on a case goes with the case."""
    own = sa.select(cases.c.id).where(cases.c.person == person)
    return await _delete(
        connection,
        {
            "reports": sa.delete(reports).where(reports.c.case_id.in_(own)),
            "messages": sa.delete(messages).where(messages.c.case_id.in_(own) | (messages.c.person == person)),
            "offers": sa.delete(offers).where(offers.c.case_id.in_(own) | (offers.c.person == person)),
            "threads": sa.delete(threads).where(threads.c.person == person),
            "audit": sa.delete(audit).where(audit.c.person == person),
            "cases": sa.delete(cases).where(cases.c.person == person),
            "people": sa.delete(people).where(people.c.id == person),
        },
    )


async def _delete(connection: AsyncConnection, deletions: dict[str, sa.Delete]) -> dict[str, int]:
    return {name: (await connection.execute(deletion)).rowcount for name, deletion in deletions.items()}
