"""Readings that a participant contests a settled slot with."""

import sqlalchemy as sa
from alembic import op

revision = "oracle_0002"
down_revision = "oracle_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "oracle_contested_readings",
        sa.Column("market", sa.String(64), nullable=False),
        sa.Column("digest", sa.LargeBinary(32), nullable=False),
        sa.Column("account", sa.Integer(), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("meter_point", sa.LargeBinary(32), nullable=False),
        sa.Column("import_wh", sa.Integer(), nullable=False),
        sa.Column("export_wh", sa.Integer(), nullable=False),
        sa.Column("meter_time_s", sa.Integer(), nullable=False),
        sa.Column("quality", sa.Integer(), nullable=False),
        sa.Column("previous", sa.LargeBinary(32), nullable=False),
        sa.Column("signature", sa.LargeBinary(64), nullable=False),
        sa.PrimaryKeyConstraint("market", "digest"),
    )


def downgrade() -> None:
    op.drop_table("oracle_contested_readings")
