"""Curtailment of a set of items (trades or connections) until the AC power flow is safe in every case.

A case is the schedule itself or one of its contingencies (a large trade is not delivered). Steps: linearise
the cases that break a limit, solve the program of the cuts with lazily added rows, verify by AC, linearise
again where that is not enough, round the cuts up to whole Wh, verify again. If that fails all cuts are raised
together until it is safe. Linear models propose; only the AC power flow decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.grid.cuts import CutProgram, Objective, solve_cuts
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats, Flow, phases
from p2ptrade.grid.sensitivity import Sensitivity, sensitivity
from p2ptrade.grid.verdict import (
    NO_MARGIN,
    Margins,
    branch_name,
    limited_terminals,
    limits,
    terminal_name,
    unsafe_scenarios,
)

W_PER_WH: Final = 4.0
ROUNDS_MAX: Final = 6
ROWS_AT_FIRST: Final = 30
ROWS_MORE: Final = 60
CASES_MAX: Final = 8
# A row asks for a little more than the limit, so that what the linear model leaves out does not undo it.
VOLTAGE_RESERVE_PU: Final = 2e-6
LOADING_RESERVE: Final = 2e-5
# A connection loads a voltage if its effect on it is at least this share of the largest one.
VOLTAGE_EFFECT_MIN: Final = 0.02
FALLBACK_HALVINGS: Final = 12


@dataclass(frozen=True, slots=True, eq=False)
class CutRequest:
    """Net injections in Wh, what may be cut, and the cases that must be safe.

    `incidence` is connections x items, `weight` the cost of a cut by the objective (above zero), `most_wh`
    the largest cut of each item, `case_offset_wh` what each case adds to the injections (cases x connections;
    the first is zero).
    """

    injection_wh: Floats
    incidence: Floats
    weight: Floats
    most_wh: NDArray[np.int64]
    case_offset_wh: Floats


@dataclass(frozen=True, slots=True)
class BindingRow:
    """A limit that made cuts necessary: the element, its phase, and the dual value (cost per unit of the limit)."""

    kind: str
    element: str
    phase: str
    case: int
    value: float
    limit: float
    dual: float
    relief: tuple[tuple[int, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class CutResult:
    """Whole Wh to cut of every item, whether the rest is safe by AC, and which limits bind."""

    safe: bool
    cut_wh: NDArray[np.int64]
    binding: tuple[BindingRow, ...]
    linearisations: int
    by_fallback: bool


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """Linear rows at one operating point: value + change @ injection change <= limit, by connection."""

    kind: list[str]
    place: list[tuple[str, str]]
    case: list[int]
    value: Floats
    limit: Floats
    change: Floats


def curtail(
    network: Network,
    request: CutRequest,
    *,
    objective: Objective = Objective.FEE_WEIGHTED,
    margins: Margins = NO_MARGIN,
) -> CutResult:
    """Return the least cuts, in whole Wh, after which every case is safe.

    A result that is not safe means that even cutting everything that may be cut is not enough.
    """
    cut = np.zeros(len(request.weight))
    binding: tuple[BindingRow, ...] = ()
    collected: list[tuple[_Rows, Floats]] = []
    for attempt in range(ROUNDS_MAX):
        flow = _flow(network, request, cut)
        broken = np.flatnonzero(unsafe_scenarios(network, flow, margins))
        if len(broken) == 0:
            rounded = _rounded_up(cut, request)
            if _safe(network, request, rounded, margins):
                return CutResult(True, rounded, binding, attempt, False)
        if not flow.converged.all():
            break
        worst = _worst_cases(network, flow, broken, margins)
        collected.append((_linearise(network, request, cut, worst, margins), cut.copy()))
        proposal = _propose(request, collected, objective)
        if proposal is None:
            break
        cut, binding = proposal
    return _fallback(network, request, cut, binding, margins)


def injections_after(request: CutRequest, cut_wh: Floats | NDArray[np.int64]) -> Floats:
    """Return the injections in Wh of every case after the cuts (cases x connections)."""
    result: Floats = request.injection_wh - request.incidence @ cut_wh + request.case_offset_wh
    return result


def _flow(network: Network, request: CutRequest, cut: Floats | NDArray[np.int64]) -> Flow:
    return fixed_point(network).solve(injections_after(request, cut) * W_PER_WH)


def _safe(network: Network, request: CutRequest, cut: NDArray[np.int64], margins: Margins) -> bool:
    return not unsafe_scenarios(network, _flow(network, request, cut), margins).any()


def _rounded_up(cut: Floats, request: CutRequest) -> NDArray[np.int64]:
    """Return whole Wh; what is below a thousandth of a Wh is the solver's tolerance, not a cut."""
    whole = np.where(cut < 1e-3, 0.0, np.ceil(cut - 1e-6))
    return np.minimum(whole.astype(np.int64), request.most_wh)


