"""The wallet's table of own orders: terms and salt of each are on the disk before its seal leaves the wallet."""

import struct
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import LargeBinary, String, select, update
from sqlalchemy.orm import Mapped, mapped_column

from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import OwnOrder, Terms
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.store.database import Base, Database

_STEP: Final = struct.Struct(">II")


class WalletOrderRow(Base):
    """One order; steps are packed as (energy u32, limit price u32)."""

    __tablename__ = "wallet_orders"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    account: Mapped[int] = mapped_column(primary_key=True)
    counter: Mapped[int] = mapped_column(primary_key=True)
    side: Mapped[int]
    steps: Mapped[bytes] = mapped_column(LargeBinary)
    salt: Mapped[bytes] = mapped_column(LargeBinary(16))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))
    direct: Mapped[bool]
    received_at_s: Mapped[int | None]
    receipt: Mapped[bytes | None] = mapped_column(LargeBinary(64))
    opened: Mapped[bool]


class WalletTable:
    """The own orders of one market."""

    def __init__(self, database: Database, market: str) -> None:
        """Use the tables of `database`; `market` names chain and auction contract."""
        self._database = database
        self._market = market

    def add(self, orders: Sequence[OwnOrder]) -> None:
        """Keep new orders; they are on the disk when this returns."""
        with self._database.write() as session:
            session.add_all(self._row(order) for order in orders)

    def update(self, orders: Sequence[OwnOrder]) -> None:
        """Keep what has become of orders: receipt, opened."""
        with self._database.write() as session:
            for order in orders:
                row = self._row(order)
                session.execute(
                    update(WalletOrderRow)
                    .where(*self._is(order))
                    .values(received_at_s=row.received_at_s, receipt=row.receipt, opened=row.opened)
                )

    def orders(
        self,
        *,
        first: SlotNumber | None = None,
        last: SlotNumber | None = None,
        account: AccountId | None = None,
    ) -> list[OwnOrder]:
        """Return the orders from slot `first` to slot `last`, by slot, account and counter."""
        query = select(WalletOrderRow).where(WalletOrderRow.market == self._market)
        if first is not None:
            query = query.where(WalletOrderRow.slot >= first)
        if last is not None:
            query = query.where(WalletOrderRow.slot <= last)
        if account is not None:
            query = query.where(WalletOrderRow.account == account)
        query = query.order_by(WalletOrderRow.slot, WalletOrderRow.account, WalletOrderRow.counter)
        with self._database.read() as session:
            return [_order(row) for row in session.scalars(query)]

    def _is(self, order: OwnOrder) -> tuple[Any, ...]:
        return (
            WalletOrderRow.market == self._market,
            WalletOrderRow.slot == order.slot,
            WalletOrderRow.account == order.account,
            WalletOrderRow.counter == order.counter,
        )

    def _row(self, order: OwnOrder) -> WalletOrderRow:
        return WalletOrderRow(
            market=self._market,
            slot=order.slot,
            account=order.account,
            counter=order.counter,
            side=int(order.terms.side),
            steps=b"".join(_STEP.pack(*step) for step in order.terms.steps),
            salt=order.terms.salt,
            digest=order.digest,
            signature=order.signature,
            direct=order.direct,
            received_at_s=order.received_at_s,
            receipt=order.receipt,
            opened=order.opened,
        )


def _order(row: WalletOrderRow) -> OwnOrder:
    return OwnOrder(
        slot=SlotNumber(row.slot),
        account=AccountId(row.account),
        counter=row.counter,
        terms=Terms(Side(row.side), tuple(_STEP.iter_unpack(row.steps)), row.salt),
        digest=row.digest,
        signature=row.signature,
        direct=row.direct,
        received_at_s=None if row.received_at_s is None else EpochSeconds(row.received_at_s),
        receipt=row.receipt,
        opened=row.opened,
    )
