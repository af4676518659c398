"""A certificate takes exactly 1 MWh, of as few slots as there are to be had, and nothing if there is less."""

import pytest

from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.wallet.tokens import Holding, for_certificate


def held(**energy_wh: int) -> list[Holding]:
    return [Holding(SlotNumber(int(slot[1:])), EnergyWh(wh), EnergyWh(0)) for slot, wh in energy_wh.items()]


def test_the_largest_holdings_are_used_first_and_the_last_in_part() -> None:
    chosen = for_certificate(held(s7=100_000, s8=700_000, s9=250_000, s10=0))

    assert chosen == {8: 700_000, 9: 250_000, 7: 50_000}
    assert sum(chosen.values()) == 1_000_000


def test_equal_holdings_are_used_from_the_oldest_on() -> None:
    assert for_certificate(held(s9=600_000, s8=600_000)) == {8: 600_000, 9: 400_000}


def test_a_watt_hour_too_little_makes_no_certificate() -> None:
    with pytest.raises(RefusedError, match="999999 Wh are there"):
        for_certificate(held(s7=999_999))
