"""The decision: which readings follow from what a meter says, given the ones that were signed before. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from p2ptrade.domain.reading import NO_PREDECESSOR, REPLACING, Quality, Reading, SignedReading, first_sequence
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.metering.boundary import at_boundary
from p2ptrade.metering.meter import RegisterSample
from p2ptrade.metering.plausibility import Finding, examine

Sign = Callable[[Reading], SignedReading]


@dataclass(frozen=True, slots=True)
class Taken:
    """A new reading, and what is odd about it."""

    signed: SignedReading
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """Whose readings they are, and what its connection can carry."""

    account: AccountId
    meter_point: bytes
    capacity_kw: int


def take(
    point: MeterPoint,
    before: SignedReading | None,
    samples: Sequence[RegisterSample],
    *,
    first: SlotNumber,
    last: SlotNumber,
    sign: Sign,
    now_s: int,
) -> list[Taken]:
    """Return the signed readings of the slots from `first` to `last`, as far as the samples tell.

    A reading that cannot be made yet ends the list: the later ones must name it, and its energy is still in the
    registers. A reading that is odd is signed all the same, because it is what the meter says; the oracles see the same
    findings and decide.
    """
    known = [*_sample_of(before), *samples]
    taken: list[Taken] = []
    for slot in range(first, last + 1):
        value = at_boundary(end_of(SlotNumber(slot)), known)
        if value is None:
            break
        reading = Reading(
            account=point.account,
            meter_point=point.meter_point,
            slot=SlotNumber(slot),
            registers=value.registers,
            meter_time_s=value.meter_time_s,
            quality=value.quality,
            sequence=before.reading.sequence + 1 if before else first_sequence(SlotNumber(slot)),
            previous=before.digest if before else NO_PREDECESSOR,
        )
        findings = examine(reading, before, capacity_kw=point.capacity_kw, now_s=now_s)
        before = sign(reading)
        taken.append(Taken(before, findings))
    return taken


def measure_again(
    estimates: Sequence[SignedReading], samples: Sequence[RegisterSample], *, sign: Sign
) -> list[SignedReading]:
    """Return signed readings that take the place of estimated ones whose registers the meter tells now.

    `samples` rise by meter time. Another estimate replaces nothing, because nothing would be corrected by it.
    """
    found: list[SignedReading] = []
    for estimate in estimates:
        replaced = estimate.reading
        value = at_boundary(end_of(replaced.slot), samples)
        if value is not None and value.quality is Quality.MEASURED:
            found.append(
                sign(
                    replace(
                        replaced,
                        registers=value.registers,
                        meter_time_s=value.meter_time_s,
                        quality=value.quality,
                        sequence=replaced.sequence + REPLACING,
                        previous=estimate.digest,
                    )
                )
            )
    return found


def _sample_of(signed: SignedReading | None) -> list[RegisterSample]:
    if signed is None:
        return []
    return [RegisterSample(signed.reading.meter_time_s, signed.reading.registers)]