def _worst_cases(network: Network, flow: Flow, broken: NDArray[np.int64], margins: Margins) -> list[int]:
    """Return the broken cases furthest beyond their limits, at most `CASES_MAX`; the first case if none is broken."""
    low, high, loading = limits(network, margins)
    at = limited_terminals(network)
    voltage = flow.voltage_pu[:, at]
    excess = np.maximum(
        np.maximum(voltage - high, low - voltage).max(axis=1), (flow.loading - loading).max(axis=1) / 10
    )
    order = sorted((int(case) for case in broken), key=lambda case: (-excess[case], case))
    return order[:CASES_MAX] or [0]


def _linearise(network: Network, request: CutRequest, cut: Floats, cases: list[int], margins: Margins) -> _Rows:
    injections = injections_after(request, cut)
    parts = [_case_rows(network, sensitivity(network, injections[case] * W_PER_WH), case, margins) for case in cases]
    return _Rows(
        kind=[kind for part in parts for kind in part.kind],
        place=[place for part in parts for place in part.place],
        case=[case for part in parts for case in part.case],
        value=np.concatenate([part.value for part in parts]),
        limit=np.concatenate([part.limit for part in parts]),
        change=np.concatenate([part.change for part in parts]) * W_PER_WH,
    )


def _case_rows(network: Network, found: Sensitivity, case: int, margins: Margins) -> _Rows:
    low, high, loading = limits(network, margins)
    at = limited_terminals(network)
    nodes = [terminal_name(network, int(terminal)) for terminal in at]
    branches = [branch_name(network, column) for column in range(len(found.loading))]
    voltage_change = _only_large(found.voltage_per_w[at])
    loading_change = np.where(_below_branch(network), found.loading_per_w, 0.0)
    size = len(at)
    return _Rows(
        kind=["voltage_high"] * size + ["voltage_low"] * size + ["loading"] * len(branches),
        place=[*nodes, *nodes, *branches],
        case=[case] * (2 * size + len(branches)),
        value=np.concatenate([found.voltage_pu[at], -found.voltage_pu[at], found.loading]),
        limit=np.concatenate(
            [
                np.full(size, high - VOLTAGE_RESERVE_PU),
                np.full(size, -low - VOLTAGE_RESERVE_PU),
                np.full(len(branches), loading - LOADING_RESERVE),
            ]
        ),
        change=np.concatenate([voltage_change, -voltage_change, loading_change]),
    )


def _only_large(change: Floats) -> Floats:
    """Return the changes without those too small to say that a connection loads the element."""
    largest = np.abs(change).max(axis=1, keepdims=True)
    return np.where(np.abs(change) >= VOLTAGE_EFFECT_MIN * largest, change, 0.0)


