"""All tables in one place, for migrations and for the test that compares them with the migrations."""

from p2ptrade.store.database import Base
from p2ptrade.store.dso import DsoDecisionRow
from p2ptrade.store.gateway import GatewayHomeRow, GatewayMarkRow, GatewayReadingRow, GatewayRefusalRow
from p2ptrade.store.oracle import OracleContestedReadingRow, OracleReadingRow, OracleReportRow
from p2ptrade.store.outbox import OutboxRow
from p2ptrade.store.relay import RelayClosedSlotRow, RelayOpeningRow, RelaySealRow
from p2ptrade.store.wallet import WalletOrderRow

__all__ = [
    "Base",
    "DsoDecisionRow",
    "GatewayHomeRow",
    "GatewayMarkRow",
    "GatewayReadingRow",
    "GatewayRefusalRow",
    "OracleContestedReadingRow",
    "OracleReadingRow",
    "OracleReportRow",
    "OutboxRow",
    "RelayClosedSlotRow",
    "RelayOpeningRow",
    "RelaySealRow",
    "WalletOrderRow",
]
