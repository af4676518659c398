"""Energy of a slot from readings: measured where it can be, else substituted by the stated rule, and flagged."""

import pytest

from p2ptrade.domain.reading import NO_PREDECESSOR, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.report import KeptReading
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.oracle.energy import SlotReadings, energy_of, measured

SLOT = SlotNumber(2_000_000)
KW = 10


def reading(
    slot: int, import_wh: int, export_wh: int = 0, quality: Quality = Quality.MEASURED, flags: tuple[str, ...] = ()
) -> KeptReading:
    number = SlotNumber(slot)
    made = Reading(
        account=AccountId(16),
        meter_point=bytes(32),
        slot=number,
        registers=Registers(EnergyWh(import_wh), EnergyWh(export_wh)),
        meter_time_s=EpochSeconds(end_of(number)),
        quality=quality,
        sequence=1,
        previous=NO_PREDECESSOR,
    )
    return KeptReading(SignedReading(made, bytes(32), bytes(64)), flags)


def nothing(_: SlotNumber) -> EnergyWh | None:
    return None


def test_the_energy_is_the_difference_of_the_registers_and_nothing_else() -> None:
    found = measured(SlotReadings(reading(SLOT - 1, 5_000, 700), reading(SLOT, 5_300, 1_900)), KW)

    assert found is not None
    assert (found.metered_wh, found.estimated) == (300 - 1_200, False)


def test_the_worse_quality_of_both_ends_is_that_of_the_slot() -> None:
    found = measured(SlotReadings(reading(SLOT - 1, 0, quality=Quality.INTERPOLATED), reading(SLOT, 10)), KW)

    assert found is not None
    assert found.estimated


@pytest.mark.parametrize(
    "readings",
    [
        SlotReadings(None, reading(SLOT, 10)),
        SlotReadings(reading(SLOT - 1, 0), None),
        SlotReadings(reading(SLOT - 1, 0), reading(SLOT, 10, flags=("register backwards",))),
        SlotReadings(reading(SLOT - 1, 0), reading(SLOT, 10, quality=Quality.MISSING)),
        SlotReadings(reading(SLOT - 1, 0), reading(SLOT, KW * 300 + 1)),
    ],
    ids=["no start", "no end", "register fell", "said to be missing", "more than the connection"],
)
def test_what_cannot_be_believed_is_not_measured(readings: SlotReadings) -> None:
    assert measured(readings, KW) is None


def test_a_gap_between_known_registers_is_filled_in_the_shape_of_like_days_and_adds_up() -> None:
    around = SlotReadings(None, None, reading(SLOT - 2, 1_000), reading(SLOT + 1, 1_900))
    # The gap has three slots; on the day before they were 100, 200 and 300 Wh.
    yesterday = {SLOT - 96 + offset: EnergyWh(wh) for offset, wh in ((-1, 100), (0, 200), (1, 300))}

    found = energy_of(SLOT, around, KW, yesterday.get)

    assert (found.metered_wh, found.quality) == (300, Quality.SUBSTITUTED)


def test_without_later_registers_the_mean_of_like_days_stands() -> None:
    days = {SLOT - 96: EnergyWh(100), SLOT - 2 * 96: EnergyWh(300), SLOT - 3 * 96: EnergyWh(350)}

    assert energy_of(SLOT, SlotReadings(None, None), KW, days.get).metered_wh == 250


def test_without_anything_known_a_substitute_is_zero_and_flagged() -> None:
    found = energy_of(SLOT, SlotReadings(None, None), KW, nothing)

    assert (found.metered_wh, found.estimated) == (0, True)


def test_a_substitute_stays_within_the_connection() -> None:
    around = SlotReadings(None, None, reading(SLOT - 1, 0), reading(SLOT, 1_000_000))

    assert energy_of(SLOT, around, KW, nothing).metered_wh == KW * 300
