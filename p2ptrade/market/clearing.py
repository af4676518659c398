"""The clearing of a book: prices, flows between zones, and what every order trades.

The steps read as in the rule: prices; the certificate's own verdict on them; flows from the root outwards,
each target shared over a zone and then its children pro rata of their ranges; within a zone the most marginal
energy that gives its export; marginal energy of a side shared pro rata in rising account order. All sharing
is by running totals, so sums are exact. No clock, no randomness, no floats.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from p2ptrade.domain.order import Side
from p2ptrade.domain.shares import shares
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, EnergyWh, PriceHalfMicroPerKwh
from p2ptrade.market.book import Book, Column
from p2ptrade.market.certificate import Accepted, Refusal, Staircase, Tally, judge
from p2ptrade.market.prices import SortedBook, clearing_prices
from p2ptrade.market.shares import column_shares
from p2ptrade.market.zones import ZoneTree


@dataclass(frozen=True, slots=True)
class ZoneResult:
    """A zone's clearing price, its own net export and the flow on its line to its parent, in Wh."""

    price_half_micro_per_kwh: PriceHalfMicroPerKwh
    net_export_wh: EnergyWh
    export_wh: EnergyWh


@dataclass(frozen=True, eq=False)
class Clearing:
    """The result: per zone its price and flows, per step of the book the energy that trades, in Wh."""

    book: Book
    zones: tuple[ZoneResult, ...]
    step_energy_wh: Column

    @property
    def prices(self) -> tuple[PriceHalfMicroPerKwh, ...]:
        """Return the certificate: one price per zone, in half micro per kWh."""
        return tuple(zone.price_half_micro_per_kwh for zone in self.zones)

    @cached_property
    def order_energy_wh(self) -> Column:
        """Return the energy that each order trades, in the order of the book."""
        energy = np.zeros(len(self.book), dtype=np.int64)
        np.add.at(energy, self.book.step_order, self.step_energy_wh)
        return energy

    @property
    def volume_wh(self) -> EnergyWh:
        """Return the energy that is bought, which is also what is sold."""
        return EnergyWh(int(self.step_energy_wh[self.book.step_side == Side.BID].sum()))

    @property
    def welfare_wh_micro_per_kwh(self) -> int:
        """Return accepted energy times limit price, bids less offers: a thousandth of it is micro-credits."""
        bid = self.book.step_side == Side.BID
        return self._worth(bid) - self._worth(~bid)

    def _worth(self, steps: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> int:
        """Return the sum of energy times limit over steps; 32-bit halves are summed apart and cannot overflow."""
        worth = self.step_energy_wh[steps].astype(np.uint64) * self.book.limit_price[steps].astype(np.uint64)
        high, low = worth >> np.uint64(32), worth & np.uint64(2**32 - 1)
        return (int(high.sum()) << 32) + int(low.sum())


def clear(book: Book) -> Clearing:
    """Return the clearing of a book: the welfare optimum under the limits of the lines."""
    steps = SortedBook(book)
    prices = clearing_prices(steps)
    tallies = [steps.tally(zone, price) for zone, price in enumerate(prices)]
    verdict = judge(book.tree, prices, tallies)
    if isinstance(verdict, Refusal):  # the search and the rule disagree: a fault of this program
        raise AssertionError(f"zone {verdict.zone}: {verdict.fault.value}")
    exports, flows = zone_exports(book.tree, verdict)
    zones = tuple(map(ZoneResult, prices, exports, flows))
    return Clearing(book, zones, _fills(book, prices, tallies, exports))


def zone_exports(tree: ZoneTree, accepted: Accepted) -> tuple[list[EnergyWh], list[EnergyWh]]:
    """Return each zone's own net export and the flow from each subtree to its parent (root: 0), in Wh."""
    own = [EnergyWh(0)] * len(tree)
    flow = [EnergyWh(0)] * len(tree)
    for zone, children in enumerate(tree.children):
        ranges = [accepted.own[zone], *(accepted.views[child] for child in children)]
        own[zone], *due = _split(flow[zone], ranges)
        for child, export in zip(children, due, strict=True):
            flow[child] = export
    return own, flow


def marginal_energy(tally: Tally, export_wh: int) -> tuple[EnergyWh, EnergyWh]:
    """Return what trades of bids and of offers at the price itself: the most that gives the zone's export."""
    balance = tally.offer_below_wh - tally.bid_above_wh - export_wh
    bid_wh = min(tally.bid_at_wh, balance + tally.offer_at_wh)
    return EnergyWh(bid_wh), EnergyWh(bid_wh - balance)


def _split(target: int, ranges: list[Staircase]) -> list[EnergyWh]:
    """Return the target split over ranges: to each its least, the rest pro rata of their widths."""
    rest = target - sum(each.lo for each in ranges)
    extra = shares(rest, [each.hi - each.lo for each in ranges])
    return [EnergyWh(each.lo + more) for each, more in zip(ranges, extra, strict=True)]


def _fills(book: Book, prices: list[PriceHalfMicroPerKwh], tallies: list[Tally], exports: list[EnergyWh]) -> Column:
    """Return the energy that each step trades: all if better than its zone's price, a share if at it, else nothing."""
    below = np.array(prices)[book.zone][book.step_order]
    for _ in range(HALF_UNITS_PER_UNIT):
        below -= book.effective_price
    at_price = below == 0
    is_better = (below < 0) == (book.side == Side.BID)[book.step_order]
    fills: Column = book.energy_wh * (is_better & ~at_price & book.is_in_play)
    marginal = np.flatnonzero(at_price & book.is_in_play)
    order = book.step_order[marginal]
    group = 2 * book.zone[order] + book.side[order]
    by_account = np.lexsort((marginal, book.account[order], group))
    marginal, group = marginal[by_account], group[by_account]
    first_of_group = np.flatnonzero(np.diff(group, prepend=-1))
    for chosen in np.split(marginal, first_of_group)[1:]:
        zone_index, side_index = book.zone[book.step_order[chosen[0]]], book.side[book.step_order[chosen[0]]]
        energy = marginal_energy(tallies[zone_index], exports[zone_index])[side_index]
        fills[chosen] = column_shares(energy, book.energy_wh[chosen])
    return fills
