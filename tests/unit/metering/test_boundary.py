"""Registers at the end of a slot: measured within nine seconds, interpolated between two samples, else unknown."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.reading import Quality, Registers
from p2ptrade.domain.units import EnergyWh, EpochSeconds
from p2ptrade.metering.boundary import at_boundary
from p2ptrade.metering.meter import RegisterSample

BOUNDARY_S = 1_800_000_000


def sample(offset_s: int, import_wh: int, export_wh: int = 0) -> RegisterSample:
    return RegisterSample(EpochSeconds(BOUNDARY_S + offset_s), Registers(EnergyWh(import_wh), EnergyWh(export_wh)))


@pytest.mark.parametrize("offset_s", [-9, -1, 0, 9])
def test_a_sample_within_nine_seconds_is_the_boundary(offset_s: int) -> None:
    value = at_boundary(BOUNDARY_S, [sample(-900, 100), sample(offset_s, 130)])

    assert value is not None
    assert (value.quality, value.registers.import_wh) == (Quality.MEASURED, 130)
    assert value.meter_time_s == BOUNDARY_S + offset_s


@pytest.mark.parametrize("offset_s", [-10, 10])
def test_ten_seconds_off_is_interpolated(offset_s: int) -> None:
    other = sample(-900 if offset_s > 0 else 900, 0 if offset_s > 0 else 1_000)

    value = at_boundary(BOUNDARY_S, sorted([other, sample(offset_s, 500)], key=lambda s: s.meter_time_s))

    assert value is not None
    assert value.quality is Quality.INTERPOLATED


def test_interpolation_is_a_straight_line_rounded_down() -> None:
    value = at_boundary(BOUNDARY_S, [sample(-300, 1_000, 50), sample(600, 1_100, 51)])

    assert value is not None
    assert value.registers == Registers(EnergyWh(1_033), EnergyWh(50))
    assert value.meter_time_s == BOUNDARY_S


def test_over_more_than_two_hours_a_line_is_only_a_substitute() -> None:
    within = at_boundary(BOUNDARY_S, [sample(-3_600, 0), sample(3_600, 100)])
    beyond = at_boundary(BOUNDARY_S, [sample(-3_600, 0), sample(3_601, 100)])

    assert within is not None
    assert beyond is not None
    assert (within.quality, beyond.quality) == (Quality.INTERPOLATED, Quality.SUBSTITUTED)


def test_without_a_later_sample_nothing_is_said() -> None:
    assert at_boundary(BOUNDARY_S, []) is None
    assert at_boundary(BOUNDARY_S, [sample(-900, 100), sample(-10, 130)]) is None
    assert at_boundary(BOUNDARY_S, [sample(10, 130)]) is None


@given(
    start_wh=st.integers(0, 2**40),
    counted_wh=st.integers(0, 10**9),
    before_s=st.integers(10, 10**6),
    slots=st.integers(1, 300),
)
def test_the_slots_of_a_gap_add_up_to_what_the_meter_counted(
    start_wh: int, counted_wh: int, before_s: int, slots: int
) -> None:
    first, last = sample(-before_s, start_wh), sample(900 * slots + 10, start_wh + counted_wh)

    values = [at_boundary(BOUNDARY_S + 900 * number, [first, last]) for number in range(slots + 1)]

    registers = [start_wh, *(value.registers.import_wh for value in values if value), start_wh + counted_wh]
    assert len(registers) == slots + 3
    assert registers == sorted(registers)
