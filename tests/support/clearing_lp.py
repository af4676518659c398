"""The optimum of books as HiGHS finds it: an answer that does not come from the code under test.

The matrix of the program is that of a network, so a vertex is integral for integral limits; its values are rounded,
and what follows from them is exact. Where trades without any gain are possible the volume is open. A weight of 4 on
prices and of 1 (or -1) on volume settles it: a gain in price is at least 4, one Wh exchanged changes the volume by at
most 1, so the vertex is still optimal in welfare, and has the most (or the least) volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from p2ptrade.bench.linear_program import column_count, solve, welfare_program
from p2ptrade.domain.order import Side
from p2ptrade.market import Book


@dataclass(frozen=True, slots=True)
class Optimum:
    """Welfare at effective prices, in Wh times micro per kWh, and volume in Wh."""

    net_welfare: int
    volume_wh: int


def net_welfare_of(book: Book, step_energy_wh: Sequence[int]) -> int:
    """Return the worth of accepted energy at effective prices: bids less charge, minus offers."""
    sides, prices = book.step_side.tolist(), book.limit_price.tolist()
    return sum(
        energy * (price - book.charge if side == Side.BID else -price)
        for side, price, energy in zip(sides, prices, step_energy_wh, strict=True)
    )


def optima(books: Sequence[Book], *, most_volume: bool) -> list[Optimum]:
    """Return the optimum of each book with the most or the least volume, all from one program."""
    program = welfare_program(books, price_weight=4, volume_weight=1 if most_volume else -1)
    values = [round(value) for value in solve(program).tolist()]
    found, first = [], 0
    for book in books:
        fills = values[first : first + book.energy_wh.size]
        first += column_count(book)
        bids = (book.step_side == Side.BID).tolist()
        volume = sum(fill for fill, is_bid in zip(fills, bids, strict=True) if is_bid)
        found.append(Optimum(net_welfare_of(book, fills), volume))
    return found
