"""Signed readings as messages: what gateways, oracles and wallets hand each other, there and back."""

from collections.abc import Iterable

from p2ptrade.chain.typed_data import Domain
from p2ptrade.chain.typed_data import ReadingMessage as TypedReading
from p2ptrade.domain.reading import Quality, Reading, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.transport.schemas.metering import ReadingMessage, ReadingsMessage


def signed_reading(message: ReadingMessage, domain: Domain) -> SignedReading:
    """Return the reading in a message with the digest that it must be signed by.

    Raises:
        InputError: a number that no reading can hold.
    """
    try:
        quality = Quality(message.quality)
    except ValueError:
        raise InputError(f"there is no quality {message.quality}") from None
    reading = Reading(
        account=AccountId(message.account),
        meter_point=message.meter_point,
        slot=SlotNumber(message.slot),
        registers=Registers(EnergyWh(message.import_wh), EnergyWh(message.export_wh)),
        meter_time_s=EpochSeconds(message.meter_time_s),
        quality=quality,
        sequence=message.sequence,
        previous=message.previous,
    )
    return SignedReading(reading, TypedReading.of(reading).digest(domain), message.signature)


def reading_message(signed: SignedReading) -> ReadingMessage:
    """Return the message that carries a signed reading."""
    reading = signed.reading
    return ReadingMessage(
        account=reading.account,
        meter_point=reading.meter_point,
        slot=reading.slot,
        import_wh=reading.registers.import_wh,
        export_wh=reading.registers.export_wh,
        meter_time_s=reading.meter_time_s,
        quality=int(reading.quality),
        sequence=reading.sequence,
        previous=reading.previous,
        signature=signed.signature,
    )


def readings_message(readings: Iterable[SignedReading]) -> ReadingsMessage:
    """Return the message that carries signed readings, in their order."""
    return ReadingsMessage(readings=tuple(reading_message(signed) for signed in readings))
