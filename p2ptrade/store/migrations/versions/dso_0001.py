"""The grid operator's table of decisions."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "dso_0001"
down_revision = None
branch_labels = ("dso",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "dso_decisions",
        sa.Column("number", WHOLE, nullable=False, autoincrement=True),
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("round_number", WHOLE, nullable=False),
        sa.Column("book_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("prices_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("grid_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("input_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("outcome", sa.String(16), nullable=False),
        sa.Column("envelope_root", sa.LargeBinary(32), nullable=False),
        sa.Column("envelopes", sa.JSON(), nullable=False),
        sa.Column("explanation", sa.JSON(), nullable=False),
        sa.Column("decided_at_s", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("number"),
    )
    op.create_index("ix_dso_decisions_market", "dso_decisions", ["market"])
    op.create_index("ix_dso_decisions_slot", "dso_decisions", ["slot"])


def downgrade() -> None:
    op.drop_table("dso_decisions")
