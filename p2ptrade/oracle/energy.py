"""What an account withdrew in a slot, from its readings. Pure.

Measured: the difference of the registers at the two ends of the slot. Where an end is missing or cannot be believed,
the slot gets a substitute by the stated rule (`metering.substitution`): the mean of the same slot on up to three like
days, scaled to the registers around the gap if both are known. It is flagged, and corrected when readings come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.metered import CAPACITY_WH_PER_KW
from p2ptrade.domain.reading import Quality, Registers
from p2ptrade.domain.report import KeptReading
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.metering.plausibility import Rule
from p2ptrade.metering.substitution import substitute_wh

SLOTS_PER_DAY: Final = 96
LIKE_DAYS_BACK: Final = (1, 2, 3, 7)
"""Days before the slot that are like it, the best first."""

NO_REGISTERS: Final = Registers(EnergyWh(0), EnergyWh(0))
_DISTRUSTED: Final = frozenset({Rule.REGISTER_BACKWARDS, Rule.OVER_CAPACITY, Rule.STALE})
Measured = Callable[[SlotNumber], EnergyWh | None]
"""What was measured in another slot of the account, if it was."""


@dataclass(frozen=True, slots=True)
class SlotReadings:
    """The readings of an account around a slot: at its two ends, and around the gap if one of these is missing."""

    start: KeptReading | None
    end: KeptReading | None
    before: KeptReading | None = None
    after: KeptReading | None = None


@dataclass(frozen=True, slots=True)
class SlotEnergy:
    """Net energy withdrawn in a slot, in Wh, with the registers at its end (zeros if unknown) and the quality."""

    metered_wh: EnergyWh
    registers: Registers
    quality: Quality

    @property
    def estimated(self) -> bool:
        """Return whether it is more than the difference of two measured registers."""
        return self.quality.estimated


def measured(readings: SlotReadings, capacity_kw: int) -> SlotEnergy | None:
    """Return the energy between the readings at both ends, or nothing if one is missing or cannot be believed."""
    start, end = readings.start, readings.end
    if start is None or end is None or not _is_usable(start) or not is_trusted(end):
        return None
    first, last = start.signed.reading, end.signed.reading
    net_wh = last.registers.net_since(first.registers)
    if abs(net_wh) > capacity_kw * CAPACITY_WH_PER_KW:
        return None
    return SlotEnergy(EnergyWh(net_wh), last.registers, max(first.quality, last.quality))


def energy_of(slot: SlotNumber, readings: SlotReadings, capacity_kw: int, other_slots: Measured) -> SlotEnergy:
    """Return the energy of a slot, measured if it can be, else substituted."""
    found = measured(readings, capacity_kw)
    if found is not None:
        return found
    most_wh = capacity_kw * CAPACITY_WH_PER_KW
    substitute = max(-most_wh, min(most_wh, _substitute(slot, readings, other_slots)))
    return SlotEnergy(EnergyWh(substitute), registers_of(readings.end), Quality.SUBSTITUTED)


def registers_of(kept: KeptReading | None) -> Registers:
    """Return the registers that a reading vouches for, zeros if there is none or it does not."""
    return kept.signed.reading.registers if kept is not None and _is_usable(kept) else NO_REGISTERS


def is_trusted(kept: KeptReading) -> bool:
    """Return whether the energy up to this reading can be believed."""
    return _is_usable(kept) and not _DISTRUSTED.intersection(kept.flags)


def _is_usable(kept: KeptReading) -> bool:
    return kept.signed.reading.quality is not Quality.MISSING and Rule.CONTRADICTION not in kept.flags


def _substitute(slot: SlotNumber, readings: SlotReadings, other_slots: Measured) -> int:
    first, last, total = slot, slot, None
    before, after = readings.before, readings.after
    if before is not None and after is not None and is_trusted(after) and _is_usable(before):
        first, last = SlotNumber(before.signed.reading.slot + 1), after.signed.reading.slot
        total = after.signed.reading.registers.net_since(before.signed.reading.registers)
    gap = [SlotNumber(each) for each in range(first, last + 1)]
    days = [day for day in (_like_day(gap, back, other_slots) for back in LIKE_DAYS_BACK) if day is not None]
    return substitute_wh(days, len(gap), total)[slot - first]


def _like_day(gap: Sequence[SlotNumber], days_back: int, other_slots: Measured) -> list[int] | None:
    energies: list[int] = []
    for slot in gap:
        energy = other_slots(SlotNumber(slot - days_back * SLOTS_PER_DAY))
        if energy is None:
            return None
        energies.append(energy)
    return energies
