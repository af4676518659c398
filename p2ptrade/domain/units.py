"""Quantities of the platform as types, so that energy, price and amount cannot be mixed up.

All of them are integers. Energy is in Wh, money in micro-credits, prices in micro-credits per kWh (clearing
prices in half of that, so that the middle of two prices is exact), instants in seconds since the epoch,
shares in parts per million.
"""

from typing import Final, NewType

EnergyWh = NewType("EnergyWh", int)
PriceMicroPerKwh = NewType("PriceMicroPerKwh", int)
PriceHalfMicroPerKwh = NewType("PriceHalfMicroPerKwh", int)
AmountMicro = NewType("AmountMicro", int)
SlotNumber = NewType("SlotNumber", int)
EpochSeconds = NewType("EpochSeconds", int)
AccountId = NewType("AccountId", int)
ZoneId = NewType("ZoneId", int)
SharePpm = NewType("SharePpm", int)

U32_MAX: Final = 2**32 - 1
WH_PER_KWH: Final = 1_000
HALF_UNITS_PER_UNIT: Final = 2
MICRO_PER_CREDIT: Final = 1_000_000
PPM: Final = 1_000_000
SLOT_SECONDS: Final = 900
ZONES_MAX: Final = 32
STEPS_MAX: Final = 4
# The charge is the sum of three network parts and the market fee, each of which fits 32 bits.
CHARGE_MAX: Final = 4 * U32_MAX


def in_half_units(price: int) -> PriceHalfMicroPerKwh:
    """Return a price in micro per kWh as half micro per kWh, the unit of clearing prices."""
    return PriceHalfMicroPerKwh(HALF_UNITS_PER_UNIT * price)
