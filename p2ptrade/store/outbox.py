"""The table of outgoing transactions: the raw bytes of each, stored before it is sent for the first time."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import CheckConstraint, ColumnElement, Index, LargeBinary, String, func, select, update
from sqlalchemy.orm import Mapped, mapped_column

from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.store.database import Base, Database
from p2ptrade.store.lease import Lease

_OPEN = (OutgoingState.PENDING.value, OutgoingState.MINED.value)


class OutboxRow(Base):
    """One signed transaction."""

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint("state IN ('pending', 'mined', 'final', 'dropped')", name="outbox_state"),
        Index("outbox_open", "chain_id", "sender", "state", "nonce"),
    )

    chain_id: Mapped[int] = mapped_column(primary_key=True)
    intent: Mapped[str] = mapped_column(String(200), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    sender: Mapped[str] = mapped_column(String(42))
    nonce: Mapped[int]
    gas_price_wei: Mapped[int]
    raw: Mapped[bytes] = mapped_column(LargeBinary)
    transaction_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    state: Mapped[str] = mapped_column(String(8))
    succeeded: Mapped[bool | None]
    block_number: Mapped[int | None]
    block_hash: Mapped[bytes | None] = mapped_column(LargeBinary)
    gas_used: Mapped[int | None]


class OutboxTable:
    """The outbox of one database."""

    def __init__(self, database: Database) -> None:
        """Use the tables of `database`."""
        self._database = database
        self._leases: dict[str, Lease] = {}

    def lease(self, sender: str) -> Lease:
        """Return the right to be the only one who sends with the key of `sender`.

        Raises:
            ConfigError: another process sends with it.
        """
        self._leases[sender] = self._database.lease(f"key-{sender}")
        return self._leases[sender]

    def attempts(self, chain_id: int, intent: str) -> list[Outgoing]:
        """Return the transactions of an intent, the first one first."""
        query = select(OutboxRow).where(OutboxRow.chain_id == chain_id, OutboxRow.intent == intent)
        return self._fetch(query.order_by(OutboxRow.attempt))

    def open_entries(self, chain_id: int, sender: str) -> list[Outgoing]:
        """Return the transactions of a key whose fate may still change, in the order of their nonces."""
        query = select(OutboxRow).where(
            OutboxRow.chain_id == chain_id, OutboxRow.sender == sender, OutboxRow.state.in_(_OPEN)
        )
        return self._fetch(query.order_by(OutboxRow.nonce, OutboxRow.attempt))

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest that the key has used here; 0 if it has used none."""
        return self._after_highest(OutboxRow.chain_id == chain_id, OutboxRow.sender == sender)

    def settled_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest that is in a block that stays; 0 if there is none."""
        is_final = OutboxRow.state == OutgoingState.FINAL.value
        return self._after_highest(OutboxRow.chain_id == chain_id, OutboxRow.sender == sender, is_final)

    def entries(self) -> list[Outgoing]:
        """Return every transaction of every key, for audits."""
        return self._fetch(select(OutboxRow).order_by(OutboxRow.chain_id, OutboxRow.sender, OutboxRow.nonce))

    def add(self, entry: Outgoing) -> None:
        """Store a new transaction; it is on disk when this returns.

        Raises:
            ConfigError: the lease of its key was taken here, and has been lost.
        """
        lease = self._leases.get(entry.sender)
        if lease is not None:
            lease.require()
        with self._database.write() as session:
            session.add(OutboxRow(**_columns(entry)))

    def update(self, entries: Sequence[Outgoing]) -> None:
        """Store what has become of transactions."""
        if not entries:
            return
        with self._database.write() as session:
            for entry in entries:
                session.execute(
                    update(OutboxRow)
                    .where(
                        OutboxRow.chain_id == entry.chain_id,
                        OutboxRow.intent == entry.intent,
                        OutboxRow.attempt == entry.attempt,
                    )
                    .values(_columns(entry))
                )

    def _after_highest(self, *which: ColumnElement[bool]) -> int:
        with self._database.read() as session:
            highest = session.scalar(select(func.max(OutboxRow.nonce)).where(*which))
        return 0 if highest is None else highest + 1

    def _fetch(self, query: Any) -> list[Outgoing]:
        with self._database.read() as session:
            return [_entry(row) for row in session.scalars(query)]


def _columns(entry: Outgoing) -> dict[str, Any]:
    return {
        "chain_id": entry.chain_id,
        "intent": entry.intent,
        "attempt": entry.attempt,
        "sender": entry.sender,
        "nonce": entry.nonce,
        "gas_price_wei": entry.gas_price_wei,
        "raw": entry.raw,
        "transaction_hash": entry.transaction_hash,
        "state": entry.state.value,
        "succeeded": entry.succeeded,
        "block_number": entry.block_number,
        "block_hash": entry.block_hash,
        "gas_used": entry.gas_used,
    }


def _entry(row: OutboxRow) -> Outgoing:
    return Outgoing(
        intent=row.intent,
        attempt=row.attempt,
        chain_id=row.chain_id,
        sender=row.sender,
        nonce=row.nonce,
        gas_price_wei=row.gas_price_wei,
        raw=row.raw,
        transaction_hash=row.transaction_hash,
        state=OutgoingState(row.state),
        succeeded=row.succeeded,
        block_number=row.block_number,
        block_hash=row.block_hash,
        gas_used=row.gas_used,
    )
