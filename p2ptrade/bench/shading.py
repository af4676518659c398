"""What shading gains in a market of n traders, and what a rule without that gain would cost.

Each trader wants 1 kWh that is worth a random price to it. All bid and ask what it is worth but one, who knows
everybody's orders and takes the best of a list of shadings: bidding below, or asking above, by some share of the
worth. So the gain is an upper bound of what anybody can hope for who does not know the others' orders.

The rule to compare with is trade reduction (McAfee 1992, the case in which the marginal pair sets the prices): of k
pairs that gain from trade, k - 1 trade, buyers at the k-th bid and sellers at the k-th offer. It pays nobody to
shade; the k-th pair's gain is lost, and the difference of the two prices stays with the market. And the average of
each pair: the i-th highest bid and the i-th lowest offer trade at their own middle.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from p2ptrade.domain.order import Side
from p2ptrade.domain.units import PPM, WH_PER_KWH, PriceMicroPerKwh
from p2ptrade.market import Book, ZoneTree, clear
from p2ptrade.market.book import Column

TRADERS: Final = (10, 20, 50, 100, 400)
TRIALS: Final = 1_000
SEED: Final = 1_983
SHADINGS_PPM: Final = (
    *(5_000, 10_000, 20_000, 30_000, 40_000, 60_000, 80_000),
    *(100_000, 130_000, 160_000, 200_000, 250_000, 300_000),
)
_WORTH_LEAST, _WORTH_MOST = 60_000, 260_000
_TRIALS_PER_MARKET: Final = 20


@dataclass(frozen=True, slots=True)
class _Market:
    """The sides of the traders and what 1 kWh is worth to each, in micro per kWh."""

    side: Column
    worth: Column

    def uniform_gain(self, trader: int, limit: int) -> float:
        """Return what a trader gains at the uniform price that states `limit`, all others being truthful, in micro."""
        limits = self._limits(trader, limit)
        everyone = np.arange(self.side.size)
        clearing = clear(
            Book(
                tree=ZoneTree(),
                charge=PriceMicroPerKwh(0),
                account=everyone,
                zone=np.zeros_like(everyone),
                side=self.side,
                step_order=everyone,
                energy_wh=np.full_like(everyone, WH_PER_KWH),
                limit_price=limits,
            )
        )
        share = clearing.order_energy_wh[trader] / WH_PER_KWH
        return float(share * self._margin(trader, clearing.prices[0] / 2))

    def pair_average_gain(self, trader: int, limit: int) -> float:
        """Return the same if each pair trades at its own middle."""
        limits = self._limits(trader, limit)
        own_side = self.side == self.side[trader]
        sign = -1 if self.side[trader] == Side.BID else 1
        rank = int((sign * limits[own_side] < sign * limit).sum())
        best_first = -sign * np.sort(-sign * limits[~own_side])
        if rank >= best_first.size or sign * limit > sign * best_first[rank]:
            return 0.0
        return self._margin(trader, (limit + int(best_first[rank])) / 2)

    def best_shading_gain(self, trader: int, gain_of: Callable[[int, int], float]) -> float:
        """Return how much more than by the truth a trader gains with its best shading, in micro; at least 0."""
        worth = int(self.worth[trader])
        direction = -1 if self.side[trader] == Side.BID else 1
        limits = (worth + direction * round(worth * shading / PPM) for shading in SHADINGS_PPM)
        truthful = gain_of(trader, worth)
        return max(0.0, max(gain_of(trader, limit) for limit in limits) - truthful)

    def reduction(self) -> tuple[int, int, int]:
        """Return in micro what all could gain, and by trade reduction what traders and what the market gain."""
        bids = np.sort(self.worth[self.side == Side.BID])[::-1]
        offers = np.sort(self.worth[self.side == Side.OFFER])
        pairs = min(bids.size, offers.size)
        surplus = bids[:pairs] - offers[:pairs]
        trading = int((surplus > 0).sum())
        if trading == 0:
            return 0, 0, 0
        lost = int(surplus[trading - 1])
        whole = int(surplus[:trading].sum())
        to_market = (trading - 1) * lost
        return whole, whole - lost - to_market, to_market

    def _limits(self, trader: int, limit: int) -> Column:
        """Return everybody's worth, with the trader's replaced by what it states."""
        limits = self.worth.copy()
        limits[trader] = limit
        return limits

    def _margin(self, trader: int, price: float) -> float:
        """Return what a trader gains per kWh at a price in micro per kWh."""
        margin = float(self.worth[trader]) - price
        return margin if self.side[trader] == Side.BID else -margin


def bench_shading(traders: Sequence[int] = TRADERS, trials: int = TRIALS, seed: int = SEED) -> dict[str, Any]:
    """Return `rows`: per number of traders what shading gains at the uniform price, and what reduction keeps."""
    return {"rows": [_row(count, trials, seed) for count in traders], "targets": [], "seed": seed, "trials": trials}


def _row(traders: int, trials: int, seed: int) -> dict[str, Any]:
    random = np.random.default_rng((seed, traders))
    gains: list[float] = []
    pair_gains: list[float] = []
    sums = np.zeros(3, dtype=np.int64)
    while len(gains) < trials:
        market = _Market(side=np.arange(traders) % 2, worth=random.integers(_WORTH_LEAST, _WORTH_MOST + 1, traders))
        sums += market.reduction()
        tried = random.permutation(traders)[: min(_TRIALS_PER_MARKET, trials - len(gains))]
        gains.extend(market.best_shading_gain(int(trader), market.uniform_gain) for trader in tried)
        pair_gains.extend(market.best_shading_gain(int(trader), market.pair_average_gain) for trader in tried)
    whole, kept_by_traders, kept_by_market = sums.tolist()
    return {
        "traders": traders,
        "mean_gain_micro_per_kwh": round(sum(gains) / len(gains)),
        "able_to_gain_ppm": PPM * sum(gain > 0 for gain in gains) // len(gains),
        "pair_average_mean_gain_micro_per_kwh": round(sum(pair_gains) / len(pair_gains)),
        "reduction_keeps_ppm": PPM * (kept_by_traders + kept_by_market) // whole,
        "reduction_keeps_for_market_ppm": PPM * kept_by_market // whole,
    }
