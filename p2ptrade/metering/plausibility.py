"""Can this reading be true? Findings about a reading beside the one before it; nothing is ever repaired in silence.

A finding that refuses means the reading must not be used at all: it is not by this meter, or not its next. Any other
finding keeps the reading and flags it, since real meters do such things and somebody has to look.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from p2ptrade.domain.metered import CAPACITY_WH_PER_KW
from p2ptrade.domain.reading import BOUNDARY_TOLERANCE_S, Quality, Reading, SignedReading
from p2ptrade.domain.slot import end_of

CLOCK_AHEAD_MAX_S: Final = 60


class Rule(StrEnum):
    """What a reading can break."""

    OTHER_METER = "other meter"
    SEQUENCE = "sequence"
    CHAIN = "chain of digests"
    SLOT_ORDER = "slot order"
    REGISTER_BACKWARDS = "register backwards"
    OVER_CAPACITY = "over capacity"
    STALE = "stale registers"
    CLOCK = "meter clock"
    FUTURE = "future"
    CONTRADICTION = "contradiction"


REFUSING: Final = frozenset({Rule.OTHER_METER, Rule.SEQUENCE, Rule.CHAIN, Rule.SLOT_ORDER, Rule.FUTURE})


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule, with a sentence that says what was and what was expected."""

    rule: Rule
    text: str

    @property
    def refuses(self) -> bool:
        """Return whether the reading must not be used."""
        return self.rule in REFUSING


def examine(reading: Reading, before: SignedReading | None, *, capacity_kw: int, now_s: int) -> tuple[Finding, ...]:
    """Return what is wrong with `reading`, whose predecessor is `before` (none for the first of a meter point).

    `capacity_kw` is the connection's; `now_s` the present, in UTC epoch seconds.
    """
    found = [*_of_time(reading, now_s)]
    if before is None:
        return tuple(found)
    return (*found, *_of_order(reading, before), *_of_registers(reading, before.reading, capacity_kw))


def contradicts(one: Reading, other: Reading) -> bool:
    """Return whether two readings of a meter point cannot both be true: same slot, same quality, other registers."""
    return (one.account, one.slot, one.quality) == (other.account, other.slot, other.quality) and (
        one.registers != other.registers
    )


def examine_replacement(
    reading: Reading, before: SignedReading | None, after: SignedReading | None, *, capacity_kw: int, now_s: int
) -> tuple[Finding, ...]:
    """Return what is wrong with a reading that is to take the place of another one of its slot.

    It must be possible between the reading before it and the one after it; its own number is not looked at, because it
    was signed out of turn.
    """
    found = [*_of_time(reading, now_s)]
    if before is not None:
        found += _of_registers(reading, before.reading, capacity_kw)
    if after is not None:
        found += _of_registers(after.reading, reading, capacity_kw)
    return tuple(found)


def _of_time(reading: Reading, now_s: int) -> list[Finding]:
    found = []
    if end_of(reading.slot) > now_s + CLOCK_AHEAD_MAX_S:
        found.append(Finding(Rule.FUTURE, f"slot {reading.slot} has not ended yet"))
    if reading.quality is Quality.MEASURED and abs(reading.clock_offset_s) > BOUNDARY_TOLERANCE_S:
        found.append(
            Finding(
                Rule.CLOCK,
                f"measured {reading.clock_offset_s:+d} s from the end of the slot, not within {BOUNDARY_TOLERANCE_S} s",
            )
        )
    return found


def _of_order(reading: Reading, before: SignedReading) -> list[Finding]:
    last = before.reading
    found = []
    if (reading.account, reading.meter_point) != (last.account, last.meter_point):
        found.append(Finding(Rule.OTHER_METER, f"of another meter point than the readings of account {last.account}"))
    if reading.sequence <= last.sequence:
        found.append(Finding(Rule.SEQUENCE, f"number {reading.sequence} does not come after {last.sequence}"))
    elif reading.sequence == last.sequence + 1 and reading.previous != before.digest:
        found.append(Finding(Rule.CHAIN, f"does not name reading {last.sequence} as the one before it"))
    if reading.slot <= last.slot:
        found.append(Finding(Rule.SLOT_ORDER, f"slot {reading.slot} does not come after slot {last.slot}"))
    return found


def _of_registers(reading: Reading, last: Reading, capacity_kw: int) -> list[Finding]:
    found = []
    if reading.meter_time_s <= last.meter_time_s:
        found.append(Finding(Rule.STALE, f"registers of {reading.meter_time_s} s were sent for a later slot again"))
    most_wh = capacity_kw * CAPACITY_WH_PER_KW * max(reading.slot - last.slot, 1)
    for name in ("import_wh", "export_wh"):
        counted_wh = getattr(reading.registers, name) - getattr(last.registers, name)
        if counted_wh < 0:
            found.append(Finding(Rule.REGISTER_BACKWARDS, f"register {name} fell by {-counted_wh} Wh"))
        elif counted_wh > most_wh:
            found.append(
                Finding(
                    Rule.OVER_CAPACITY,
                    f"{counted_wh} Wh in {reading.slot - last.slot} slots is more than {capacity_kw} kW can carry",
                )
            )
    return found
