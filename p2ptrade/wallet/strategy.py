"""How a home bids by itself: a simple, stated strategy from a forecast, the same every time.

1. Forecast: yesterday repeats. In each slot the home will use and generate what it did in the same slot a day ago.
2. Plan: the battery follows self-consumption first (`domain.battery`) over the forecast. What is left is net
   energy: a deficit is bid for, a surplus offered.
3. Price. Outside of the market a deficit costs `retail` and a surplus earns `feed_in`. With the buyer's charge P_T,
   energy is worth trading between neighbours as long as the zone price lies between `feed_in` and `retail - P_T`.
   A home stands at a share s of that range: it bids P_T + feed_in + s (retail - P_T - feed_in), all-in, and
   offers at feed_in + s (retail - P_T - feed_in). Buyers stand in the upper part of the range and sellers in the
   lower, each home at its own place, spread by a hash of its account: so the curves have slope, and whoever can
   trade does.
4. Steps. A forecast errs. The part of the energy that is nearly sure (`SURE_PPM`) is the first step; the rest is the
   second, at a price more careful by `CARE_PPM` of the range, because energy that was traded and does not come about
   costs the difference between the retailer's two prices.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.battery import Battery, BatterySlot, follow
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import PPM, AccountId, EnergyWh, PriceMicroPerKwh, SharePpm

SURE_PPM: Final = 600_000
CARE_PPM: Final = 400_000
BUYERS_FROM_PPM: Final = 550_000
BUYERS_TO_PPM: Final = 950_000
SELLERS_FROM_PPM: Final = 50_000
SELLERS_TO_PPM: Final = 450_000
LEAST_ORDER_WH: Final = 10


@dataclass(frozen=True, slots=True)
class SlotPrices:
    """What bounds a home's prices in a slot, in micro per kWh: the retailer's two, and the buyer's charge."""

    retail_micro_per_kwh: PriceMicroPerKwh
    feed_in_micro_per_kwh: PriceMicroPerKwh
    charge_micro_per_kwh: PriceMicroPerKwh

    @property
    def range_micro_per_kwh(self) -> int:
        """Return how far the zone price may lie above the feed-in price; 0 or less where trade cannot pay."""
        return self.retail_micro_per_kwh - self.charge_micro_per_kwh - self.feed_in_micro_per_kwh


@dataclass(frozen=True, slots=True)
class Intention:
    """What a home wants to trade in a slot: an order without its account's zone and salt."""

    side: Side
    steps: tuple[Step, ...]


def share_of(account: AccountId, seed: int = 0) -> SharePpm:
    """Return the place of a home between 0 and 1, in ppm: spread evenly, the same every time for the same seed."""
    text = f"p2ptrade bidding share|{seed}|{account}".encode()
    return SharePpm(int.from_bytes(hashlib.sha256(text).digest()[:8], "big") % (PPM + 1))


def plan(battery: Battery, stored_wh: EnergyWh, forecast_net_wh: Sequence[int]) -> Iterator[tuple[int, BatterySlot]]:
    """Return slot by slot the net energy that is left with the battery's help, and what the battery does.

    `forecast_net_wh` is consumption less generation without the battery; positive is a deficit.
    """
    for net_wh in forecast_net_wh:
        done = follow(battery, stored_wh, net_wh)
        stored_wh = done.stored_wh
        yield net_wh + done.withdrawn_wh, done


def intend(net_wh: int, prices: SlotPrices, share: SharePpm) -> Intention | None:
    """Return what a home with the planned net energy bids or offers; nothing if it is not worth an order.

    Prices are rounded towards the home's caution: a bid's down, an offer's up.
    """
    width = prices.range_micro_per_kwh
    if abs(net_wh) < LEAST_ORDER_WH or width <= 0:
        return None
    if net_wh > 0:
        place = _between(BUYERS_FROM_PPM, BUYERS_TO_PPM, share)
        base = prices.feed_in_micro_per_kwh + prices.charge_micro_per_kwh
        limits = (base + width * place // PPM, base + width * (place - CARE_PPM) // PPM)
        return Intention(Side.BID, _steps(net_wh, limits))
    place = _between(SELLERS_FROM_PPM, SELLERS_TO_PPM, share)
    base = prices.feed_in_micro_per_kwh
    limits = (base - (-width * place // PPM), base - (-width * (place + CARE_PPM) // PPM))
    return Intention(Side.OFFER, _steps(-net_wh, limits))


def _between(least_ppm: int, most_ppm: int, share: SharePpm) -> int:
    return least_ppm + (most_ppm - least_ppm) * share // PPM


def _steps(energy_wh: int, limits: tuple[int, int]) -> tuple[Step, ...]:
    """Return the sure part at the first limit and the rest at the second; one step where they would be the same."""
    sure_wh = energy_wh * SURE_PPM // PPM
    energies = (sure_wh, energy_wh - sure_wh) if limits[0] != limits[1] else (energy_wh,)
    return tuple(
        Step(EnergyWh(part_wh), PriceMicroPerKwh(limit))
        for part_wh, limit in zip(energies, limits, strict=False)
        if part_wh > 0
    )
