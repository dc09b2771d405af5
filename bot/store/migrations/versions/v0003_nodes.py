"""Several nodes: who is there; and a report's link that stays good when the case is checked again."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("beat", sa.Double, nullable=False),
    )
    op.create_table(
        "report_keys",
        sa.Column("key_hash", sa.Text, primary_key=True),
        sa.Column("case_id", sa.Text, sa.ForeignKey("reports.case_id", ondelete="CASCADE"), nullable=False),
    )
    op.create_index("report_keys_of_case", "report_keys", ["case_id"])
    op.execute(
        "INSERT INTO report_keys (key_hash, case_id) SELECT key_hash, case_id FROM reports WHERE key_hash IS NOT NULL"
    )
    op.execute("ALTER TABLE reports DROP COLUMN key_hash")
