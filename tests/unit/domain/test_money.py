"""What energy costs, against exact fractions."""

from fractions import Fraction
from math import ceil, floor

from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.money import (
    buyer_pays_rounded_up,
    cost_rounded_down,
    cost_rounded_up,
    seller_receives_rounded_down,
)
from p2ptrade.domain.units import U32_MAX, EnergyWh, PriceHalfMicroPerKwh, PriceMicroPerKwh

u32 = st.integers(0, U32_MAX)
energies = u32.map(EnergyWh)
prices = u32.map(PriceMicroPerKwh)
prices_half = st.integers(0, 2 * U32_MAX).map(PriceHalfMicroPerKwh)


@given(energies, prices_half, prices)
def test_the_buyer_pays_price_and_charge_rounded_up(
    energy: EnergyWh, price_half: PriceHalfMicroPerKwh, charge: PriceMicroPerKwh
) -> None:
    exact = Fraction(energy, 1_000) * (Fraction(price_half, 2) + charge)

    assert buyer_pays_rounded_up(energy, price_half, charge) == ceil(exact)


@given(energies, prices_half)
def test_the_seller_receives_the_price_rounded_down(energy: EnergyWh, price_half: PriceHalfMicroPerKwh) -> None:
    assert seller_receives_rounded_down(energy, price_half) == floor(Fraction(energy * price_half, 2_000))


@given(energies, prices)
def test_costs_are_rounded_the_way_their_names_say(energy: EnergyWh, price: PriceMicroPerKwh) -> None:
    exact = Fraction(energy * price, 1_000)

    assert (cost_rounded_down(energy, price), cost_rounded_up(energy, price)) == (floor(exact), ceil(exact))
