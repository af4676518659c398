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
from scipy.sparse import csc_matrix, diags, eye, vstack

from p2ptrade.errors import GridError
from p2ptrade.grid.powerflow import Floats

WHOLE_GAP: Final = 0.005


class Objective(StrEnum):
    """How cuts are shared among those who load a binding element."""

    FEE_WEIGHTED = "fee_weighted"
    MERIT_ORDER = "merit_order"
    PROPORTIONAL = "proportional"
    WHOLE = "whole"


@dataclass(frozen=True, slots=True, eq=False)
class CutProgram:
    """Cut d with 0 <= d <= most, and relief @ d >= needed; `weight` is the cost of the objective, above zero."""

    weight: Floats
    most: Floats
    relief: Floats
    needed: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """The optimal cuts and the dual value of each row (cost per unit of `needed`)."""

    cut: Floats
    dual: Floats


def solve_quadratic(program: CutProgram) -> Cuts | None:
    """Return the minimiser of sum weight x cut^2 / 2, or nothing if no cuts are enough."""
    import clarabel

    size, rows = len(program.weight), len(program.needed)
    scale = float(program.weight.mean())
    quadratic = diags(program.weight / scale, format="csc")
    constraints = vstack([csc_matrix(-program.relief), -eye(size), eye(size)], format="csc")
    bounds = np.concatenate([-program.needed, np.zeros(size), program.most])
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-9
    cones = [clarabel.NonnegativeConeT(rows + 2 * size)]
    solution = clarabel.DefaultSolver(quadratic, np.zeros(size), constraints, bounds, cones, settings).solve()
    if str(solution.status) == "PrimalInfeasible":
        return None
    if str(solution.status) not in {"Solved", "AlmostSolved"}:
        raise GridError(f"the quadratic program of the cuts ended with {solution.status}")
    dual = np.maximum(np.array(solution.z)[:rows], 0.0) * scale
    # Stationarity gives each cut from the duals exactly: zero, and not nearly zero, without an effect on what binds.
    return Cuts(np.clip(dual @ program.relief / program.weight, 0.0, program.most), dual)


def solve_linear(program: CutProgram, *, whole: bool = False) -> Cuts | None:
    """Return a minimiser of sum weight x cut, or nothing if no cuts are enough.

    With `whole` an item is cut altogether or not at all (to half a percent of the optimum), and has no duals.
    """
    import highspy

    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    size, rows = len(program.weight), len(program.needed)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = size, rows
    # Columns are shares of an item, so that a whole item is one.
    model.col_cost_ = program.weight * program.most
    model.col_lower_, model.col_upper_ = np.zeros(size), np.ones(size)
    if whole:
        model.integrality_ = [highspy.HighsVarType.kInteger] * size
        solver.setOptionValue("mip_rel_gap", WHOLE_GAP)
    model.row_lower_, model.row_upper_ = program.needed, np.full(rows, highspy.kHighsInf)
    matrix = csc_matrix(program.relief * program.most)
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
    share = np.clip(np.array(solution.col_value), 0.0, 1.0)
    if whole:
        return Cuts(np.rint(share) * program.most, np.zeros(rows))
    return Cuts(share * program.most, np.maximum(np.array(solution.row_dual), 0.0))


def solve_cuts(program: CutProgram, objective: Objective) -> Cuts | None:
    """Return the optimal cuts of a program, or nothing if no cuts are enough.

    Rows are scaled to a largest coefficient of one for the solver, whose tolerances are absolute.
    """
    size = np.abs(program.relief).max(axis=1)
    if (program.needed > np.maximum(program.relief, 0.0) @ program.most).any():
        return None
    scaled = CutProgram(program.weight, program.most, program.relief / size[:, None], program.needed / size)
    if objective in {Objective.MERIT_ORDER, Objective.WHOLE}:
        solution = solve_linear(scaled, whole=objective is Objective.WHOLE)
    else:
        solution = solve_quadratic(scaled)
    return None if solution is None else Cuts(solution.cut, solution.dual / size)
