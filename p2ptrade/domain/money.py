"""What energy costs. Every division says in its name how it rounds, always in favour of the account that
holds the money.

A fill of E Wh at the zone price p (half micro per kWh) moves E * p / 2,000 micro-credits; the buyer pays the
charge on top. What the rounding leaves over, less than two micro-credits a fill, stays with the congestion
rent.
"""

from typing import Final

from p2ptrade.domain.units import (
    HALF_UNITS_PER_UNIT,
    WH_PER_KWH,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
)

_HALF_MICRO_WH_PER_KWH: Final = HALF_UNITS_PER_UNIT * WH_PER_KWH


def buyer_pays_rounded_up(energy: EnergyWh, price: PriceHalfMicroPerKwh, charge: PriceMicroPerKwh) -> AmountMicro:
    """Return what a buyer pays for `energy` at the zone price with network charge and fee on top, rounded up."""
    return AmountMicro(-(-energy * (price + HALF_UNITS_PER_UNIT * charge) // _HALF_MICRO_WH_PER_KWH))


def seller_receives_rounded_down(energy: EnergyWh, price: PriceHalfMicroPerKwh) -> AmountMicro:
    """Return what a seller receives for `energy` at the zone price, rounded down."""
    return AmountMicro(energy * price // _HALF_MICRO_WH_PER_KWH)


def cost_rounded_up(energy: EnergyWh, price: PriceMicroPerKwh) -> AmountMicro:
    """Return the cost of `energy` at a price per kWh, rounded up."""
    return AmountMicro(-(-energy * price // WH_PER_KWH))


def cost_rounded_down(energy: EnergyWh, price: PriceMicroPerKwh) -> AmountMicro:
    """Return the cost of `energy` at a price per kWh, rounded down."""
    return AmountMicro(energy * price // WH_PER_KWH)
