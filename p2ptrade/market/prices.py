"""Finding the clearing prices: search the steps' prices for where the tree balances, then walk back down.

A zone's steps, sorted by effective price with their energies summed up, are its staircase: at price p the
zone exports between (energy below p) - (all its bids) and (energy at or below p) - (all its bids), whichever
side a step is on. A subtree's export is its zones' with every line clipped on the way. It rises with the
price, so the prices that give a wanted export are found by bisection over the prices of the steps: O(n log n)
for the sorting and O(zones^2 log n) for the search. Integers only.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import Literal

import numpy as np

from p2ptrade.domain.order import Side
from p2ptrade.domain.units import PriceHalfMicroPerKwh
from p2ptrade.market.book import Book, Column
from p2ptrade.market.certificate import OPEN_ABOVE, OPEN_BELOW, Tally, canonical_price
from p2ptrade.market.zones import ROOT, ZoneTree

# Zone and price in one sortable number: a price in half units needs 33 bits.
_PRICE_BITS = 34
_PRICE_MASK = 2**_PRICE_BITS - 1

# A price's own steps count as traded (`right`) or not (`left`), as in numpy's searchsorted.
_Edge = Literal["left", "right"]


class SortedBook:
    """The steps in play of a book, sorted by zone and effective price, with running totals of their energies."""

    def __init__(self, book: Book) -> None:
        play = book.steps_in_play()
        price = book.effective_price_half()[play]
        keys = (book.step_zone()[play] << _PRICE_BITS) | price
        order = np.argsort(keys)
        energy = book.energy_wh[play][order]
        is_bid = book.step_side()[play][order] == Side.BID
        self.tree: ZoneTree = book.tree
        self._step_prices: list[int] = np.unique(price).tolist()
        self._keys: Column = keys[order]
        self._energy: Column = _running_totals(energy)
        self._bids: Column = _running_totals(energy * is_bid)
        self._bounds: Column = np.searchsorted(self._keys, np.arange(len(self.tree) + 1) << _PRICE_BITS)
        bids_of_zone = np.diff(self._bids[self._bounds])
        self._no_export: Column = self._energy[self._bounds[:-1]] + bids_of_zone
        self._members = [np.array(members, dtype=np.int64) for members in _subtrees(self.tree)]

    def export_range(self, root: int, price: int) -> tuple[int, int]:
        """Return what the subtree of `root` can export at `price` with the lines inside it clipped, in Wh."""
        return self._export(root, price, "left"), self._export(root, price, "right")

    def price_of_export(self, root: int, target: int) -> PriceHalfMicroPerKwh:
        """Return the price that stands for those at which the subtree of `root` can export `target` Wh.

        The target must be one that the subtree can reach at some price.
        """
        prices = self._step_prices
        if not prices:
            return canonical_price(OPEN_BELOW, OPEN_ABOVE)

        def least(index: int) -> int:
            return self._export(root, prices[index], "left")

        def most(index: int) -> int:
            return self._export(root, prices[index], "right")

        indices = range(len(prices))
        a, b = OPEN_BELOW, OPEN_ABOVE
        if least(0) < target:
            a = prices[bisect_left(indices, target, key=most)]
        if most(-1) > target:
            b = prices[bisect_right(indices, target, key=least) - 1]
        return canonical_price(a, b)

    def tally(self, zone: int, price: int) -> Tally:
        """Return what the pass over the book finds in `zone` at `price`."""
        first, end = int(self._bounds[zone]), int(self._bounds[zone + 1])
        at, beyond = np.searchsorted(self._keys, (zone << _PRICE_BITS) | np.array([price, price + 1])).tolist()
        bids_below, bids_at, bids_above = np.diff(self._bids[[first, at, beyond, end]]).tolist()
        energy_below, energy_at, _ = np.diff(self._energy[[first, at, beyond, end]]).tolist()
        return Tally(
            bid_above_wh=bids_above,
            bid_at_wh=bids_at,
            offer_below_wh=energy_below - bids_below,
            offer_at_wh=energy_at - bids_at,
            down=int(self._keys[at - 1]) & _PRICE_MASK if at > first else OPEN_BELOW,
            up=int(self._keys[beyond]) & _PRICE_MASK if beyond < end else OPEN_ABOVE,
        )

    def _export(self, root: int, price: int, edge: _Edge) -> int:
        """Return the least (`left`) or most (`right`) that the subtree of `root` can export at `price`."""
        members = self._members[root]
        reached = np.searchsorted(self._keys, (members << _PRICE_BITS) | price, edge)
        alone = self._energy[reached] - self._no_export[members]
        total: dict[int, int] = dict(zip(members.tolist(), alone.tolist(), strict=True))
        for index in reversed(total):
            if index != root:
                line = self.tree[index]
                total[line.parent] += min(max(total[index], -line.import_wh), line.export_wh)
        return total[root]


def clearing_prices(steps: SortedBook) -> list[PriceHalfMicroPerKwh]:
    """Return the clearing price of every zone: the root's balances the tree, the others' follow from their parent's."""
    prices = [steps.price_of_export(ROOT, 0)]
    for index, line in steps.tree:
        parent_price = prices[line.parent]
        least, most = steps.export_range(index, parent_price)
        if least > line.export_wh:
            prices.append(steps.price_of_export(index, line.export_wh))
        elif most < -line.import_wh:
            prices.append(steps.price_of_export(index, -line.import_wh))
        else:
            prices.append(parent_price)
    return prices


def _running_totals(column: Column) -> Column:
    return np.concatenate(([0], np.cumsum(column, dtype=np.int64)))


def _subtrees(tree: ZoneTree) -> Sequence[list[int]]:
    """Return for every zone the zones of its subtree in rising order, itself first."""
    subtrees: list[list[int]] = [[] for _ in range(len(tree))]
    for index in range(len(tree)):
        ancestor = index
        subtrees[ancestor].append(index)
        while ancestor != ROOT:
            ancestor = tree[ancestor].parent
            subtrees[ancestor].append(index)
    return subtrees
