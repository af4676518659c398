"""A gateway's tables: signed readings, what each oracle has of them, and the state of modelled homes.

Readings are numbered in the order in which they were written, those that replace estimated ones among them; an
oracle's mark is the number up to which it has acknowledged everything, so nothing is forgotten and nothing is sent for
ever.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import String, UniqueConstraint, exists, func, select
from sqlalchemy.orm import Mapped, aliased, mapped_column

from p2ptrade.domain.home import HomeState
from p2ptrade.domain.reading import REPLACING, Quality, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.store.database import Base, Database
from p2ptrade.store.signed_readings import SignedReadingColumns, reading_columns, signed_reading_of


class GatewayReadingRow(SignedReadingColumns, Base):
    """A signed reading."""

    __tablename__ = "gateway_readings"
    __table_args__ = (UniqueConstraint("account", "sequence"),)

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)


class GatewayMarkRow(Base):
    """Up to which reading an oracle has acknowledged everything."""

    __tablename__ = "gateway_marks"

    oracle: Mapped[str] = mapped_column(String(200), primary_key=True)
    number: Mapped[int]


class GatewayRefusalRow(Base):
    """A reading that an oracle refused, and why."""

    __tablename__ = "gateway_refusals"

    oracle: Mapped[str] = mapped_column(String(200), primary_key=True)
    account: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(500))


class GatewayHomeRow(Base):
    """The state of a modelled home after the last slot that has a reading."""

    __tablename__ = "gateway_homes"

    account: Mapped[int] = mapped_column(primary_key=True)
    slot: Mapped[int]
    stored_wh: Mapped[int]
    import_wh: Mapped[int]
    export_wh: Mapped[int]
    shed_wh: Mapped[int]
    curtailed_wh: Mapped[int]


@dataclass(frozen=True, slots=True)
class NumberedReading:
    """A reading with its place in the gateway's order of writing."""

    number: int
    signed: SignedReading


@dataclass(frozen=True, slots=True)
class Refusal:
    """What an oracle refused."""

    oracle: str
    account: AccountId
    sequence: int
    reason: str


class GatewayTable:
    """What a gateway keeps; on the disk when a method returns."""

    def __init__(self, database: Database) -> None:
        """Use the tables of `database`."""
        self._database = database

    def keep(self, readings: Sequence[SignedReading], homes: Mapping[AccountId, HomeState]) -> None:
        """Write readings together with the homes' states that belong to them: all or nothing."""
        with self._database.write() as session:
            session.add_all(GatewayReadingRow(**reading_columns(signed)) for signed in readings)
            for account, state in homes.items():
                session.merge(_home_row(account, state))

    def last_readings(self) -> dict[AccountId, SignedReading]:
        """Return the newest reading of each account's count."""
        row = GatewayReadingRow
        newest = select(func.max(row.number)).where(row.sequence < REPLACING).group_by(row.account)
        with self._database.read() as session:
            rows = session.scalars(select(GatewayReadingRow).where(GatewayReadingRow.number.in_(newest)))
            return {AccountId(row.account): signed_reading_of(row) for row in rows}

    def estimates(self, first: SlotNumber) -> dict[AccountId, list[SignedReading]]:
        """Return the estimated readings from slot `first` on that no reading replaces, by account, slots rising."""
        row, other = GatewayReadingRow, aliased(GatewayReadingRow)
        replaced = exists().where(other.account == row.account, other.sequence == row.sequence + REPLACING)
        query = select(row).where(row.slot >= first, row.quality != Quality.MEASURED, ~replaced).order_by(row.slot)
        found: dict[AccountId, list[SignedReading]] = {}
        with self._database.read() as session:
            for each in session.scalars(query):
                found.setdefault(AccountId(each.account), []).append(signed_reading_of(each))
        return found

    def homes(self) -> dict[AccountId, HomeState]:
        """Return the saved states of modelled homes."""
        with self._database.read() as session:
            return {AccountId(row.account): _state(row) for row in session.scalars(select(GatewayHomeRow))}

    def waiting(self, oracle: str, most: int) -> list[NumberedReading]:
        """Return the oldest readings, at most `most`, that an oracle has not acknowledged."""
        with self._database.read() as session:
            mark = session.get(GatewayMarkRow, oracle)
            query = select(GatewayReadingRow).where(GatewayReadingRow.number > (mark.number if mark else 0))
            rows = session.scalars(query.order_by(GatewayReadingRow.number).limit(most))
            return [NumberedReading(row.number, signed_reading_of(row)) for row in rows]

    def acknowledge(self, oracle: str, number: int, refusals: Sequence[Refusal] = ()) -> None:
        """Note that an oracle has everything up to `number`, but for what it refused."""
        with self._database.write() as session:
            session.merge(GatewayMarkRow(oracle=oracle, number=number))
            for each in refusals:
                session.merge(
                    GatewayRefusalRow(
                        oracle=each.oracle, account=each.account, sequence=each.sequence, reason=each.reason[:500]
                    )
                )

    def marks(self) -> dict[str, int]:
        """Return the mark of each oracle."""
        with self._database.read() as session:
            return {row.oracle: row.number for row in session.scalars(select(GatewayMarkRow))}

    def newest_number(self) -> int:
        """Return the number of the newest reading, 0 if there is none."""
        with self._database.read() as session:
            return session.scalar(select(func.max(GatewayReadingRow.number))) or 0

    def refusals(self) -> list[Refusal]:
        """Return all refusals."""
        with self._database.read() as session:
            rows = session.scalars(select(GatewayRefusalRow).order_by(GatewayRefusalRow.account))
            return [Refusal(row.oracle, AccountId(row.account), row.sequence, row.reason) for row in rows]

    def readings(self, first: SlotNumber, last: SlotNumber) -> list[SignedReading]:
        """Return the readings of the slots from `first` to `last`, by account and slot, the best of a slot last."""
        row = GatewayReadingRow
        query = select(row).where(row.slot.between(first, last)).order_by(row.account, row.slot, row.sequence)
        with self._database.read() as session:
            rows = session.scalars(query)
            return [signed_reading_of(row) for row in rows]


def _home_row(account: AccountId, state: HomeState) -> GatewayHomeRow:
    return GatewayHomeRow(
        account=account,
        slot=state.slot,
        stored_wh=state.stored_wh,
        import_wh=state.registers.import_wh,
        export_wh=state.registers.export_wh,
        shed_wh=state.shed_wh,
        curtailed_wh=state.curtailed_wh,
    )


def _state(row: GatewayHomeRow) -> HomeState:
    return HomeState(
        SlotNumber(row.slot),
        EnergyWh(row.stored_wh),
        Registers(EnergyWh(row.import_wh), EnergyWh(row.export_wh)),
        EnergyWh(row.shed_wh),
        EnergyWh(row.curtailed_wh),
    )
