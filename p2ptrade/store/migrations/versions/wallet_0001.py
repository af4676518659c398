"""The wallet's table of own orders."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "wallet_0001"
down_revision = None
branch_labels = ("wallet",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "wallet_orders",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("counter", WHOLE, nullable=False),
        sa.Column("side", WHOLE, nullable=False),
        sa.Column("steps", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(16), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("direct", sa.Boolean(), nullable=False),
        sa.Column("received_at_s", WHOLE, nullable=True),
        sa.Column("receipt", sa.LargeBinary(64), nullable=True),
        sa.Column("opened", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("market", "slot", "account", "counter"),
    )


def downgrade() -> None:
    op.drop_table("wallet_orders")
