"""Signed readings as columns: what every table of readings has, and the way there and back."""

from typing import Any

from sqlalchemy import LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from p2ptrade.domain.reading import Quality, Reading, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber


class SignedReadingColumns:
    """The columns of a signed reading; a table adds its keys."""

    account: Mapped[int]
    sequence: Mapped[int]
    slot: Mapped[int]
    meter_point: Mapped[bytes] = mapped_column(LargeBinary(32))
    import_wh: Mapped[int]
    export_wh: Mapped[int]
    meter_time_s: Mapped[int]
    quality: Mapped[int]
    previous: Mapped[bytes] = mapped_column(LargeBinary(32))
    digest: Mapped[bytes] = mapped_column(LargeBinary(32))
    signature: Mapped[bytes] = mapped_column(LargeBinary(64))


def reading_columns(signed: SignedReading) -> dict[str, Any]:
    """Return the values of the columns of a signed reading."""
    reading = signed.reading
    return {
        "account": reading.account,
        "sequence": reading.sequence,
        "slot": reading.slot,
        "meter_point": reading.meter_point,
        "import_wh": reading.registers.import_wh,
        "export_wh": reading.registers.export_wh,
        "meter_time_s": reading.meter_time_s,
        "quality": int(reading.quality),
        "previous": reading.previous,
        "digest": signed.digest,
        "signature": signed.signature,
    }


def signed_reading_of(row: SignedReadingColumns) -> SignedReading:
    """Return the signed reading of a row."""
    reading = Reading(
        account=AccountId(row.account),
        meter_point=row.meter_point,
        slot=SlotNumber(row.slot),
        registers=Registers(EnergyWh(row.import_wh), EnergyWh(row.export_wh)),
        meter_time_s=EpochSeconds(row.meter_time_s),
        quality=Quality(row.quality),
        sequence=row.sequence,
        previous=row.previous,
    )
    return SignedReading(reading, row.digest, row.signature)
