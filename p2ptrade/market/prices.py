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
from p2ptrade.domain.units import U32_MAX, PriceHalfMicroPerKwh, in_half_units
from p2ptrade.market.book import STEPS_IN_BOOK_MAX, Book, Column
from p2ptrade.market.certificate import OPEN_ABOVE, OPEN_BELOW, Tally, canonical_price
from p2ptrade.market.zones import ROOT, ZoneTree

# A step's key is zone, effective price in micro per kWh and side in one sortable number. While sorting, the index of
# the step stands below it: 5 + 32 + 1 + 25 bits fill a positive 64-bit integer.
_INDEX_BITS = 25
_INDEX_MASK = 2**_INDEX_BITS - 1
_PRICE_SHIFT = 1
_PRICE_MASK = U32_MAX
_ZONE_SHIFT = 33
_ZONE_OFF_MASK = 2**_ZONE_SHIFT - 1
assert STEPS_IN_BOOK_MAX <= 2**_INDEX_BITS

# A price's own steps count as traded (`right`) or not (`left`), as in numpy's searchsorted.
_Edge = Literal["left", "right"]


class SortedBook:
    """The steps in play of a book, sorted by zone and effective price, with running totals of their energies."""

    def __init__(self, book: Book) -> None:
        self.tree: ZoneTree = book.tree
        self._keys, energy = _sorted_steps(book)
        self._by_price: Column = self._keys if len(self.tree) == 1 else np.sort(self._keys & _ZONE_OFF_MASK)
        self._energy: Column = _running_totals(energy)
        energy *= self._keys & 1 == Side.BID
        self._bids: Column = _running_totals(energy)
        self._bounds: Column = np.searchsorted(self._keys, np.arange(len(self.tree) + 1) << _ZONE_SHIFT)
        # At which running total of energy a zone exports nothing: all its bids served by its own steps below.
        bids_of_zone = np.diff(self._bids[self._bounds])
        self._no_export: Column = self._energy[self._bounds[:-1]] + bids_of_zone
        subtrees = _subtrees(self.tree)
        self._members = [np.array(members, dtype=np.int64) for members in subtrees]
        self._lines_within = [_lines_outermost_first(self.tree, members) for members in subtrees]

    def export_range(self, root: int, price: int) -> tuple[int, int]:
        """Return what the subtree of `root` can export at `price` with the lines inside it clipped, in Wh."""
        return self._export(root, price, "left"), self._export(root, price, "right")

    def price_of_export(self, root: int, target: int) -> PriceHalfMicroPerKwh:
        """Return the price that stands for those at which the subtree of `root` can export `target` Wh.

        The target must be one that the subtree can reach at some price.
        """
        keys = self._by_price
        if keys.size == 0:
            return canonical_price(OPEN_BELOW, OPEN_ABOVE)

        def least(index: int) -> int:
            return self._export(root, _price_half(keys[index]), "left")

        def most(index: int) -> int:
            return self._export(root, _price_half(keys[index]), "right")

        indices = range(keys.size)
        a, b = OPEN_BELOW, OPEN_ABOVE
        if least(0) < target:
            a = _price_half(keys[bisect_left(indices, target, key=most)])
        if most(-1) > target:
            b = _price_half(keys[bisect_right(indices, target, key=least) - 1])
        return canonical_price(a, b)

    def tally(self, zone: int, price: int) -> Tally:
        """Return what the pass over the book finds in `zone` at `price`."""
        first, end = int(self._bounds[zone]), int(self._bounds[zone + 1])
        edges = np.array([_first_price_from(price, "left"), _first_price_from(price, "right")])
        at, beyond = np.searchsorted(self._keys, (zone << _ZONE_SHIFT) + (edges << _PRICE_SHIFT)).tolist()
        bids_below, bids_at, bids_above = np.diff(self._bids[[first, at, beyond, end]]).tolist()
        energy_below, energy_at, _ = np.diff(self._energy[[first, at, beyond, end]]).tolist()
        return Tally(
            bid_above_wh=bids_above,
            bid_at_wh=bids_at,
            offer_below_wh=energy_below - bids_below,
            offer_at_wh=energy_at - bids_at,
            down=_price_half(self._keys[at - 1]) if at > first else OPEN_BELOW,
            up=_price_half(self._keys[beyond]) if beyond < end else OPEN_ABOVE,
        )

    def _export(self, root: int, price: int, edge: _Edge) -> int:
        """Return the least (`left`) or most (`right`) that the subtree of `root` can export at `price`."""
        members = self._members[root]
        from_key = _first_price_from(price, edge) << _PRICE_SHIFT
        reached = np.searchsorted(self._keys, (members << _ZONE_SHIFT) + from_key)
        alone = self._energy[reached] - self._no_export[members]
        total: dict[int, int] = dict(zip(members.tolist(), alone.tolist(), strict=True))
        for index, parent, least, most in self._lines_within[root]:
            total[parent] += min(max(total[index], least), most)
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


def _sorted_steps(book: Book) -> tuple[Column, Column]:
    """Return the keys of the steps in play in rising order, and their energies."""
    order_key = (book.zone << _ZONE_SHIFT | book.side) << _INDEX_BITS
    keys = order_key[book.step_order]
    keys |= book.effective_price << (_PRICE_SHIFT + _INDEX_BITS)
    keys |= np.arange(keys.size)
    keys = book.in_play(keys)
    keys.sort()
    energy = book.energy_wh[keys & _INDEX_MASK]
    keys >>= _INDEX_BITS
    return keys, energy


def _price_half(key: np.int64) -> int:
    """Return the effective price in the key of a step, in half micro per kWh."""
    return in_half_units(int(key) >> _PRICE_SHIFT & _PRICE_MASK)


def _first_price_from(price_half: int, edge: _Edge) -> int:
    """Return the lowest whole price that is not below (`left`), or is above (`right`), a price in half units."""
    return (price_half + 1) // 2 if edge == "left" else price_half // 2 + 1


def _running_totals(column: Column) -> Column:
    totals = np.zeros(column.size + 1, dtype=np.int64)
    np.cumsum(column, out=totals[1:])
    return totals


def _lines_outermost_first(tree: ZoneTree, members: list[int]) -> list[tuple[int, int, int, int]]:
    """Return the lines inside a subtree, each after those beyond it: zone, parent, least and most export."""
    return [
        (index, tree[index].parent, -tree[index].import_wh, tree[index].export_wh) for index in reversed(members[1:])
    ]


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