def _below_branch(network: Network) -> NDArray[np.bool_]:
    """Return for each branch (and phase) and connection whether the connection is supplied through it."""
    below = np.zeros((len(network.branches), len(network.connections)), dtype=np.bool_)
    for number, connection in enumerate(network.connections):
        node = connection.node
        while (branch := network.parent_branch[node]) >= 0:
            below[branch, number] = True
            node = network.parent_node[node]
    return np.repeat(below, phases(network), axis=0)


def _propose(
    request: CutRequest, collected: list[tuple[_Rows, Floats]], objective: Objective
) -> tuple[Floats, tuple[BindingRow, ...]] | None:
    """Return the optimal cuts over the newest linearisation of every case so far, and what binds."""
    rows, relief, needed = _stack(request, collected)
    active = list(np.argsort(-needed, kind="stable")[: min(ROWS_AT_FIRST, len(needed))])
    known = set(active)
    while True:
        program = CutProgram(request.weight, request.most_wh.astype(np.float64), relief[active], needed[active])
        solution = solve_cuts(program, objective)
        if solution is None:
            return None
        missing = needed - relief @ solution.cut
        broken = [int(row) for row in np.argsort(-missing, kind="stable") if missing[row] > 1e-9 and row not in known]
        if not broken:
            return solution.cut, _binding(rows, active, relief, solution.dual)
        active += broken[:ROWS_MORE]
        known.update(broken[:ROWS_MORE])


def _stack(
    request: CutRequest, collected: list[tuple[_Rows, Floats]]
) -> tuple[list[tuple[_Rows, int]], Floats, Floats]:
    """Return the newest rows of every case as relief @ cut >= needed, without those that no cut can break."""
    sources: list[tuple[_Rows, int]] = []
    reliefs, needs = [], []
    newest = {case: number for number, (rows, _) in enumerate(collected) for case in rows.case}
    for number, (rows, at_cut) in enumerate(collected):
        relief = rows.change @ request.incidence
        needed = rows.value - rows.limit + relief @ at_cut
        current = np.array([newest[case] == number for case in rows.case])
        least = np.minimum(relief, 0.0) @ request.most_wh
        breakable = current & (needed > least)
        sources += [(rows, int(row)) for row in np.flatnonzero(breakable)]
        reliefs.append(relief[breakable])
        needs.append(needed[breakable])
    return sources, np.concatenate(reliefs), np.concatenate(needs)


def _binding(rows: list[tuple[_Rows, int]], active: list[int], relief: Floats, dual: Floats) -> tuple[BindingRow, ...]:
    """Return the rows with a dual value, the largest first, with each item's relief of them."""
    found = []
    threshold = 1e-6 * float(dual.max(initial=0.0))
    for position, row in enumerate(active):
        if dual[position] > threshold:
            source, line = rows[row]
            reliefs = tuple((int(item), float(relief[row, item])) for item in np.flatnonzero(relief[row]))
            found.append(
                BindingRow(
                    kind=source.kind[line],
                    element=source.place[line][0],
                    phase=source.place[line][1],
                    case=source.case[line],
                    value=abs(float(source.value[line])),
                    limit=abs(float(source.limit[line])),
                    dual=float(dual[position]),
                    relief=reliefs,
                )
            )
    return tuple(sorted(found, key=lambda item: (-item.dual, item.element, item.phase)))


def _fallback(
    network: Network, request: CutRequest, cut: Floats, binding: tuple[BindingRow, ...], margins: Margins
) -> CutResult:
    """Return the proposal raised towards cutting everything, by the smallest doubling step that is safe."""
    everything = request.most_wh.astype(np.float64)
    for halving in range(FALLBACK_HALVINGS, -1, -1):
        raised = np.ceil(cut + (everything - cut) / 2**halving - 1e-6)
        whole = np.minimum(raised, everything).astype(np.int64)
        if _safe(network, request, whole, margins):
            return CutResult(True, whole, binding, ROUNDS_MAX, True)
    return CutResult(False, request.most_wh.copy(), binding, ROUNDS_MAX, True)
