"""The tables as queries see them; `migrations/` makes them. A test compares both."""

import json
from typing import Any

from sqlalchemy import (
    Column,
    Dialect,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

from bot.store.rows import dump

metadata = MetaData()


class Json(TypeDecorator[Any]):
    """JSON as text, the same in SQLite and PostgreSQL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else dump(value)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else json.loads(value)


def _case() -> Column[str]:
    return Column("case_id", Text, ForeignKey("cases.id", ondelete="CASCADE"), nullable=False)


cases = Table(
    "cases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("surface", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("state", Json, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    Column("version", Integer, nullable=False),
    Index("cases_of_person", "person", "updated"),
    Index("cases_by_age", "updated"),
)

events = Table(
    "events",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at", Double, nullable=False),
    Index("events_by_age", "at"),
)

outbox = Table(
    "outbox",
    metadata,
    Column("id", Integer, primary_key=True),
    _case(),
    Column("effect", Json, nullable=False),
    Column("created", Double, nullable=False),
    Column("done", Double),
    Index("outbox_of_case", "case_id", "done"),
    Index("outbox_by_done", "done"),
    sqlite_autoincrement=True,
)

messages = Table(
    "messages",
    metadata,
    Column("id", Integer, primary_key=True),
    _case(),
    Column("person", Text, nullable=False),
    Column("key", Text),
    Column("ref", Text),
    Column("body", Json, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
    UniqueConstraint("case_id", "key", name="messages_key_in_case"),
    Index("messages_of_person", "person", "id"),
    sqlite_autoincrement=True,
)

reports = Table(
    "reports",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("lang", Text, nullable=False),
    Column("report", Text, nullable=False),
    Column("notes", Text, nullable=False),
    Column("created", Double, nullable=False),
    Index("reports_by_age", "created"),
)

report_keys = Table(
    "report_keys",
    metadata,
    Column("key_hash", Text, primary_key=True),
    Column("case_id", Text, ForeignKey("reports.case_id", ondelete="CASCADE"), nullable=False),
    Index("report_keys_of_case", "case_id"),
)

offers = Table(
    "offers",
    metadata,
    Column("token_hash", Text, primary_key=True),
    _case(),
    Column("person", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("expires", Double, nullable=False),
    Column("spent", Double),
    Index("offers_of_case", "case_id"),
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("lang", Text),
    Column("state", Json, nullable=False),
    Column("updated", Double, nullable=False),
)

threads = Table(
    "threads",
    metadata,
    Column("case_id", Text, primary_key=True),
    Column("person", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("root", Text),
    Column("place", Json, nullable=False),
    Column("created", Double, nullable=False),
    Index("threads_by_root", "channel", "root"),
)

installations = Table(
    "installations",
    metadata,
    Column("id", Text, primary_key=True),
    Column("enterprise", Text, nullable=False),
    Column("team", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("updated", Double, nullable=False),
    Index("installations_of_team", "enterprise", "team"),
)

uses = Table(
    "uses",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("at", Double, nullable=False),
    Index("uses_of_key", "kind", "key", "at"),
    Index("uses_by_age", "at"),
    sqlite_autoincrement=True,
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at", Double, nullable=False),
    Column("person", Text, nullable=False),
    Column("case_id", Text, nullable=False),
    Column("what", Text, nullable=False),
    Column("subject", Json, nullable=False),
    Index("audit_by_age", "at"),
    Index("audit_of_person", "person", "at"),
    sqlite_autoincrement=True,
)

nodes = Table(
    "nodes",
    metadata,
    Column("id", Text, primary_key=True),
    Column("role", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("beat", Double, nullable=False),
)
