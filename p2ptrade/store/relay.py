"""The relay's tables: seals with their receipts, openings, and which slots take no more seals.

A seal row holds nothing that could be read before the gate. Openings come after the gate, and not before.
"""

import struct
from collections.abc import Mapping, Sequence
from typing import Final

from sqlalchemy import LargeBinary, String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import KeptSeal, Seal, Terms
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.store.database import Base, Database

_STEP: Final = struct.Struct(">II")


class RelaySealRow(Base):
    """A seal that has a receipt."""

    __tablename__ = "relay_seals"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[int] = mapped_column(primary_key=True)
    terms_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    received_at_s: Mapped[int]


class RelayClosedSlotRow(Base):
    """A slot that takes no more seals, because its commitment has been computed."""

    __tablename__ = "relay_closed_slots"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)


class RelayOpeningRow(Base):
    """An order that was opened after the gate; steps are packed as (energy u32, limit price u32)."""

    __tablename__ = "relay_openings"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
    side: Mapped[int]
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))


class RelayTable:
    """What the relay of one market keeps; on the disk when a method returns."""

    def __init__(self, database: Database, market: str) -> None:
        """Use the tables of `database`; `market` names chain and auction contract."""
        self._database = database
        self._market = market

    def seals(self, slot: SlotNumber) -> dict[AccountId, KeptSeal]:
        """Return the seals of a slot by account."""
        with self._database.read() as session:
            return self._seals(session, slot)

    def keep_seals(self, slot: SlotNumber, seals: Sequence[KeptSeal]) -> None:
        """Keep seals; one that is there already stays as it is.

        Raises:
            RefusedError: the slot takes no more seals.
        """
        with self._database.write() as session:
            if session.get(RelayClosedSlotRow, (self._market, slot)) is not None:
                raise RefusedError(f"slot {slot} takes no more seals: its commitment is on the way to the chain")
            there = self._seals(session, slot)
            session.add_all(self._seal_row(kept) for kept in seals if kept.seal.account not in there)

    def close(self, slot: SlotNumber) -> dict[AccountId, KeptSeal]:
        """Take no more seals of a slot from now on, and return those that it has."""
        with self._database.write() as session:
            if session.get(RelayClosedSlotRow, (self._market, slot)) is None:
                session.add(RelayClosedSlotRow(market=self._market, slot=slot))
            return self._seals(session, slot)

    def openings(self, slot: SlotNumber) -> dict[bytes, Terms]:
        """Return the openings of a slot by digest."""
        with self._database.read() as session:
            return self._openings(session, slot)

    def keep_openings(self, slot: SlotNumber, openings: Mapping[bytes, Terms]) -> None:
        """Keep openings by digest; one that is there already stays as it is."""
        with self._database.write() as session:
            there = self._openings(session, slot)
            for digest, terms in openings.items():
                if digest not in there:
                    session.add(self._opening_row(slot, digest, terms))

    def _seals(self, session: Session, slot: SlotNumber) -> dict[AccountId, KeptSeal]:
        query = select(RelaySealRow).where(RelaySealRow.market == self._market, RelaySealRow.slot == slot)
        return {AccountId(row.account): _kept(row) for row in session.scalars(query)}

    def _openings(self, session: Session, slot: SlotNumber) -> dict[bytes, Terms]:
        query = select(RelayOpeningRow).where(RelayOpeningRow.market == self._market, RelayOpeningRow.slot == slot)
        return {
            row.digest: Terms(Side(row.side), tuple(_STEP.iter_unpack(row.steps)), row.salt)
            for row in session.scalars(query)
        }

    def _seal_row(self, kept: KeptSeal) -> RelaySealRow:
        return RelaySealRow(
            market=self._market,
            slot=kept.seal.slot,
            account=kept.seal.account,
            terms_hash=kept.seal.terms_hash,
            signature=kept.seal.signature,
            digest=kept.digest,
            received_at_s=kept.received_at_s,
        )

    def _opening_row(self, slot: SlotNumber, digest: bytes, terms: Terms) -> RelayOpeningRow:
        steps = b"".join(_STEP.pack(*step) for step in terms.steps)
        return RelayOpeningRow(
            market=self._market, slot=slot, digest=digest, side=int(terms.side), steps=steps, salt=terms.salt
        )


def _kept(row: RelaySealRow) -> KeptSeal:
    seal = Seal(SlotNumber(row.slot), AccountId(row.account), row.terms_hash, row.signature)
    return KeptSeal(seal, row.digest, EpochSeconds(row.received_at_s))
