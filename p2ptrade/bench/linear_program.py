"""The clearing of a book as a linear program for HiGHS: the yardstick of the benchmark and the judge in the tests.

Maximise the worth of accepted bids less that of accepted offers, each step within its energy, each zone in balance
with its lines, each line within its limits. Energies in Wh, effective prices in micro per kWh, as floats here.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

from p2ptrade.domain.order import Side
from p2ptrade.errors import P2PTradeError
from p2ptrade.market import Book

Floats = NDArray[np.float64]


def welfare_program(books: Sequence[Book], *, price_weight: int = 1, volume_weight: int = 0) -> Any:
    """Return the program of one or more books, each a block of its own: a column per step, then one per line.

    A Wh of a bid is worth `price_weight` times its effective price plus `volume_weight`, so that where trades
    without any gain are possible the volume can be made the most or the least.
    """
    blocks = [_Block(book, price_weight, volume_weight) for book in books]
    first_rows = np.cumsum([0, *(len(book.tree) for book in books)])
    lp = highspy.HighsLp()
    lp.col_cost_ = np.concatenate([block.cost for block in blocks])
    lp.col_lower_ = np.concatenate([block.lower for block in blocks])
    lp.col_upper_ = np.concatenate([block.upper for block in blocks])
    lp.num_col_, lp.num_row_ = lp.col_cost_.size, int(first_rows[-1])
    lp.row_lower_ = lp.row_upper_ = np.zeros(lp.num_row_)
    entries = np.concatenate([block.entries_per_column for block in blocks])
    lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    lp.a_matrix_.start_ = np.concatenate(([0], np.cumsum(entries)))
    lp.a_matrix_.index_ = np.concatenate([row + block.rows for row, block in zip(first_rows, blocks, strict=False)])
    lp.a_matrix_.value_ = np.concatenate([block.values for block in blocks])
    return lp


def column_count(book: Book) -> int:
    """Return how many columns a book has in a program; the first ones are its steps."""
    return int(book.energy_wh.size) + len(book.tree.below)


def solve(program: Any, options: Mapping[str, str] | None = None) -> Floats:
    """Return the values of all columns at an optimum, on one thread; a vertex unless `options` of HiGHS say
    otherwise.

    Raises:
        P2PTradeError: the solver ends without an optimum.
    """
    solver: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    for name, setting in (options or {}).items():
        solver.setOptionValue(name, setting)
    solver.passModel(program)
    solver.run()
    status = solver.getModelStatus()
    if status != highspy.HighsModelStatus.kOptimal:
        raise P2PTradeError(f"the linear program ended without an optimum: {solver.modelStatusToString(status)}")
    return np.asarray(solver.getSolution().col_value, dtype=np.float64)


class _Block:
    """The columns of one book: a step has an entry in its zone's row, a line one at each end."""

    def __init__(self, book: Book, price_weight: int, volume_weight: int) -> None:
        lines = book.tree.below
        is_bid = book.step_side == Side.BID
        takes_part = book.void_code[book.step_order] == 0
        worth_of_bid = price_weight * (book.limit_price - book.charge) + volume_weight
        worth = np.where(is_bid, worth_of_bid, -price_weight * book.limit_price)
        self.cost: Floats = np.concatenate((-worth, np.zeros(len(lines)))).astype(np.float64)
        self.lower = _floats(np.zeros(worth.size), [-line.import_wh for line in lines])
        self.upper = _floats(book.energy_wh * takes_part, [line.export_wh for line in lines])
        ends = [row for index, line in book.tree for row in (index, line.parent)]
        self.rows = np.concatenate((book.step_zone, np.array(ends, dtype=np.int64)))
        self.values = _floats(np.where(is_bid, -1, 1), [-1, 1] * len(lines))
        self.entries_per_column = np.repeat((1, 2), (worth.size, len(lines)))


def _floats(steps: NDArray[Any], lines: Sequence[int]) -> Floats:
    """Return what holds for the steps and then what holds for the lines, as one column of floats."""
    return np.concatenate((steps, np.array(lines, dtype=np.float64))).astype(np.float64)
