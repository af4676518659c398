"""The gateway's tables: readings, marks of the oracles, refusals, modelled homes."""

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "gateway_0001"
down_revision = None
branch_labels = ("gateway",)
depends_on = None


def upgrade() -> None:
    op.create_table(
        "gateway_readings",
        sa.Column("number", WHOLE, autoincrement=True, nullable=False),
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
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("account", "sequence"),
        sa.UniqueConstraint("account", "slot"),
    )
    op.create_table(
        "gateway_marks",
        sa.Column("oracle", sa.String(200), nullable=False),
        sa.Column("number", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("oracle"),
    )
    op.create_table(
        "gateway_refusals",
        sa.Column("oracle", sa.String(200), nullable=False),
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("sequence", WHOLE, nullable=False),
        sa.Column("reason", sa.String(500), nullable=False),
        sa.PrimaryKeyConstraint("oracle", "account", "sequence"),
    )
    op.create_table(
        "gateway_homes",
        sa.Column("account", WHOLE, nullable=False),
        sa.Column("slot", WHOLE, nullable=False),
        sa.Column("stored_wh", WHOLE, nullable=False),
        sa.Column("import_wh", WHOLE, nullable=False),
        sa.Column("export_wh", WHOLE, nullable=False),
        sa.Column("shed_wh", WHOLE, nullable=False),
        sa.Column("curtailed_wh", WHOLE, nullable=False),
        sa.PrimaryKeyConstraint("account"),
    )


def downgrade() -> None:
    op.drop_table("gateway_homes")
    op.drop_table("gateway_refusals")
    op.drop_table("gateway_marks")
    op.drop_table("gateway_readings")
