"""The relay's tables: seals, closed slots, openings."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "relay_0001"
down_revision = None
branch_labels = ("relay",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "relay_seals",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("terms_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("received_at_s", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("market", "slot", "account"),
    )
    op.create_table(
        "relay_closed_slots",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("market", "slot"),
    )
    op.create_table(
        "relay_openings",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("side", WHOLE, nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.PrimaryKeyConstraint("market", "slot", "digest"),
    )


def downgrade() -> None:
    op.drop_table("relay_openings")
    op.drop_table("relay_closed_slots")
    op.drop_table("relay_seals")
