"""The table of outgoing transactions."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "outbox_0001"
down_revision = None
branch_labels = ("outbox",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "outbox",
        sa.Column("chain_id", WHOLE, nullable=False),
        sa.Column("intent", sa.String(200), nullable=False),
        sa.Column("attempt", WHOLE, nullable=False),
        sa.Column("sender", sa.String(42), nullable=False),
        sa.Column("nonce", WHOLE, nullable=False),
        sa.Column("gas_price_wei", WHOLE, nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("transaction_hash", sa.LargeBinary(), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("succeeded", sa.Boolean(), nullable=True),
        sa.Column("block_number", WHOLE, nullable=True),
        sa.Column("block_hash", sa.LargeBinary(), nullable=True),
        sa.Column("gas_used", WHOLE, nullable=True),
        sa.CheckConstraint("state IN ('pending', 'mined', 'final', 'dropped')", name="outbox_state"),
        sa.PrimaryKeyConstraint("chain_id", "intent", "attempt"),
        sa.UniqueConstraint("transaction_hash"),
    )
    op.create_index("outbox_open", "outbox", ["chain_id", "sender", "state", "nonce"])


def downgrade() -> None:
    op.drop_table("outbox")
