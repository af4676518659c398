"""A slot may have a second reading: the measured one that takes the place of an estimated one."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from p2ptrade.store.database import WHOLE

revision = "gateway_0002"
down_revision = "gateway_0001"
branch_labels = None
depends_on = None

# SQLite keeps no names of constraints; these are the ones that PostgreSQL gives by itself.
_NAMES: Final = {"uq": "%(table_name)s_%(column_0_N_name)s_key"}
_ONE_A_SLOT: Final = "gateway_readings_account_slot_key"
_REPLACING: Final = 2**62


def upgrade() -> None:
    with op.batch_alter_table("gateway_readings", naming_convention=_NAMES) as table:
        table.drop_constraint(_ONE_A_SLOT, type_="unique")


def downgrade() -> None:
    readings = sa.table("gateway_readings", sa.column("sequence", WHOLE))
    op.execute(sa.delete(readings).where(readings.c.sequence >= _REPLACING))
    with op.batch_alter_table("gateway_readings", naming_convention=_NAMES) as table:
        table.create_unique_constraint(_ONE_A_SLOT, ["account", "slot"])
