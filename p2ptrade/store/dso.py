"""The grid operator's table: every decision on a result, with what it was based on."""

from typing import Any

from sqlalchemy import JSON, LargeBinary, String, select
from sqlalchemy.orm import Mapped, mapped_column

from p2ptrade.domain.grid_decision import APPROVED, Bounds, LoggedDecision
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.store.database import Base, Database


class DsoDecisionRow(Base):
    """One decision; the same result decided on again on the same inputs is the same decision."""

    __tablename__ = "dso_decisions"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    market: Mapped[str] = mapped_column(String(64), index=True)
    slot: Mapped[int] = mapped_column(index=True)
    round_number: Mapped[int]
    book_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    prices_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    grid_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    input_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    outcome: Mapped[str] = mapped_column(String(16))
    envelope_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    envelopes: Mapped[list[Any]] = mapped_column(JSON)
    explanation: Mapped[list[Any]] = mapped_column(JSON)
    decided_at_s: Mapped[int]
    grid_data: Mapped[bytes | None] = mapped_column(LargeBinary)


class DsoTable:
    """The decisions of the grid operator of one market; on the disk when a method returns."""

    def __init__(self, database: Database, market: str) -> None:
        """Use the table of `database`; `market` names chain and auction contract."""
        self._database = database
        self._market = market

    def keep(self, decision: LoggedDecision) -> None:
        """Keep a decision; the newest one that was kept already is not kept again."""
        with self._database.write() as session:
            newest = session.scalar(
                select(DsoDecisionRow)
                .where(DsoDecisionRow.market == self._market, DsoDecisionRow.slot == decision.slot)
                .order_by(DsoDecisionRow.number.desc())
                .limit(1)
            )
            if newest is None or _same(_decision(newest), decision) is False:
                session.add(_row(self._market, decision))

    def approved(self, slot: SlotNumber) -> LoggedDecision | None:
        """Return the newest approval of a slot."""
        with self._database.read() as session:
            row = session.scalar(
                select(DsoDecisionRow)
                .where(
                    DsoDecisionRow.market == self._market,
                    DsoDecisionRow.slot == slot,
                    DsoDecisionRow.outcome == APPROVED,
                )
                .order_by(DsoDecisionRow.number.desc())
                .limit(1)
            )
            return None if row is None else _decision(row)

    def decisions(self, slot: SlotNumber) -> list[LoggedDecision]:
        """Return the decisions on a slot in their order."""
        with self._database.read() as session:
            rows = session.scalars(
                select(DsoDecisionRow)
                .where(DsoDecisionRow.market == self._market, DsoDecisionRow.slot == slot)
                .order_by(DsoDecisionRow.number)
            )
            return [_decision(row) for row in rows]


def _same(one: LoggedDecision, other: LoggedDecision) -> bool:
    """Return whether two decisions are on the same result and inputs, whenever they were taken."""
    keys = ("round_number", "book_hash", "prices_hash", "grid_hash", "input_hash", "outcome", "envelope_root")
    return all(getattr(one, key) == getattr(other, key) for key in keys)


def _row(market: str, decision: LoggedDecision) -> DsoDecisionRow:
    return DsoDecisionRow(
        market=market,
        slot=decision.slot,
        round_number=decision.round_number,
        book_hash=decision.book_hash,
        prices_hash=decision.prices_hash,
        grid_hash=decision.grid_hash,
        input_hash=decision.input_hash,
        outcome=decision.outcome,
        envelope_root=decision.envelope_root,
        envelopes=[list(bounds) for bounds in decision.envelopes],
        explanation=list(decision.explanation),
        decided_at_s=decision.decided_at_s,
        grid_data=decision.grid_data,
    )


def _decision(row: DsoDecisionRow) -> LoggedDecision:
    return LoggedDecision(
        slot=SlotNumber(row.slot),
        round_number=row.round_number,
        book_hash=row.book_hash,
        prices_hash=row.prices_hash,
        grid_hash=row.grid_hash,
        input_hash=row.input_hash,
        outcome=row.outcome,
        envelope_root=row.envelope_root,
        envelopes=tuple(
            Bounds(AccountId(account), EnergyWh(import_wh), EnergyWh(export_wh))
            for account, import_wh, export_wh in row.envelopes
        ),
        explanation=tuple(row.explanation),
        decided_at_s=EpochSeconds(row.decided_at_s),
        grid_data=row.grid_data or b"",
    )
