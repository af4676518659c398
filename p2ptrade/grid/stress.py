"""Random stressed slots: books of trades that a network cannot carry, for the safety figure and the benchmark.

Trades go from a few sellers (the sunny roofs) to the other connections, with congestion fees at random. Compared are
our curtailment, the rule "accept by falling fee until the first violation", and the mixed-integer optimum that either
takes a trade whole or not at all (HiGHS, on the same linear rows, verified by AC).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from p2ptrade.grid.curtail import W_PER_WH, injections_after
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.trades import Trade, curtail_trades, trade_request
from p2ptrade.grid.verdict import check_injections, unsafe_scenarios


@dataclass(frozen=True, slots=True)
class StressPattern:
    """How to draw a slot: number of trades, share of the connections that sell, and energy offered in Wh."""

    trades: int
    sellers_share: float
    offered_wh: int


def stressed_slot(network: Network, pattern: StressPattern, seed: int) -> list[Trade]:
    """Return the trades of one slot, the same for the same seed."""
    random = np.random.default_rng((seed, pattern.trades))
    size = len(network.connections)
    order = random.permutation(size)
    sellers = order[: max(1, int(size * pattern.sellers_share))]
    buyers = order[len(sellers) :]
    mean = pattern.offered_wh / pattern.trades
    return [
        Trade(
            seller=int(random.choice(sellers)),
            buyer=int(random.choice(buyers)),
            energy_wh=1 + int(random.uniform(0.0, 2 * mean)),
            fee_micro_per_kwh=int(random.integers(0, 30_000)),
        )
        for _ in range(pattern.trades)
    ]


def kept_by_prefix(network: Network, trades: Sequence[Trade]) -> int:
    """Return the energy in Wh that the rule "by falling fee until the first violation" accepts."""
    order = sorted(range(len(trades)), key=lambda number: (-trades[number].fee_micro_per_kwh, number))
    request = trade_request(network, trades, None, Objective.FEE_WEIGHTED)
    energy = np.array([trade.energy_wh for trade in trades], dtype=np.float64)
    injections = np.cumsum((request.incidence * energy)[:, order], axis=1).T
    unsafe = unsafe_scenarios(network, fixed_point(network).solve(injections * W_PER_WH))
    accepted = int(unsafe.argmax()) if unsafe.any() else len(trades)
    return sum(trades[number].energy_wh for number in order[:accepted])


@dataclass(frozen=True, slots=True)
class SafetyRow:
    """Sums over many stressed slots of a network, energy in Wh; `violations` counts slots unsafe after our cuts."""

    network: str
    slots: int
    stressed: int
    violations: int
    offered_wh: int
    kept_wh: int
    kept_by_prefix_wh: int
    kept_whole_wh: int

    @property
    def over_prefix(self) -> float:
        """Return the energy kept over that of the prefix rule."""
        return self.kept_wh / self.kept_by_prefix_wh

    @property
    def over_whole(self) -> float:
        """Return the energy kept over that of the best choice of whole trades."""
        return self.kept_wh / self.kept_whole_wh

    def __str__(self) -> str:
        return (
            f"{self.network:<22}{self.slots:>6} slots, {self.stressed:>5} stressed, {self.violations} violations, "
            f"kept {self.kept_wh / self.offered_wh:6.1%} of the energy, {self.over_prefix:5.2f} x prefix, "
            f"{self.over_whole:6.3f} x whole trades"
        )


def safety_figure(network: Network, pattern: StressPattern, slots: int, seed: int) -> SafetyRow:
    """Return the figures of `slots` random slots; every result is held against both engines, after rounding."""
    offered = kept = prefix = whole = violations = stressed = 0
    for number in range(slots):
        trades = stressed_slot(network, pattern, seed + number)
        energy = sum(trade.energy_wh for trade in trades)
        result = curtail_trades(network, trades)
        violations += not (result.safe and _safe_for_both(network, trades, result.cut_wh))
        offered += energy
        kept += energy - int(result.cut_wh.sum())
        if not result.cut_wh.any():
            prefix, whole = prefix + energy, whole + energy
            continue
        stressed += 1
        prefix += kept_by_prefix(network, trades)
        best = curtail_trades(network, trades, objective=Objective.WHOLE)
        whole += energy - int(best.cut_wh.sum())
    return SafetyRow(network.name, slots, stressed, violations, offered, kept, prefix, whole)


def _safe_for_both(
    network: Network, trades: Sequence[Trade], cut_wh: np.ndarray[tuple[int], np.dtype[np.int64]]
) -> bool:
    request = trade_request(network, trades, None, Objective.FEE_WEIGHTED)
    return check_injections(network, injections_after(request, cut_wh)[0] * W_PER_WH).safe
