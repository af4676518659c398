"""The gap report: which slots of a meter point have no reading, or one that was not measured."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from p2ptrade.domain.reading import Quality, SignedReading
from p2ptrade.domain.units import AccountId, SlotNumber


@dataclass(frozen=True, slots=True)
class Gap:
    """Consecutive slots of an account that have the same lack: no reading at all, or an estimated one."""

    account: AccountId
    first_slot: SlotNumber
    last_slot: SlotNumber
    quality: Quality


def find_gaps(readings: Iterable[SignedReading]) -> list[Gap]:
    """Return the gaps between the first and the last reading of each account; readings come by account and slot."""
    gaps: list[Gap] = []
    for account, own in groupby(readings, key=lambda signed: signed.reading.account):
        gaps += _of_account(account, list(own))
    return gaps


def _of_account(account: AccountId, readings: list[SignedReading]) -> Iterator[Gap]:
    slots: dict[int, Quality] = {}
    for signed in readings:
        slots[signed.reading.slot] = min(signed.reading.quality, slots.get(signed.reading.slot, Quality.MISSING))
    first, last = min(slots), max(slots)
    every = [SlotNumber(slot) for slot in range(first, last + 1)]
    for quality, run in groupby(every, key=lambda slot: slots.get(slot, Quality.MISSING)):
        run_slots = list(run)
        if quality is not Quality.MEASURED:
            yield Gap(account, run_slots[0], run_slots[-1], quality)
