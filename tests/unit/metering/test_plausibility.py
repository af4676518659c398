"""A reading beside the one before it: what is refused, what is kept and flagged, what is fine."""

from dataclasses import replace

import pytest

from p2ptrade.domain.reading import NO_PREDECESSOR, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.metering.plausibility import Rule, examine

SLOT = SlotNumber(2_000_000)
END_S = (SLOT + 1) * 900
NOW_S = END_S + 5
CAPACITY_KW = 10
MOST_WH = 3_000  # 10 kW for a quarter of an hour is 2,500 Wh; the platform allows a fifth more

LAST = Reading(
    AccountId(16), b"m" * 32, SlotNumber(SLOT - 1), Registers(EnergyWh(1_000), EnergyWh(500)),
    EpochSeconds(END_S - 900), Quality.MEASURED, 7, b"p" * 32,
)  # fmt: skip
BEFORE = SignedReading(LAST, b"d" * 32, b"s" * 64)
GOOD = Reading(
    AccountId(16), b"m" * 32, SLOT, Registers(EnergyWh(1_400), EnergyWh(500)),
    EpochSeconds(END_S), Quality.MEASURED, 8, b"d" * 32,
)  # fmt: skip


def rules(reading: Reading, before: SignedReading | None = BEFORE, now_s: int = NOW_S) -> set[Rule]:
    return {finding.rule for finding in examine(reading, before, capacity_kw=CAPACITY_KW, now_s=now_s)}


def test_the_next_reading_of_a_meter_is_fine() -> None:
    assert rules(GOOD) == set()


def test_the_first_reading_of_a_meter_point_is_fine() -> None:
    assert rules(replace(GOOD, sequence=1, previous=NO_PREDECESSOR), None) == set()


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"sequence": 7, "previous": b"p" * 32}, Rule.SEQUENCE),
        ({"sequence": 6}, Rule.SEQUENCE),
        ({"previous": b"x" * 32}, Rule.CHAIN),
        ({"meter_point": b"n" * 32}, Rule.OTHER_METER),
        ({"account": AccountId(17)}, Rule.OTHER_METER),
    ],
)
def test_what_is_not_the_meters_next_reading_is_refused(change: dict[str, object], rule: Rule) -> None:
    reading = replace(GOOD, **change)  # type: ignore[arg-type]

    found = examine(reading, BEFORE, capacity_kw=CAPACITY_KW, now_s=NOW_S)

    assert [finding.rule for finding in found] == [rule]
    assert found[0].refuses


def test_a_reading_of_a_slot_that_has_one_is_refused() -> None:
    again = replace(GOOD, slot=LAST.slot, meter_time_s=LAST.meter_time_s)

    assert Rule.SLOT_ORDER in rules(again)


def test_a_reading_of_the_future_is_refused() -> None:
    assert rules(GOOD, now_s=END_S - 60) == set()
    assert rules(GOOD, now_s=END_S - 61) == {Rule.FUTURE}


def test_a_gap_in_the_numbers_is_no_broken_chain() -> None:
    assert rules(replace(GOOD, sequence=10, previous=b"?" * 32)) == set()


@pytest.mark.parametrize("register", ["import_wh", "export_wh"])
def test_a_register_that_runs_backwards_is_flagged(register: str) -> None:
    registers = replace(GOOD.registers, **{register: EnergyWh(499)})

    found = examine(replace(GOOD, registers=registers), BEFORE, capacity_kw=CAPACITY_KW, now_s=NOW_S)

    assert [finding.rule for finding in found] == [Rule.REGISTER_BACKWARDS]
    assert not found[0].refuses


def test_more_than_the_connection_can_carry_is_flagged() -> None:
    most = replace(GOOD, registers=Registers(EnergyWh(1_000 + MOST_WH), EnergyWh(500 + MOST_WH)))
    more = replace(GOOD, registers=Registers(EnergyWh(1_000 + MOST_WH + 1), EnergyWh(500)))

    assert rules(most) == set()
    assert rules(more) == {Rule.OVER_CAPACITY}


def test_after_a_gap_a_meter_may_have_counted_for_all_of_it() -> None:
    later = replace(
        GOOD, slot=SlotNumber(SLOT + 3), meter_time_s=EpochSeconds(END_S + 2_700),
        registers=Registers(EnergyWh(1_000 + 4 * MOST_WH), EnergyWh(500)),
    )  # fmt: skip

    assert rules(later, now_s=NOW_S + 2_700) == set()


def test_registers_sent_again_for_a_later_slot_are_flagged() -> None:
    stale = replace(GOOD, meter_time_s=LAST.meter_time_s, quality=Quality.INTERPOLATED)

    assert rules(stale) == {Rule.STALE}


@pytest.mark.parametrize(("offset_s", "expected"), [(9, set()), (-9, set()), (10, {Rule.CLOCK}), (-10, {Rule.CLOCK})])
def test_a_measurement_is_within_nine_seconds_of_the_end_of_its_slot(offset_s: int, expected: set[Rule]) -> None:
    assert rules(replace(GOOD, meter_time_s=EpochSeconds(END_S + offset_s))) == expected
