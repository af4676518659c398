"""The benchmark of the clearing: it measures what it says, and a wrong clearing cannot pass it."""

from typing import Any

import numpy as np
import pytest

from p2ptrade.bench import clear as bench
from p2ptrade.bench.clear import bench_clear, random_columns
from p2ptrade.errors import P2PTradeError
from p2ptrade.market import Book, Clearing, clear


def test_rows_have_times_of_both_and_their_ratio() -> None:
    document = bench_clear(orders=(20, 60), zones=(1, 4))

    rows = document["rows"]
    assert [(row["orders"], row["zones"]) for row in rows] == [(20, 1), (60, 1), (20, 4), (60, 4)]
    assert all(row["seconds"] > 0 and row["lp_seconds"] > 0 for row in rows)
    assert all(row["ratio"] == row["lp_seconds"] / row["seconds"] for row in rows)


def test_the_same_numbers_give_the_same_book_and_some_lines_are_full() -> None:
    first, second = random_columns(500, 8, seed=3), random_columns(500, 8, seed=3)

    assert np.array_equal(first.limit_price, second.limit_price)
    assert first.tree == second.tree
    assert len(set(clear(first).prices)) > 1


def test_a_clearing_that_trades_too_little_does_not_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    def lazy(book: Book) -> Clearing:
        right = clear(book)
        return Clearing(book, right.zones, np.zeros_like(right.step_energy_wh))

    monkeypatch.setattr(bench, "clear", lazy)

    with pytest.raises(P2PTradeError, match="reaches a welfare of"):
        bench_clear(orders=(50,), zones=(1,))


def row(orders: int, zones: int, seconds: float, ratio: float) -> dict[str, Any]:
    return {"orders": orders, "zones": zones, "seconds": seconds, "ratio": ratio}


def test_targets_are_judged_by_the_rows_at_hand() -> None:
    rows = [row(10_000, 1, 0.016, 31), row(100_000, 1, 0.1, 50), row(10_000, 32, 1.0, 29)]

    verdicts = {target["target"]: target["met"] for target in bench._targets(rows)}

    assert verdicts == {
        "seconds for 10,000 orders in one zone": False,
        "growth from 10,000 to 100,000 orders, zones: 1": True,
        "times faster than the linear program at 10,000 orders, zones: 1": True,
        "times faster than the linear program at 10,000 orders, zones: 32": False,
    }
