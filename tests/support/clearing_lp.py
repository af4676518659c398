"""The clearing as a linear program, solved by HiGHS: an answer that does not come from the code under test.

Maximise the worth of accepted bids less that of accepted offers, each step within its energy, each zone in balance
with its lines, each line within its limits. The matrix is that of a network, so a vertex of the program is integral
for integral limits; its values are rounded, and what follows from them is exact.

Where trades without any gain are possible the volume is open. An objective of `4 * price + 1` per Wh of a bid (or
`- 1`) settles it: a gain in price is at least 4, one Wh exchanged changes the volume by at most 1, so the vertex is
still optimal in welfare, and has the most (or the least) volume.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import highspy
import numpy as np

from p2ptrade.domain.order import Side
from p2ptrade.market import Book


@dataclass(frozen=True, slots=True)
class Optimum:
    """Welfare at effective prices, in Wh times micro per kWh, and volume in Wh."""

    net_welfare: int
    volume_wh: int


def net_welfare_of(book: Book, step_energy_wh: Sequence[int]) -> int:
    """Return the worth of accepted energy at effective prices: bids less charge, minus offers."""
    total = 0
    sides, prices = book.step_side().tolist(), book.limit_price.tolist()
    for side, price, energy in zip(sides, prices, step_energy_wh, strict=True):
        total += energy * (price - book.charge if side == Side.BID else -price)
    return total


def solve(books: Sequence[Book], *, most_volume: bool) -> list[Optimum]:
    """Return the optimum of each book, all of them in one program of independent blocks."""
    model = _Model()
    first_columns = [model.add(book, 1 if most_volume else -1) for book in books]
    values = model.solve()
    optima = []
    for book, first in zip(books, first_columns, strict=True):
        fills = [round(value) for value in values[first : first + book.energy_wh.size]]
        bids = (book.step_side() == Side.BID).tolist()
        volume = sum(fill for fill, is_bid in zip(fills, bids, strict=True) if is_bid)
        optima.append(Optimum(net_welfare_of(book, fills), volume))
    return optima


class _Model:
    """Columns with up to two entries each: a step in its zone's row, a line in the rows at its ends."""

    def __init__(self) -> None:
        self.cost: list[float] = []
        self.lower: list[float] = []
        self.upper: list[float] = []
        self.starts: list[int] = [0]
        self.rows: list[int] = []
        self.entries: list[float] = []
        self.row_count = 0

    def add(self, book: Book, volume_worth: int) -> int:
        """Add a book's block and return the index of its first step's column."""
        first, zone_row = len(self.cost), self.row_count
        self.row_count += len(book.tree)
        columns = zip(
            book.step_side().tolist(),
            book.step_zone().tolist(),
            book.energy_wh.tolist(),
            book.limit_price.tolist(),
            (book.void_code[book.step_order] == 0).tolist(),
            strict=True,
        )
        for side, zone, energy, price, live in columns:
            is_bid = side == Side.BID
            worth = 4 * (price - book.charge) + volume_worth if is_bid else -4 * price
            self._column(-worth, 0, energy if live else 0, {zone_row + zone: -1 if is_bid else 1})
        for index, line in book.tree:
            ends = {zone_row + index: -1, zone_row + line.parent: 1}
            self._column(0, -line.import_wh, line.export_wh, ends)
        return first

    def solve(self) -> list[float]:
        """Return the values of all columns at an optimal vertex."""
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self.cost), self.row_count
        lp.col_cost_, lp.col_lower_, lp.col_upper_ = (
            np.array(column, dtype=np.double) for column in (self.cost, self.lower, self.upper)
        )
        lp.row_lower_ = lp.row_upper_ = np.zeros(self.row_count)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_ = np.array(self.starts)
        lp.a_matrix_.index_ = np.array(self.rows)
        lp.a_matrix_.value_ = np.array(self.entries, dtype=np.double)
        solver = highspy.Highs()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.passModel(lp)
        solver.run()
        assert solver.getModelStatus() == highspy.HighsModelStatus.kOptimal, solver.getModelStatus()
        return list(solver.getSolution().col_value)

    def _column(self, cost: float, lower: float, upper: float, entries: dict[int, float]) -> None:
        self.cost.append(cost)
        self.lower.append(lower)
        self.upper.append(upper)
        self.rows.extend(entries)
        self.entries.extend(entries.values())
        self.starts.append(len(self.rows))
