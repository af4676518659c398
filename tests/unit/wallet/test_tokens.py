"""A certificate takes exactly 1 MWh, of as few slots as there are to be had, and nothing if there is less."""

import pytest

from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.wallet.tokens import Holding, for_certificate, in_parts


def held(**energy_wh: int) -> list[Holding]:
    return [Holding(SlotNumber(int(slot[1:])), EnergyWh(wh), EnergyWh(0)) for slot, wh in energy_wh.items()]


def test_the_largest_holdings_are_used_first_and_the_last_in_part() -> None:
    chosen = for_certificate(held(s7=100_000, s8=700_000, s9=250_000, s10=0))

    assert chosen == {8: 700_000, 9: 250_000, 7: 50_000}
    assert sum(chosen.values()) == 1_000_000


def test_equal_holdings_are_used_from_the_oldest_on() -> None:
    assert for_certificate(held(s9=600_000, s8=600_000)) == {8: 600_000, 9: 400_000}


def test_what_was_gathered_before_counts() -> None:
    assert for_certificate(held(s7=100_000, s8=700_000), 650_000) == {8: 350_000}


def test_many_slots_go_in_parts_of_a_thousand_in_rising_order() -> None:
    chosen = {SlotNumber(slot): EnergyWh(400) for slot in reversed(range(2_500))}

    parts = list(in_parts(chosen))

    assert [len(part) for part in parts] == [1_000, 1_000, 500]
    assert [slot for part in parts for slot in part] == list(range(2_500))


def test_a_watt_hour_too_little_makes_no_certificate() -> None:
    with pytest.raises(RefusedError, match="999999 Wh are there"):
        for_certificate(held(s7=999_999))
