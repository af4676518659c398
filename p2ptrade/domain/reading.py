"""A meter reading: the cumulative registers of a meter point at the end of a slot, numbered and chained.

Registers, not powers, are what a meter vouches for: the energy of a slot is the difference of the registers at its two
ends, so whatever happens in between, the energies of consecutive slots add up to what the meter counted.
"""

from dataclasses import dataclass, field
from enum import IntEnum
from itertools import pairwise
from typing import Final

from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import U32_MAX, AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.errors import InputError

U64_MAX: Final = 2**64 - 1
BOUNDARY_TOLERANCE_S: Final = 9
"""A register read this close to the end of a slot is that slot's: 1 % of 900 s (PTB-A 50.8, smart meter gateways)."""
NO_PREDECESSOR: Final = bytes(32)
REPLACING: Final = 2**62
"""What is added to the number of an estimated reading for that of the measured one which takes its place."""


class Quality(IntEnum):
    """How the registers of a reading came about; the numbers are those of the signed message. Lower is better."""

    MEASURED = 0
    INTERPOLATED = 1
    SUBSTITUTED = 2
    MISSING = 3

    @property
    def estimated(self) -> bool:
        """Return whether anything but a measurement at the right moment is in it."""
        return self is not Quality.MEASURED


@dataclass(frozen=True, slots=True)
class Registers:
    """Cumulative energy that a meter point withdrew and injected since the meter was set up, in Wh.

    Raises:
        InputError: a register that no unsigned 64 bits hold.
    """

    import_wh: EnergyWh
    export_wh: EnergyWh

    def __post_init__(self) -> None:
        for name in ("import_wh", "export_wh"):
            if not 0 <= getattr(self, name) <= U64_MAX:
                raise InputError(f"register {name} must be from 0 to {U64_MAX}, not {getattr(self, name)}")

    def net_since(self, earlier: "Registers") -> int:
        """Return the net energy withdrawn since `earlier`, in Wh; negative is injected."""
        return (self.import_wh - earlier.import_wh) - (self.export_wh - earlier.export_wh)


@dataclass(frozen=True, slots=True)
class Reading:
    """The registers of an account's meter point at the end of `slot`.

    `sequence` counts the readings of the meter point without gaps; `previous` is the digest of the one before, so that
    a reading cannot be left out, put in or changed afterwards without it showing. A gateway begins to count at
    `first_sequence`, and again there if it lost what it had: the jump shows, and no number is used twice.

    A reading whose number has `REPLACING` in it stands beside the count. It was signed when the meter could say what
    had been estimated: it takes the place of the reading whose number is the rest and whose digest is `previous`, at
    the same slot. The count goes on as if it had never been, so nothing is overwritten.

    Raises:
        InputError: a number or length that the signed message cannot hold.
    """

    account: AccountId
    meter_point: bytes = field(repr=False)
    slot: SlotNumber
    registers: Registers
    meter_time_s: EpochSeconds
    quality: Quality
    sequence: int
    previous: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.account <= U32_MAX:
            raise InputError(f"account must be from 1 to {U32_MAX}, not {self.account}")
        if len(self.meter_point) != 32 or len(self.previous) != 32:
            raise InputError("meter point and previous digest have 32 bytes each")
        for name in ("slot", "meter_time_s"):
            if not 0 <= getattr(self, name) <= U64_MAX:
                raise InputError(f"{name} must be from 0 to {U64_MAX}, not {getattr(self, name)}")
        if not 0 < self.sequence <= U64_MAX:
            raise InputError(f"sequence must be from 1 to {U64_MAX}, not {self.sequence}")

    @property
    def clock_offset_s(self) -> int:
        """Return how far the meter's clock was from the end of the slot when it took the registers."""
        return self.meter_time_s - end_of(self.slot)

    @property
    def replaces(self) -> bool:
        """Return whether it stands beside the count, in the place of an estimated reading."""
        return self.sequence >= REPLACING


@dataclass(frozen=True, slots=True)
class SignedReading:
    """A reading with its EIP-712 digest and its gateway's compact signature over that."""

    reading: Reading
    digest: bytes
    signature: bytes


def first_sequence(slot: SlotNumber) -> int:
    """Return the number of a reading that is the first one its gateway knows of.

    It is the end of its slot in epoch seconds. Since there is one reading a slot, whatever began to count earlier has
    not got there yet, nor to the number before it.
    """
    return end_of(slot)


def slot_energy_wh(at_start: Reading, at_end: Reading) -> int:
    """Return the net energy withdrawn in the slot of `at_end`, in Wh; negative is injected.

    Raises:
        InputError: the readings are not of one meter point at the two ends of one slot.
    """
    if at_start.account != at_end.account or at_start.slot + 1 != at_end.slot:
        raise InputError(
            f"the energy of slot {at_end.slot} of account {at_end.account} needs the reading of slot {at_end.slot - 1} "
            f"of the same account, not of slot {at_start.slot} of account {at_start.account}"
        )
    return at_end.registers.net_since(at_start.registers)


def is_unbroken(readings: list[SignedReading]) -> bool:
    """Return whether readings follow each other: sequence by sequence, each naming the digest of the one before."""
    return all(
        later.reading.sequence == earlier.reading.sequence + 1 and later.reading.previous == earlier.digest
        for earlier, later in pairwise(readings)
    )
