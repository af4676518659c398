"""An oracle's tables: signed readings as they came, and the reports that were made of them."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import JSON, ColumnElement, LargeBinary, String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from p2ptrade.domain.reading import REPLACING, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.report import KeptReading, KeptReport, Leaf, Report
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.store.database import Base, Database
from p2ptrade.store.signed_readings import SignedReadingColumns, reading_columns, signed_reading_of

_FLAG_SEPARATOR = ","


class OracleReadingRow(SignedReadingColumns, Base):
    """A signed reading, with the rules that it breaks."""

    __tablename__ = "oracle_readings"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    account: Mapped[int] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    slot: Mapped[int] = mapped_column(index=True)
    flags: Mapped[str] = mapped_column(String(200))


class OracleContestedReadingRow(SignedReadingColumns, Base):
    """A signed reading that a contest on the chain names; it stands beside those that the gateway sent."""

    __tablename__ = "oracle_contested_readings"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)


class OracleReportRow(Base):
    """A report that this oracle made or took over, with its pages and leaves."""

    __tablename__ = "oracle_reports"

    market: Mapped[str] = mapped_column(String(64), primary_key=True)
    slot: Mapped[int] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    readings_root: Mapped[bytes] = mapped_column(LargeBinary(32))
    data_hash: Mapped[bytes] = mapped_column(LargeBinary(32))
    accounts: Mapped[int]
    delivered_wh: Mapped[int]
    pages: Mapped[list[str]] = mapped_column(JSON)
    leaves: Mapped[list[list[int]]] = mapped_column(JSON)


_IS_COUNTED = OracleReadingRow.sequence < REPLACING


class OracleTable:
    """What the oracle of one market keeps; on the disk when a method returns."""

    def __init__(self, database: Database, market: str) -> None:
        """Use the tables of `database`; `market` names chain and settlement contract."""
        self._database = database
        self._market = market

    def keep_readings(self, readings: Sequence[KeptReading]) -> None:
        """Keep readings that are not there yet."""
        if readings:
            with self._database.write() as session:
                session.add_all(self._reading_row(kept) for kept in readings)

    def flag(self, reading: Reading, flag: str) -> None:
        """Add a flag to a reading that is kept, unless it has it."""
        with self._database.write() as session:
            kept = session.get(OracleReadingRow, (self._market, reading.account, reading.sequence))
            if kept is not None:
                flags = [*filter(None, kept.flags.split(_FLAG_SEPARATOR))]
                kept.flags = _FLAG_SEPARATOR.join(dict.fromkeys([*flags, flag]))

    def newest(self) -> dict[AccountId, SignedReading]:
        """Return the newest reading of each account's count."""
        row = OracleReadingRow
        counted = select(row.account, func.max(row.sequence)).where(row.market == self._market, _IS_COUNTED)
        last = counted.group_by(row.account)
        with self._database.read() as session:
            newest = session.execute(last).all()
            found = [session.get(row, (self._market, account, sequence)) for account, sequence in newest]
            return {AccountId(each.account): _kept(each).signed for each in found if each is not None}

    def reading(self, account: AccountId, sequence: int) -> SignedReading | None:
        """Return one reading by its number."""
        with self._database.read() as session:
            found = session.get(OracleReadingRow, (self._market, account, sequence))
            return None if found is None else _kept(found).signed

    def of_slot(self, slot: SlotNumber) -> dict[AccountId, KeptReading]:
        """Return the readings in use of a slot by account: the best of each."""
        return {kept.signed.reading.account: kept for kept in self.all_of_slot(slot)}

    def all_of_slot(self, slot: SlotNumber) -> list[KeptReading]:
        """Return all readings of a slot, each before the one that takes its place."""
        row = OracleReadingRow
        query = select(row).where(row.market == self._market, row.slot == slot).order_by(row.account, row.sequence)
        with self._database.read() as session:
            return [_kept(each) for each in session.scalars(query)]

    def nearest(
        self, account: AccountId, slot: SlotNumber, worst: Quality = Quality.MISSING
    ) -> tuple[KeptReading | None, KeptReading | None]:
        """Return the readings in use before a slot and at or after it that are nearest and no worse than `worst`."""
        return self._around(account, slot, OracleReadingRow.quality <= worst)

    def counted_around(self, account: AccountId, slot: SlotNumber) -> tuple[KeptReading | None, KeptReading | None]:
        """Return the last reading of the account's count before a slot, and the first one at or after it."""
        return self._around(account, slot, _IS_COUNTED)

    def _around(
        self, account: AccountId, slot: SlotNumber, which: ColumnElement[bool]
    ) -> tuple[KeptReading | None, KeptReading | None]:
        row = OracleReadingRow
        own = select(row).where(row.market == self._market, row.account == account, which).limit(1)
        best = row.sequence.desc()
        with self._database.read() as session:
            before = session.scalar(own.where(row.slot < slot).order_by(row.slot.desc(), best))
            after = session.scalar(own.where(row.slot >= slot).order_by(row.slot, best))
            return None if before is None else _kept(before), None if after is None else _kept(after)

    def keep_report(self, kept: KeptReport) -> None:
        """Keep a report; it replaces one of the same slot and version."""
        report = kept.report
        with self._database.write() as session:
            session.merge(
                OracleReportRow(
                    market=self._market,
                    slot=report.slot,
                    version=report.version,
                    readings_root=report.readings_root,
                    data_hash=report.data_hash,
                    accounts=report.accounts,
                    delivered_wh=report.delivered_wh,
                    pages=[page.hex() for page in kept.pages],
                    leaves=[_packed_leaf(leaf) for leaf in kept.leaves],
                )
            )

    def report(self, slot: SlotNumber, version: int) -> KeptReport | None:
        """Return the report of a version."""
        with self._database.read() as session:
            row = session.get(OracleReportRow, (self._market, slot, version))
            return None if row is None else _kept_report(row)

    def newest_version(self, slot: SlotNumber) -> int:
        """Return the newest version of which there is a report of a slot; 0 if there is none."""
        row = OracleReportRow
        query = select(func.max(row.version)).where(row.market == self._market, row.slot == slot)
        with self._database.read() as session:
            return session.scalar(query) or 0

    def keep_contested(self, signed: SignedReading) -> None:
        """Keep a reading that a contest names."""
        with self._database.write() as session:
            session.merge(OracleContestedReadingRow(market=self._market, **reading_columns(signed)))

    def contested(self, digest: bytes) -> SignedReading | None:
        """Return the reading that contests name by this digest."""
        with self._database.read() as session:
            row = session.get(OracleContestedReadingRow, (self._market, digest))
            return None if row is None else signed_reading_of(row)

    def _reading_row(self, kept: KeptReading) -> OracleReadingRow:
        flags = _FLAG_SEPARATOR.join(kept.flags)
        return OracleReadingRow(market=self._market, flags=flags, **reading_columns(kept.signed))


def _kept(row: OracleReadingRow) -> KeptReading:
    flags = tuple(row.flags.split(_FLAG_SEPARATOR)) if row.flags else ()
    return KeptReading(signed_reading_of(row), flags)


def _kept_report(row: OracleReportRow) -> KeptReport:
    report = Report(
        SlotNumber(row.slot), row.version, row.readings_root, row.data_hash, row.accounts, EnergyWh(row.delivered_wh)
    )
    leaves = tuple(_leaf(values) for values in row.leaves)
    return KeptReport(report, tuple(bytes.fromhex(page) for page in row.pages), leaves)


def _packed_leaf(leaf: Leaf) -> list[int]:
    return [leaf.account, leaf.registers.import_wh, leaf.registers.export_wh, leaf.metered_wh, leaf.quality]


def _leaf(values: list[Any]) -> Leaf:
    account, import_wh, export_wh, metered, quality = values
    return Leaf(AccountId(account), Registers(EnergyWh(import_wh), EnergyWh(export_wh)), EnergyWh(metered), quality)
