"""Demand and supply curves of a book, for pictures: how much is wanted, or on offer, at a price or better."""

from typing import NamedTuple

import numpy as np

from p2ptrade.domain.order import Side
from p2ptrade.market.book import Book, Column


class Curve(NamedTuple):
    """A step curve: from `energy_wh[i]` to `energy_wh[i + 1]` the effective price is `price_micro_per_kwh[i]`."""

    energy_wh: Column
    price_micro_per_kwh: Column


def curve(book: Book, side: Side, zone: int | None = None) -> Curve:
    """Return the curve of a side, best price first, of one zone or of all: running energy in Wh, effective prices."""
    chosen = book.is_in_play & (book.step_side == side)
    if zone is not None:
        chosen &= book.step_zone == zone
    price, energy = book.effective_price[chosen], book.energy_wh[chosen]
    best_first = np.argsort(-price if side is Side.BID else price, kind="stable")
    return Curve(np.concatenate(([0], np.cumsum(energy[best_first]))), price[best_first])
