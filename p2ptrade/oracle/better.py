"""Which reading may take the place of the one in use of its slot: one of higher quality that can be true. Pure.

That the registered gateway signed it is not looked at here. What an estimate says of the slots around proves nothing
against a measurement, so a reading is examined beside the nearest ones that are no worse than itself.
"""

from dataclasses import dataclass

from p2ptrade.domain.reading import Quality, SignedReading
from p2ptrade.domain.units import SlotNumber
from p2ptrade.metering.plausibility import contradicts, examine_replacement
from p2ptrade.oracle.ports import Store


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The readings around another one: the one in use at the same slot, and the nearest ones before and after it."""

    in_use: SignedReading | None
    before: SignedReading | None
    after: SignedReading | None


def neighbours_of(signed: SignedReading, store: Store) -> Neighbours:
    """Return the readings that one must stand beside."""
    reading = signed.reading
    account, slot, quality = reading.account, reading.slot, reading.quality
    here = store.of_slot(slot).get(account)
    before, _ = store.nearest(account, slot, quality)
    _, after = store.nearest(account, SlotNumber(slot + 1), quality)
    return Neighbours(*(None if each is None else each.signed for each in (here, before, after)))


def why_not_better(signed: SignedReading, around: Neighbours, *, capacity_kw: int, now_s: int) -> str | None:
    """Return why a reading does not take the place of the one in use, or nothing if it does."""
    reading, in_use = signed.reading, around.in_use
    if in_use is not None and reading.quality == in_use.reading.quality:
        if not contradicts(reading, in_use.reading):
            return "it says what the reading in use says: nothing follows from it"
        return (
            "the gateway signed two different readings of the same quality at the end of the slot: it contradicts "
            "itself, and neither is better than the other"
        )
    if in_use is not None and reading.quality > in_use.reading.quality:
        return f"its quality is {_name(reading.quality)}, that of the reading in use is {_name(in_use.reading.quality)}"
    if reading.quality is Quality.MISSING:
        return "a reading that is missing its registers shows nothing"
    findings = examine_replacement(reading, around.before, around.after, capacity_kw=capacity_kw, now_s=now_s)
    return "; ".join(finding.text for finding in findings) or None


def _name(quality: Quality) -> str:
    return quality.name.lower()
