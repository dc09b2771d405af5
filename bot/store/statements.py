"""Statements that are carried out all the time, made once: to make one takes SQLAlchemy longer than to carry it out."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from bot.store.tables import cases, events, messages, offers, outbox, people

_KEPT: dict[str, sa.ColumnElement[Any]] = {
    "body": sa.literal_column("excluded.body"),
    "updated": sa.literal_column("excluded.updated"),
    "ref": sa.literal_column("COALESCE(excluded.ref, messages.ref)"),
}
_AS_BEFORE = {"updated": people.c.updated}
"""Changes nothing, and keeps the row from everybody else until the transaction ends."""

CASE = sa.select(cases).where(cases.c.id == sa.bindparam("of"))
CHANGE_CASE = sa.update(cases).where(cases.c.id == sa.bindparam("of"), cases.c.version == sa.bindparam("was"))
_EFFECTS = sa.select(outbox.c.id, outbox.c.case_id, outbox.c.effect, outbox.c.created)
OPEN_EFFECTS = _EFFECTS.where(outbox.c.done.is_(None)).order_by(outbox.c.id)
OPEN_EFFECTS_OF_CASE = OPEN_EFFECTS.where(outbox.c.case_id == sa.bindparam("of"))
OPEN_EFFECT = _EFFECTS.where(outbox.c.id == sa.bindparam("of"), outbox.c.done.is_(None))
ADD_EFFECTS = sa.insert(outbox).returning(outbox.c.id, sort_by_parameter_order=True)
EFFECT_DONE = sa.update(outbox).where(outbox.c.id == sa.bindparam("of")).values(done=sa.bindparam("at"))
MESSAGE = sa.select(messages).where(messages.c.case_id == sa.bindparam("of"), messages.c.key == sa.bindparam("named"))
PUT_REF = (
    sa.update(messages)
    .where(messages.c.case_id == sa.bindparam("of"), messages.c.key == sa.bindparam("named"))
    .values(ref=sa.bindparam("fresh"))
)
KILL_OFFERS = (
    sa.update(offers)
    .where(offers.c.case_id == sa.bindparam("of"), offers.c.spent.is_(None))
    .values(spent=sa.bindparam("at"))
)
PERSON = sa.select(people).where(people.c.id == sa.bindparam("of"))
CHANGE_PERSON = sa.update(people).where(people.c.id == sa.bindparam("of"))


@dataclass(frozen=True, slots=True)
class Inserts:
    """What meets a row that is there already: each database's dialect has its own way to make these."""

    event: sa.Insert
    case: sa.Insert
    message: Any
    person: Any


def _inserts(insert: Any) -> Inserts:
    message = insert(messages).on_conflict_do_update(index_elements=["case_id", "key"], set_=_KEPT)
    return Inserts(
        insert(events).on_conflict_do_nothing(),
        insert(cases).on_conflict_do_nothing(),
        message.returning(messages.c.id),
        insert(people).on_conflict_do_update(index_elements=["id"], set_=_AS_BEFORE).returning(people),
    )


SQLITE, POSTGRESQL = _inserts(sqlite.insert), _inserts(postgresql.insert)
