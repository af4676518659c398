"""How fast a book clears off the chain, beside HiGHS on the same book in the same run.

Books are random with a fixed seed: half bids and half offers whose prices overlap, in one zone, or in 8 or 32 with
lines of which several are full. What is timed is `clear`, from the columns of a fresh book to every step's fill; of
the linear program only loading and solving it. Each answer is checked against the other, so a fast wrong one cannot
pass.

HiGHS is measured twice: as it comes, and with the fastest of a few settings (they leave out its presolve, which
these programs defeat). Beyond 10,000 orders the presolve takes minutes, so there only the fast settings run.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import median
from time import perf_counter
from typing import Any, Final, TypeVar

import numpy as np

from p2ptrade.bench.linear_program import solve, welfare_program
from p2ptrade.domain.order import Side
from p2ptrade.domain.units import PriceMicroPerKwh
from p2ptrade.errors import P2PTradeError
from p2ptrade.market import Book, Clearing, ZoneTree, clear

ORDERS: Final = (100, 1_000, 10_000, 100_000)
ZONES: Final = (1, 8, 32)
STEPS_PER_ORDER: Final = 2
SEED: Final = 20_240_621

DEFAULT_LP: Final[Mapping[str, str]] = {}
FAST_LPS: Final[Mapping[str, Mapping[str, str]]] = {
    "dual simplex without presolve": {"presolve": "off", "solver": "simplex"},
    "interior point without presolve and crossover": {
        "presolve": "off",
        "solver": "ipm",
        "run_crossover": "off",
    },
}
# What HiGHS can be asked within reasonable time: the largest book for its presolve, and for its simplex method.
_DEFAULT_LP_ORDERS_MAX: Final = 10_000
_SIMPLEX_ORDERS_MAX: Final = 10_000

_WELFARE_TOLERANCE: Final = 1e-6
_CHARGE: Final = PriceMicroPerKwh(30_000)

_Result = TypeVar("_Result")


def bench_clear(orders: Sequence[int] = ORDERS, zones: Sequence[int] = ZONES, seed: int = SEED) -> dict[str, Any]:
    """Return `rows` (orders, zones, seconds, lp_seconds, ratio, ...) and the `targets` that they allow to judge.

    `ratio` compares with `lp_seconds`, `ratio_to_fastest_lp` with the fastest setting tried.

    Raises:
        P2PTradeError: the clearing and the linear program do not reach the same welfare.
    """
    rows = [_row(random_columns(count, zone_count, seed)) for zone_count in zones for count in orders]
    return {"rows": rows, "targets": _targets(rows), "seed": seed, "steps_per_order": STEPS_PER_ORDER}


def random_columns(orders: int, zones: int, seed: int) -> Book:
    """Return a random book with `STEPS_PER_ORDER` steps an order, the same for the same numbers."""
    random = np.random.default_rng((seed, orders, zones))
    parents = [int(random.integers(0, zone)) for zone in range(1, zones)]
    limits = random.integers(0, 1 + 60 * orders // zones, (len(parents), 2)).tolist()
    side = random.integers(0, 2, orders)
    is_bid = side == Side.BID
    best = np.where(is_bid, random.integers(120_000, 360_000, orders), random.integers(60_000, 300_000, orders))
    worse = best + np.where(is_bid, -1, 1) * random.integers(1, 40_000, orders)
    return Book(
        tree=ZoneTree.of((parent, *pair) for parent, pair in zip(parents, limits, strict=True)),
        charge=_CHARGE,
        account=random.permutation(orders),
        zone=random.integers(0, zones, orders),
        side=side,
        step_order=np.repeat(np.arange(orders), STEPS_PER_ORDER),
        energy_wh=random.integers(1, 1_500, STEPS_PER_ORDER * orders),
        limit_price=np.column_stack((best, worse)).reshape(-1),
    )


def _row(book: Book) -> dict[str, Any]:
    """Return the measurements of one book."""
    orders = len(book)
    runs = 9 if orders > _DEFAULT_LP_ORDERS_MAX else 25
    clearing, seconds = _timed(clear, (replace(book) for _ in range(runs)))
    fastest, fastest_seconds = _fastest_lp(clearing)
    lp_seconds, settings = fastest_seconds, fastest
    if orders <= _DEFAULT_LP_ORDERS_MAX:
        lp_seconds, settings = _lp_seconds(clearing, DEFAULT_LP), "as it comes"
    return {
        "orders": orders,
        "zones": len(book.tree),
        "seconds": seconds,
        "lp_seconds": lp_seconds,
        "ratio": lp_seconds / seconds,
        "lp_settings": settings,
        "fastest_lp_seconds": fastest_seconds,
        "fastest_lp_settings": fastest,
        "ratio_to_fastest_lp": fastest_seconds / seconds,
        "volume_wh": int(clearing.volume_wh),
        "prices": len(set(clearing.prices)),
    }


def _fastest_lp(clearing: Clearing) -> tuple[str, float]:
    """Return the name and the seconds of the fastest of the fast settings."""
    candidates = {
        name: _lp_seconds(clearing, options)
        for name, options in FAST_LPS.items()
        if len(clearing.book) <= _SIMPLEX_ORDERS_MAX or options["solver"] != "simplex"
    }
    fastest = min(candidates, key=lambda name: candidates[name])
    return fastest, candidates[fastest]


def _lp_seconds(clearing: Clearing, options: Mapping[str, str]) -> float:
    """Return how long HiGHS takes for the book of a clearing whose welfare it has to confirm."""
    program = welfare_program([clearing.book])
    repeats = 3 if len(clearing.book) <= 1_000 else 1
    values, seconds = _timed(lambda lp: solve(lp, options), [program] * repeats)
    lp_welfare = -float(np.dot(program.col_cost_, values))
    net_welfare = clearing.welfare_wh_micro_per_kwh - clearing.book.charge * clearing.volume_wh
    if not abs(net_welfare - lp_welfare) <= _WELFARE_TOLERANCE * max(1.0, lp_welfare):
        raise P2PTradeError(f"the linear program reaches a welfare of {lp_welfare}, the clearing one of {net_welfare}")
    return seconds


def _timed(work: Callable[[Any], _Result], inputs: Iterable[Any]) -> tuple[_Result, float]:
    """Return the last result and the median of the seconds that the work takes per input."""
    seconds = []
    for each in inputs:
        start = perf_counter()
        result = work(each)
        seconds.append(perf_counter() - start)
    return result, median(seconds)


def _targets(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return each target that the rows allow to judge: its limit, what was measured, whether it is met."""
    row = {(each["orders"], each["zones"]): each for each in rows}
    targets: list[dict[str, Any]] = []

    def at_most(name: str, limit: float, measured: float) -> None:
        targets.append({"target": name, "at_most": limit, "measured": measured, "met": measured <= limit})

    def at_least(name: str, limit: float, measured: float) -> None:
        targets.append({"target": name, "at_least": limit, "measured": measured, "met": measured >= limit})

    if (10_000, 1) in row:
        at_most("seconds for 10,000 orders in one zone", 0.015, row[10_000, 1]["seconds"])
    if (100_000, 32) in row:
        at_most("seconds for 100,000 orders in 32 zones", 1.5, row[100_000, 32]["seconds"])
    for zones in sorted({zones for _, zones in row}):
        if {(10_000, zones), (100_000, zones)} <= row.keys():
            growth = row[100_000, zones]["seconds"] / row[10_000, zones]["seconds"]
            at_most(f"growth from 10,000 to 100,000 orders, zones: {zones}", 12, growth)
        if (10_000, zones) in row:
            ratio = row[10_000, zones]["ratio"]
            at_least(f"times faster than the linear program at 10,000 orders, zones: {zones}", 30, ratio)
    return targets
