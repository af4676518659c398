"""The oracle's tables: readings and reports."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "oracle_0001"
down_revision = None
branch_labels = ("oracle",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oracle_readings",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("meter_point", sa.LargeBinary(32), nullable=False),
        sa.Column("import_wh", WHOLE, nullable=False),
        sa.Column("export_wh", WHOLE, nullable=False),
        sa.Column("meter_time_s", WHOLE, nullable=False),
        sa.Column("quality", WHOLE, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.Column("flags", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("market", "account", "sequence"),
    )
    op.create_index("ix_oracle_readings_slot", "oracle_readings", ["slot"])
    op.create_table(
        "oracle_reports",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("version", WHOLE, nullable=False),
        sa.Column("readings_root", sa.LargeBinary(32), nullable=False),
        sa.Column("data_hash", sa.LargeBinary(32), nullable=False),
        sa.Column("accounts", WHOLE, nullable=False),
        sa.Column("delivered_wh", WHOLE, nullable=False),
        sa.Column("pages", sa.JSON(), nullable=False),
        sa.Column("leaves", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("market", "slot", "version"),
    )


def downgrade() -> None:
    op.drop_table("oracle_reports")
    op.drop_table("oracle_readings")
