"""Phases are half open: the second of a deadline belongs to what comes after it."""

import pytest

from p2ptrade.domain.slot import DEFAULT_WINDOWS, Phase, Windows, end_of, slot_at, start_of
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError

SLOT = SlotNumber(1_900_000)
START_S = 1_900_000 * 900


def test_a_slot_contains_its_first_second_and_not_its_last() -> None:
    assert (start_of(SLOT), end_of(SLOT)) == (START_S, START_S + 900)
    assert [slot_at(start_of(SLOT) + s) - SLOT for s in (-1, 0, 899, 900)] == [-1, 0, 0, 1]


@pytest.mark.parametrize(
    ("before_start_s", "phase"),
    [
        (1801, Phase.SEALING),
        (1800, Phase.OPENING),
        (1201, Phase.OPENING),
        (1200, Phase.CLEARING),
        (601, Phase.CLEARING),
        (600, Phase.CLOSED),
        (1, Phase.CLOSED),
        (0, Phase.DELIVERY),
        (-899, Phase.DELIVERY),
        (-900, Phase.SETTLEMENT),
    ],
)
def test_the_phase_changes_on_the_second_of_its_deadline(before_start_s: int, phase: Phase) -> None:
    assert DEFAULT_WINDOWS.phase(SLOT, START_S - before_start_s) is phase


def test_windows_that_do_not_shrink_towards_delivery_are_refused() -> None:
    with pytest.raises(InputError, match="must shrink"):
        Windows(limits_lead_s=1800, gate_lead_s=1800)
