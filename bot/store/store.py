"""The store: small methods, each one transaction. Times are passed in, as POSIX seconds."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.core.model import Lang, Report
from bot.store import statements
from bot.store.database import Database, Row
from bot.store.engine import READERS, faults_in_words, make_engine, migrate
from bot.store.place import ROOT, prepare, read_place
from bot.store.reports import PUT_REPORT, hash_of, kept_report, report_row
from bot.store.rows import CaseRow, EffectRow, KeptReport, MessageRow, Offer, OfferClosed, PersonRow, StaleCase
from bot.store.tables import cases, events, messages, offers, outbox, people, report_keys, reports
from bot.store.upkeep import delete_expired, delete_person

Enqueue = Callable[[Sequence[EffectRow], Any], Awaitable[None]]
"""Puts jobs for effects into a queue, over the driver's connection of a transaction."""


@asynccontextmanager
async def open_store(url: str, root: Path = ROOT) -> AsyncIterator["Store"]:
    """The store that `store.url` names, its schema up to date; relative paths of SQLite are below `root`.

    Raises StoreError where it cannot be opened.
    """
    place = read_place(url, root)
    if place.path is not None:
        await asyncio.to_thread(prepare, place.path)
    engine = make_engine(place)
    reader = make_engine(place, READERS) if place.path is not None else None
    try:
        with faults_in_words(place.shown):
            async with engine.begin() as connection:
                await connection.run_sync(migrate)
        yield Store(engine, place, reader)
    finally:
        if reader is not None:
            await reader.dispose()
        await engine.dispose()


