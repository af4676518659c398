"""From register samples to the registers at the end of a slot.

A sample within nine seconds of the boundary is the boundary's (measured). Otherwise the registers are interpolated
between the nearest sample before and the nearest after, and flagged. Without a sample after, nothing is said: the
energy will be in the registers as soon as there is one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.reading import BOUNDARY_TOLERANCE_S, Quality, Registers
from p2ptrade.domain.units import EnergyWh, EpochSeconds
from p2ptrade.metering.meter import RegisterSample

INTERPOLATION_MAX_S: Final = 2 * 3600
"""Over a longer gap a straight line is no estimate any more but a substitute (VEE practice: two hours)."""


@dataclass(frozen=True, slots=True)
class BoundaryValue:
    """The registers at a boundary, the meter time that stands for them, and how they came about."""

    registers: Registers
    meter_time_s: EpochSeconds
    quality: Quality


def at_boundary(boundary_s: int, samples: Sequence[RegisterSample]) -> BoundaryValue | None:
    """Return the registers at `boundary_s`, or nothing while no sample at or after it is known.

    `samples` rise by meter time. Interpolated registers are rounded down; they never leave the span between the two
    samples, so no slot gets negative energy and the slots of a gap add up to what was counted over it.
    """
    nearest = min(samples, key=lambda sample: abs(sample.meter_time_s - boundary_s), default=None)
    if nearest is None:
        return None
    if abs(nearest.meter_time_s - boundary_s) <= BOUNDARY_TOLERANCE_S:
        return BoundaryValue(nearest.registers, nearest.meter_time_s, Quality.MEASURED)
    before = max((s for s in samples if s.meter_time_s < boundary_s), key=lambda s: s.meter_time_s, default=None)
    after = min((s for s in samples if s.meter_time_s > boundary_s), key=lambda s: s.meter_time_s, default=None)
    if before is None or after is None:
        return None
    span_s = after.meter_time_s - before.meter_time_s
    quality = Quality.INTERPOLATED if span_s <= INTERPOLATION_MAX_S else Quality.SUBSTITUTED
    return BoundaryValue(_between(before, after, boundary_s), EpochSeconds(boundary_s), quality)


def _between(before: RegisterSample, after: RegisterSample, instant_s: int) -> Registers:
    def on_the_line(first_wh: int, last_wh: int) -> EnergyWh:
        passed_s, span_s = instant_s - before.meter_time_s, after.meter_time_s - before.meter_time_s
        return EnergyWh(first_wh + (last_wh - first_wh) * passed_s // span_s)

    return Registers(
        on_the_line(before.registers.import_wh, after.registers.import_wh),
        on_the_line(before.registers.export_wh, after.registers.export_wh),
    )
