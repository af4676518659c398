"""Readings that a participant contests a settled slot with."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "oracle_0002"
down_revision = "oracle_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oracle_contested_readings",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("meter_point", sa.LargeBinary(32), nullable=False),
        sa.Column("import_wh", WHOLE, nullable=False),
        sa.Column("export_wh", WHOLE, nullable=False),
        sa.Column("meter_time_s", WHOLE, nullable=False),
        sa.Column("quality", WHOLE, nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("market", "digest"),
    )


def downgrade() -> None:
    op.drop_table("oracle_contested_readings")