class Store(Database):
    """Made by `open_store`. Every method raises StoreError where the database fails (full disk, lock, connection)."""

    @property
    def _inserts(self) -> statements.Inserts:
        return statements.POSTGRESQL if self.place.path is None else statements.SQLITE

    # Cases and what is to be done about them.

    async def take(
        self,
        event_id: str,
        case: CaseRow,
        effects: Sequence[Mapping[str, Any]],
        *,
        spend: str | None = None,
        withdraw: bool = False,
        enqueue: Enqueue | None = None,
    ) -> list[EffectRow] | None:
        """Store an event's outcome once: event id, case and effects together; `case.updated` is the event's time.

        `spend` is the token of an offer that the event uses up; `withdraw` ends every open offer of the case; `enqueue`
        puts jobs for the effects into a queue, all within the same transaction. None, and nothing is written, where the
        event was seen before. Raises StaleCase where the case was changed since it was loaded, or where a new case's id
        is taken, and OfferClosed where the offer is not open (any more); then the event counts as not seen.
        """
        async with self._writing() as connection:
            if not await self._once(connection, event_id, case.updated):
                return None
            await self._write_case(connection, case)
            if spend is not None:
                await self._spend(connection, spend, case.updated)
            if withdraw:
                await connection.execute(statements.KILL_OFFERS, {"of": case.id, "at": case.updated})
            rows = [EffectRow(0, case.id, effect, case.updated) for effect in effects]
            if rows:
                values = [{"case_id": row.case_id, "effect": row.effect, "created": row.created} for row in rows]
                ids = (await connection.execute(statements.ADD_EFFECTS, values)).scalars().all()
                rows = [replace(row, id=name) for row, name in zip(rows, ids, strict=True)]
            if enqueue is not None:
                await enqueue(rows, (await connection.get_raw_connection()).driver_connection)
        return rows

    async def _once(self, connection: AsyncConnection, event_id: str, now: float) -> bool:
        return (await connection.execute(self._inserts.event, {"id": event_id, "at": now})).rowcount == 1

    async def _write_case(self, connection: AsyncConnection, case: CaseRow) -> None:
        values: dict[str, Any] = {
            "person": case.person,
            "surface": case.surface,
            "place": case.place,
            "state": case.state,
        }
        values |= {"updated": case.updated, "version": case.version + 1}
        if case.version == 0:
            written = await connection.execute(self._inserts.case, values | {"id": case.id, "created": case.created})
        else:
            written = await connection.execute(statements.CHANGE_CASE, values | {"of": case.id, "was": case.version})
        if written.rowcount != 1:
            raise StaleCase(case.id)

    async def case(self, case_id: str) -> CaseRow | None:
        row = await self._row(statements.CASE, {"of": case_id})
        return CaseRow(**row) if row else None

    async def cases_of(self, person: str, limit: int = 20) -> list[CaseRow]:
        """A person's cases, the one that was changed last first."""
        query = (
            sa.select(cases).where(cases.c.person == person).order_by(cases.c.updated.desc(), cases.c.id).limit(limit)
        )
        return [CaseRow(**row) for row in await self._rows(query)]

    async def open_effects(self, case_id: str | None = None, *, before: float | None = None) -> list[EffectRow]:
        """Effects that are not done, in the order in which they were decided: of one case, or all (after a crash).

        `before` leaves out those that were decided later.
        """
        query = statements.OPEN_EFFECTS if case_id is None else statements.OPEN_EFFECTS_OF_CASE
        if before is not None:
            query = query.where(outbox.c.created < before)
        values = None if case_id is None else {"of": case_id}
        return [EffectRow(**row) for row in await self._rows(query, values)]

    async def open_effect(self, effect_id: int) -> EffectRow | None:
        """One effect; None where it is done."""
        row = await self._row(statements.OPEN_EFFECT, {"of": effect_id})
        return EffectRow(**row) if row else None

    async def effects_done(self, ids: Sequence[int], now: float) -> None:
        if not ids:
            return
        async with self._writing() as connection:
            await connection.execute(statements.EFFECT_DONE, [{"of": name, "at": now} for name in ids])

    # Conversations.

    async def put_message(
        self, case_id: str, person: str, key: str, body: Mapping[str, Any], now: float, *, ref: str | None = None
    ) -> int:
        """Amend the message that `key` names, or append it; its id. Without `ref` the earlier one stays."""
        values = {
            "case_id": case_id,
            "person": person,
            "key": key,
            "ref": ref,
            "body": body,
            "created": now,
            "updated": now,
        }
        async with self._writing() as connection:
            return int((await connection.execute(self._inserts.message, values)).scalar_one())

    async def put_ref(self, case_id: str, key: str, ref: str) -> None:
        """Keep the platform's id of a message. The message itself is as it was."""
        async with self._writing() as connection:
            await connection.execute(statements.PUT_REF, {"of": case_id, "named": key, "fresh": ref})

    async def message(self, case_id: str, key: str) -> MessageRow | None:
        row = await self._row(statements.MESSAGE, {"of": case_id, "named": key})
        return MessageRow(**row) if row else None

    async def messages_of(
        self, person: str, *, case_id: str | None = None, after: int = 0, changed_since: float = 0.0, limit: int = 500
    ) -> list[MessageRow]:
        """A person's conversation, or one case of it, oldest first: the newest `limit` messages.

        `after` leaves out ids up to this one; `changed_since` what was last added or amended before that time.
        """
        query = sa.select(messages).where(
            messages.c.person == person, messages.c.id > after, messages.c.updated >= changed_since
        )
        if case_id is not None:
            query = query.where(messages.c.case_id == case_id)
        rows = await self._rows(query.order_by(messages.c.id.desc()).limit(limit))
        return [MessageRow(**row) for row in reversed(rows)]

    # Reports.

    async def put_report(self, report: Report, lang: Lang, now: float) -> None:
        """Store a case's report in place of an earlier one, whose links open this one."""
        await self.put_report_rows([report_row(report, lang, now)])

    async def put_report_rows(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Store what `bot.store.reports.report_row` made, all at once."""
        async with self._writing() as connection:
            await connection.execute(sa.text(PUT_REPORT), [dict(row) for row in rows])

    async def report(self, case_id: str) -> KeptReport | None:
        row = await self._row(sa.select(reports).where(reports.c.case_id == case_id))
        return kept_report(row) if row else None

    async def add_report_key(self, case_id: str, key: str) -> None:
        """Let a key open the page of a case's report; only its hash is kept. The report must be stored."""
        async with self._writing() as connection:
            await connection.execute(sa.insert(report_keys).values(key_hash=hash_of(key), case_id=case_id))

    async def report_for(self, case_id: str, key: str) -> KeptReport | None:
        """The report for whoever holds a key to it; None as well where case or key are wrong."""
        mine = (report_keys.c.key_hash == hash_of(key)) & (report_keys.c.case_id == reports.c.case_id)
        row = await self._row(sa.select(reports).join(report_keys, mine).where(reports.c.case_id == case_id))
        return kept_report(row) if row else None

    async def revoke_keys(self, case_id: str) -> None:
        """End every link to a report's page."""
        async with self._writing() as connection:
            await connection.execute(sa.delete(report_keys).where(report_keys.c.case_id == case_id))

    # Offers to type a secret.

    async def add_offer(self, token: str, offer: Offer) -> None:
        """Keep an offer under its token, of which only the hash is stored. The case must be stored."""
        values = {"case_id": offer.case_id, "person": offer.person, "code": offer.code, "expires": offer.expires}
        async with self._writing() as connection:
            await connection.execute(sa.insert(offers).values(token_hash=hash_of(token), **values))

    async def offer(self, token: str) -> Offer | None:
        """The offer of a token, spent and expired ones too (see `Offer.open_at`). Spends nothing."""
        row = await self._row(sa.select(offers).where(offers.c.token_hash == hash_of(token)))
        return _offer(row) if row else None

    async def open_offer(self, case_id: str, now: float) -> Offer | None:
        """The offer of a case that is open; there is one at most."""
        mine = (offers.c.case_id == case_id) & offers.c.spent.is_(None) & (offers.c.expires > now)
        row = await self._row(sa.select(offers).where(mine).order_by(offers.c.expires.desc()).limit(1))
        return _offer(row) if row else None

    async def _spend(self, connection: AsyncConnection, token: str, now: float) -> None:
        """The first who asks gets it; everyone else OfferClosed, as for an expired, killed or unknown one."""
        mine = (offers.c.token_hash == hash_of(token)) & offers.c.spent.is_(None) & (offers.c.expires > now)
        if (await connection.execute(sa.update(offers).where(mine).values(spent=now))).rowcount != 1:
            raise OfferClosed

    async def kill_offers(self, case_id: str, now: float) -> None:
        """End every open offer of a case."""
        async with self._writing() as connection:
            await connection.execute(statements.KILL_OFFERS, {"of": case_id, "at": now})

    # People.

    async def person(self, person: str) -> PersonRow | None:
        row = await self._row(statements.PERSON, {"of": person})
        return PersonRow(**row) if row else None

    async def change_person(self, person: str, change: Callable[[PersonRow], PersonRow]) -> PersonRow:
        """Change what is kept of a person, as it is now: of two changes at once none is lost. What is kept then.

        `change` is given an empty row where nothing is kept yet.
        """
        async with self._writing() as connection:
            empty: dict[str, Any] = {"id": person, "lang": None, "state": {}, "updated": 0.0}
            row = (await connection.execute(self._inserts.person, empty)).mappings().one()
            fresh = change(PersonRow(**row))
            values = {"lang": fresh.lang, "state": fresh.state, "updated": fresh.updated}
            await connection.execute(statements.CHANGE_PERSON, values | {"of": person})
        return fresh

    async def people_called(self, name: str) -> list[str]:
        """The people whom a platform knows by this id, by our own names for them (slack:TEAM:ID)."""
        tail = "%:" + name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found: set[str] = set()
        for column in (cases.c.person, people.c.id):
            query = sa.select(column.label("id")).where(column.like(tail, escape="\\")).distinct()
            found |= {row["id"] for row in await self._rows(query)}
        return sorted(found)

    # Upkeep.

    async def expire(self, now: float, retention_days: float) -> dict[str, int]:
        """Delete what is older than the retention, dead offers, old event ids and done effects; how many of each."""
        async with self._writing() as connection:
            counts = await delete_expired(connection, now, retention_days)
        await self._shed(thoroughly=False)
        return counts

    async def erase(self, person: str) -> dict[str, int]:
        """Delete everything that is kept of a person; how many of each. Nothing of it stays in SQLite's files."""
        async with self._writing() as connection:
            counts = await delete_person(connection, person)
        await self._shed(thoroughly=True)
        return counts

    async def try_writing(self, now: float) -> None:
        """Write and delete, each to the disk: finds a full disk and a lock, which `ping` does not."""
        probe = f"write-test-{now}"
        async with self._writing() as connection:
            await self._once(connection, probe, now)
        async with self._writing() as connection:
            await connection.execute(sa.delete(events).where(events.c.id == probe))


def _offer(row: Row) -> Offer:
    return Offer(row["case_id"], row["person"], row["code"], row["expires"], row["spent"])
