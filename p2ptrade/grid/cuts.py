"""The program that cuts least: minimise the cost of cuts under linear rows that each say how much must go.

Three objectives. Fee-weighted: convex, sum of weight x cut squared, cuts least where the weight (the
congestion fee paid) is highest, and has one optimum. Merit order: linear, takes the lowest fee first.
Proportional: fee-weighted with equal fees and the weight 1 / energy. Whole: merit order that cuts an item
altogether or not at all. Solved by Clarabel (interior point) and HiGHS (simplex), called directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from scipy.sparse import block_diag, bmat, csc_matrix, diags, eye

from p2ptrade.errors import GridError
from p2ptrade.grid.powerflow import Floats

WHOLE_GAP: Final = 0.005
TINY: Final = 1e-12


class Objective(StrEnum):
    """How cuts are shared among those who load a binding element."""

    FEE_WEIGHTED = "fee_weighted"
    MERIT_ORDER = "merit_order"
    PROPORTIONAL = "proportional"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, eq=False)
class CutProgram:
    """Cut d with 0 <= d <= most and change @ (incidence @ d) >= needed; `weight`, above zero, is a cut's cost.

    `incidence` says by how much a cut lowers each connection's injection, `change` what that does to each row.
    Solvers get the connections' sums as variables of their own, which keeps the matrix sparse.
    """

    weight: Floats
    most: Floats
    incidence: Floats
    change: Floats
    needed: Floats

    @property
    def relief(self) -> Floats:
        """Return what each cut does to each row."""
        return self.change @ self.incidence


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """The optimal cuts and the dual value of each row (cost per unit of `needed`)."""

    cut: Floats
    dual: Floats


def solve_cuts(program: CutProgram, objective: Objective) -> Cuts | None:
    """Return the optimal cuts of a program, or nothing if no cuts are enough."""
    unit = float(program.most.max(initial=1.0))
    scaled = _scaled(program, unit)
    if scaled is None:
        return None
    if objective in {Objective.MERIT_ORDER, Objective.WHOLE}:
        solution = _solve_linear(scaled, whole=objective is Objective.WHOLE)
        if solution is None:
            return None
        return Cuts(solution.share * program.most, solution.dual * scaled.cost_unit / scaled.row_unit)
    solution = _solve_quadratic(scaled)
    if solution is None:
        return None
    dual = solution.dual * scaled.cost_unit / scaled.row_unit
    # Stationarity gives each cut from the duals exactly: zero, and not nearly zero, without an effect on what binds.
    cut = (dual @ program.change) @ program.incidence / program.weight
    return Cuts(np.clip(cut, 0.0, program.most), dual)


@dataclass(frozen=True, slots=True, eq=False)
class _Scaled:
    """A program in shares of what may be cut, with coefficients near one, as solvers' tolerances want it.

    Variables are the shares, then the connections' sums in units of the largest cut. `linear` and `quadratic`
    are the costs of a share; `sums` are the rows that define the sums, `rows` @ sums >= `needed`. Duals times
    `cost_unit` / `row_unit` are those of the program.
    """

    linear: Floats
    quadratic: Floats
    sums: csc_matrix
    rows: Floats
    needed: Floats
    cost_unit: float
    row_unit: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Shares:
    share: Floats
    dual: Floats


def _scaled(program: CutProgram, unit: float) -> _Scaled | None:
    """Return the scaled program, or nothing if some row is out of reach whatever is cut."""
    size = np.abs(program.change).max(axis=1)
    if (program.needed > np.maximum(program.relief, 0.0) @ program.most).any():
        return None
    linear, quadratic = program.weight * program.most, program.weight * program.most**2
    cost_unit = float(quadratic.mean()) or 1.0
    sums = csc_matrix(program.incidence * (program.most / unit))
    return _Scaled(
        linear=linear / cost_unit,
        quadratic=quadratic / cost_unit,
        sums=sums,
        rows=program.change / size[:, None],
        needed=program.needed / size / unit,
        cost_unit=cost_unit,
        row_unit=size * unit,
    )


def _solve_quadratic(program: _Scaled) -> _Shares | None:
    """Return the shares that minimise sum quadratic x share^2 / 2."""
    import clarabel

    connections, size = program.sums.shape
    rows = len(program.needed)
    nothing = csc_matrix((connections, connections))
    quadratic = block_diag([diags(np.maximum(program.quadratic, TINY)), nothing], format="csc")
    constraints = bmat(
        [
            [program.sums, -eye(connections)],
            [None, -csc_matrix(program.rows)],
            [-eye(size), None],
            [eye(size), None],
        ],
        format="csc",
    )
    bounds = np.concatenate([np.zeros(connections), -program.needed, np.zeros(size), np.ones(size)])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    cones = [clarabel.ZeroConeT(connections), clarabel.NonnegativeConeT(rows + 2 * size)]
    costs = np.zeros(size + connections)
    solution = clarabel.DefaultSolver(quadratic, costs, constraints, bounds, cones, settings).solve()
    status = str(solution.status)
    if status in {"PrimalInfeasible", "AlmostPrimalInfeasible"}:
        return None
    if status not in {"Solved", "AlmostSolved"}:
        raise GridError(f"the quadratic program of the cuts ended with {status}")
    dual = np.maximum(np.array(solution.z)[connections : connections + rows], 0.0)
    return _Shares(np.clip(np.array(solution.x)[:size], 0.0, 1.0), dual)


def _solve_linear(program: _Scaled, *, whole: bool) -> _Shares | None:
    """Return the shares that minimise sum linear x share; with `whole` each is zero or one, and there are no duals."""
    import highspy

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    connections, size = program.sums.shape
    rows = len(program.needed)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size + connections, connections + rows
    model.col_cost_ = np.concatenate([program.linear, np.zeros(connections)])
    free = np.full(connections, highspy.kHighsInf)
    model.col_lower_, model.col_upper_ = np.concatenate([np.zeros(size), -free]), np.concatenate([np.ones(size), free])
    if whole:
        kinds = [highspy.HighsVarType.kInteger] * size + [highspy.HighsVarType.kContinuous] * connections
        model.integrality_ = kinds
        solver.setOptionValue("mip_rel_gap", WHOLE_GAP)
    model.row_lower_ = np.concatenate([np.zeros(connections), program.needed])
    model.row_upper_ = np.concatenate([np.zeros(connections), np.full(rows, highspy.kHighsInf)])
    matrix = bmat([[program.sums, -eye(connections)], [None, csc_matrix(program.rows)]], format="csc")
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_ = matrix.indptr, matrix.indices
    model.a_matrix_.value_ = matrix.data
    solver.passModel(model)
    solver.run()
    status = solver.getModelStatus()
    if status == highspy.HighsModelStatus.kInfeasible:
        return None
    if status != highspy.HighsModelStatus.kOptimal:
        raise GridError(f"the linear program of the cuts ended with {solver.modelStatusToString(status)}")
    solution = solver.getSolution()
    share = np.clip(np.array(solution.col_value)[:size], 0.0, 1.0)
    if whole:
        return _Shares(np.rint(share), np.zeros(rows))
    return _Shares(share, np.maximum(np.array(solution.row_dual)[connections:], 0.0))
