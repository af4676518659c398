"""Curtailment of a set of items (trades or connections) until the AC power flow is safe in every case.

A case is the schedule itself or one of its contingencies (a large trade is not delivered, as large as it is after
the cuts). Steps: linearise the cases that break a limit, solve the program of the cuts with lazily added rows, verify
by AC, linearise again where that is not enough, round the cuts up to whole Wh, verify again. If that fails all cuts are
raised together until it is safe. Linear models propose; only the AC power flow decides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.grid.cuts import CutProgram, Objective, solve_cuts
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Flags, Floats, Flow, phases
from p2ptrade.grid.sensitivity import sensitivity
from p2ptrade.grid.verdict import (
    NO_MARGIN,
    Limit,
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
# A row asks for a little more than the limit, so that what the linear model leaves out does not undo it; each
# time that this was not enough it asks for more.
VOLTAGE_RESERVE_PU: Final = 2e-6
LOADING_RESERVE: Final = 2e-5
RESERVE_GROWTH: Final = 3.0
# A connection loads a voltage if its effect on it is at least this share of the largest one.
VOLTAGE_EFFECT_MIN: Final = 0.02
FALLBACK_HALVINGS: Final = 12


@dataclass(frozen=True, slots=True)
class Absence:
    """A contingency: a connection's trade is not delivered, and `rest_wh` of its injection (a size) is all there is.

    A cut takes away the rest first, because a trade stands as long as it is within the envelope.
    """

    connection: int
    rest_wh: int


@dataclass(frozen=True, slots=True, eq=False)
class CutRequest:
    """Net injections in Wh, what may be cut, and what must be safe: the whole, and each of the absences.

    `incidence` is connections x items, `weight` the cost of a cut by the objective (above zero), `most_wh` the largest
    cut of each item. Case 0 is the whole; then comes the whole with each of the absences; then each of the `corners`,
    other injections that are possible, each no further out than the whole, and cut by the same envelopes.
    """

    injection_wh: Floats
    incidence: Floats
    weight: Floats
    most_wh: NDArray[np.int64]
    absences: tuple[Absence, ...] = ()
    corners: tuple[Floats, ...] = ()


@dataclass(frozen=True, slots=True)
class BindingRow:
    """A limit that made cuts necessary: the element, its phase, and the dual value (cost per unit of the limit)."""

    kind: Limit
    element: str
    phase: str
    case: int
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
    """Linear rows of a case: change @ (reduction of the connections' injections, Wh) >= needed.

    In this order: the limited terminals' highest voltages, their lowest ones, the loadings.
    """

    case: int
    change: Floats
    needed: Floats


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
    collected: list[_Rows] = []
    for attempt in range(ROUNDS_MAX):
        flow = _flow(network, request, cut)
        broken = np.flatnonzero(unsafe_scenarios(network, flow, margins))
        if len(broken) == 0:
            rounded = _rounded_up(cut, request)
            if _safe(network, request, rounded, margins):
                found = CutResult(True, rounded, binding, attempt, False)
                if attempt != 1:
                    return found
                return _sharpened(network, request, cut, collected, found, objective, margins)
        if not flow.converged.all():
            break
        worst = _worst_cases(network, flow, broken, margins)
        wider = _with_reserve(margins, RESERVE_GROWTH**attempt)
        latest = [_linearise(network, request, cut, case, wider) for case in worst]
        again = {rows.case for rows in latest}
        collected = [rows for rows in collected if rows.case not in again] + latest
        proposal = _propose(network, request, collected, objective, margins)
        if proposal is None:
            break
        cut, binding = proposal
    return _fallback(network, request, cut, binding, margins)


def _sharpened(
    network: Network,
    request: CutRequest,
    cut: Floats,
    collected: Sequence[_Rows],
    found: CutResult,
    objective: Objective,
    margins: Margins,
) -> CutResult:
    """Return safe cuts that rest on the slopes far away, where nothing is cut, or smaller ones by the slopes there."""
    near = _with_reserve(margins, 1.0)
    rows = [_linearise(network, request, cut, each.case, near) for each in collected]
    proposal = _propose(network, request, rows, objective, margins) if rows else None
    if proposal is None:
        return found
    rounded = _rounded_up(proposal[0], request)
    smaller = rounded.sum() < found.cut_wh.sum()
    if not (smaller and _safe(network, request, rounded, margins)):
        return found
    return CutResult(True, rounded, proposal[1], found.linearisations + 1, False)


def injections_after(request: CutRequest, cut_wh: Floats | NDArray[np.int64]) -> Floats:
    """Return the injections in Wh of every case after the cuts (cases x connections)."""
    after = request.injection_wh - request.incidence @ cut_wh
    result: Floats = np.tile(after, (1 + len(request.absences) + len(request.corners), 1))
    for case, absence in enumerate(request.absences, start=1):
        left = _left_of_rest(request, after, absence)
        result[case, absence.connection] = np.copysign(max(left, 0.0), request.injection_wh[absence.connection])
    for case, corner in enumerate(request.corners, start=1 + len(request.absences)):
        feeds_in = request.injection_wh > 0
        result[case] = np.where(feeds_in, np.minimum(corner, after), np.maximum(corner, after))
    return result


def plans_after(request: CutRequest, cut_wh: Floats | NDArray[np.int64]) -> Floats:
    """Return the injections in Wh after the cuts if all that is planned happens: of the whole, then of the corners."""
    every = injections_after(request, cut_wh)
    plans: Floats = np.concatenate([every[:1], every[1 + len(request.absences) :]])
    return plans


def _beyond_reach(request: CutRequest, injections_wh: Floats, case: int) -> Flags:
    """Return the connections whose injection in a case does not change if they are cut a little more."""
    if case <= len(request.absences):
        reach: Flags = np.zeros(injections_wh.shape[1], dtype=np.bool_)
        if case:
            absence = request.absences[case - 1]
            reach[absence.connection] = _left_of_rest(request, injections_wh[0], absence) <= 0.0
        return reach
    unlike: Flags = injections_wh[case] != injections_wh[0]
    return unlike


def _left_of_rest(request: CutRequest, after: Floats, absence: Absence) -> float:
    """Return the size in Wh of what an absent connection still does when its injection is `after`; none if negative."""
    at = absence.connection
    return absence.rest_wh - abs(float(request.injection_wh[at] - after[at]))


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


def _with_reserve(margins: Margins, growth: float) -> Margins:
    return Margins(margins.voltage_pu + VOLTAGE_RESERVE_PU * growth, margins.loading + LOADING_RESERVE * growth)


def _linearise(network: Network, request: CutRequest, cut: Floats, case: int, margins: Margins) -> _Rows:
    """Return the rows of a case around the present cuts."""
    low, high, loading = limits(network, margins)
    injections = injections_after(request, cut)
    found = sensitivity(network, injections[case] * W_PER_WH)
    at = limited_terminals(network)
    voltage = found.voltage_pu[at]
    voltage_change = _only_large(found.voltage_per_w[at])
    loading_change = np.where(below_branch(network), found.loading_per_w, 0.0)
    change = np.concatenate([voltage_change, -voltage_change, loading_change]) * W_PER_WH
    excess = np.concatenate([voltage - high, low - voltage, found.loading - loading])
    change[:, _beyond_reach(request, injections, case)] = 0.0
    return _Rows(case, change, excess + change @ (request.incidence @ cut))


def _only_large(change: Floats) -> Floats:
    """Return the changes without those too small to say that a connection loads the element."""
    largest = np.abs(change).max(axis=1, keepdims=True)
    return np.where(np.abs(change) >= VOLTAGE_EFFECT_MIN * largest, change, 0.0)


@lru_cache(maxsize=16)
def below_branch(network: Network) -> NDArray[np.bool_]:
    """Return for each branch (and phase) and connection whether the connection is supplied through it."""
    below = np.zeros((len(network.branches), len(network.connections)), dtype=np.bool_)
    for number, connection in enumerate(network.connections):
        node = connection.node
        while (branch := network.parent_branch[node]) >= 0:
            below[branch, number] = True
            node = network.parent_node[node]
    return np.repeat(below, phases(network), axis=0)


def _propose(
    network: Network, request: CutRequest, cases: list[_Rows], objective: Objective, margins: Margins
) -> tuple[Floats, tuple[BindingRow, ...]] | None:
    """Return the optimal cuts over all rows so far, and what binds; nothing if no cuts are enough.

    Rows of earlier points stay: among equally good cuts the program would else go back and forth.
    """
    change, needed = np.concatenate([rows.change for rows in cases]), np.concatenate([rows.needed for rows in cases])
    origin = [(rows.case, row) for rows in cases for row in range(len(rows.needed))]
    candidates = _breakable(request, change, needed)
    worst_first = candidates[np.argsort(-needed[candidates], kind="stable")]
    active = [int(row) for row in worst_first[:ROWS_AT_FIRST]]
    while True:
        most = request.most_wh.astype(np.float64)
        program = CutProgram(request.weight, most, request.incidence, change[active], needed[active])
        solution = solve_cuts(program, objective)
        if solution is None:
            return None
        missing = needed[candidates] - change[candidates] @ (request.incidence @ solution.cut)
        order = np.argsort(-missing, kind="stable")
        known = set(active)
        broken = [int(candidates[at]) for at in order if missing[at] > 1e-9 and int(candidates[at]) not in known]
        if not broken:
            return solution.cut, _binding(network, [origin[row] for row in active], program, solution.dual, margins)
        active += broken[:ROWS_MORE]


def _breakable(request: CutRequest, change: Floats, needed: Floats) -> NDArray[np.int64]:
    """Return the rows that some cut within bounds could leave or make broken; no others need be looked at."""
    most = request.incidence * request.most_wh
    least_reduction, most_reduction = np.minimum(most, 0.0).sum(axis=1), np.maximum(most, 0.0).sum(axis=1)
    least = np.minimum(change, 0.0) @ most_reduction + np.maximum(change, 0.0) @ least_reduction
    return np.flatnonzero(needed > least)


def _binding(
    network: Network, origin: list[tuple[int, int]], program: CutProgram, dual: Floats, margins: Margins
) -> tuple[BindingRow, ...]:
    """Return the rows with a dual value, the largest first, with each item's relief of them."""
    threshold = 1e-6 * float(dual.max(initial=0.0))
    found = []
    for position, (case, row) in enumerate(origin):
        if dual[position] > threshold:
            kind, place, limit = _row_name(network, row, margins)
            relief = program.change[position] @ program.incidence
            reliefs = tuple((int(item), float(relief[item])) for item in np.flatnonzero(relief))
            found.append(BindingRow(kind, *place, case, limit, float(dual[position]), reliefs))
    return tuple(sorted(found, key=lambda item: (-item.dual, item.element, item.phase, item.case)))


def _row_name(network: Network, row: int, margins: Margins) -> tuple[Limit, tuple[str, str], float]:
    """Return what a row of a case limits: the kind, element and phase, and the limit."""
    low, high, loading = limits(network, margins)
    at = limited_terminals(network)
    if row < len(at):
        return Limit.VOLTAGE_HIGH, terminal_name(network, int(at[row])), high
    if row < 2 * len(at):
        return Limit.VOLTAGE_LOW, terminal_name(network, int(at[row - len(at)])), low
    return Limit.LOADING, branch_name(network, row - 2 * len(at)), loading


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
