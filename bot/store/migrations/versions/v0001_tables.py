"""The first tables."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _case() -> "sa.Column[str]":
    return sa.Column("case_id", sa.Text, sa.ForeignKey("cases.id", ondelete="CASCADE"), nullable=False)


def upgrade() -> None:
    _cases()
    _conversation()
    _reports()


def _cases() -> None:
    op.create_table(
        "cases",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("surface", sa.Text, nullable=False),
        sa.Column("place", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
    )
    op.create_index("cases_of_person", "cases", ["person", "updated"])
    op.create_index("cases_by_age", "cases", ["updated"])
    op.create_table("events", sa.Column("id", sa.Text, primary_key=True), sa.Column("at", sa.Double, nullable=False))
    op.create_index("events_by_age", "events", ["at"])
    op.create_table(
        "people",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("lang", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
    )


def _conversation() -> None:
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer, primary_key=True),
        _case(),
        sa.Column("effect", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("done", sa.Double),
        sqlite_autoincrement=True,
    )
    op.create_index("outbox_of_case", "outbox", ["case_id", "done"])
    op.create_index("outbox_by_done", "outbox", ["done"])
    op.create_table(
        "messages",
        sa.Column("id", sa.Integer, primary_key=True),
        _case(),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("key", sa.Text),
        sa.Column("ref", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
        sa.UniqueConstraint("case_id", "key", name="messages_key_in_case"),
        sqlite_autoincrement=True,
    )
    op.create_index("messages_of_person", "messages", ["person", "id"])


def _reports() -> None:
    op.create_table(
        "reports",
        sa.Column("case_id", sa.Text, primary_key=True),
        sa.Column("lang", sa.Text, nullable=False),
        sa.Column("report", sa.Text, nullable=False),
        sa.Column("notes", sa.Text, nullable=False),
        sa.Column("key_hash", sa.Text),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_index("reports_by_age", "reports", ["created"])
    op.create_table(
        "offers",
        sa.Column("token_hash", sa.Text, primary_key=True),
        _case(),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("expires", sa.Double, nullable=False),
        sa.Column("spent", sa.Double),
    )
    op.create_index("offers_of_case", "offers", ["case_id"])
