"""The limits that a result was decided on with, so that the rounds of a slot can be told."""

import sqlalchemy as sa
from alembic import op

revision = "dso_0002"
down_revision = "dso_0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dso_decisions", sa.Column("grid_data", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("dso_decisions", "grid_data")
