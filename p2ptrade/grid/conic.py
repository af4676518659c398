"""A small builder for linear and second-order cone programs, solved by Clarabel called directly.

Rows are collected as equalities, inequalities (a x <= b) and cones (b - a x in the second-order cone). Duals
follow one sign rule: the dual of a row is the change of the optimal cost per unit of its right-hand side,
negative for an inequality that binds a minimisation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import csc_matrix

from p2ptrade.errors import GridError
from p2ptrade.grid.powerflow import Floats

Row = Mapping[int, float]


@dataclass(frozen=True, slots=True, eq=False)
class ConicSolution:
    """Optimal cost, variables, and duals of equalities and inequalities in the order they were added."""

    cost: float
    value: Floats
    equality_dual: Floats
    inequality_dual: Floats


@dataclass(slots=True)
class ConicProgram:
    """Minimise cost @ x under the rows added."""

    cost: list[float] = field(default_factory=list)
    equalities: list[tuple[Row, float]] = field(default_factory=list)
    inequalities: list[tuple[Row, float]] = field(default_factory=list)
    cones: list[list[tuple[Row, float]]] = field(default_factory=list)

    def variable(self, cost: float = 0.0) -> int:
        """Add a free variable and return its number."""
        self.cost.append(cost)
        return len(self.cost) - 1

    def equal(self, row: Row, right: float) -> int:
        """Add row @ x == right and return its number among the equalities."""
        self.equalities.append((row, right))
        return len(self.equalities) - 1

    def at_most(self, row: Row, right: float) -> int:
        """Add row @ x <= right and return its number among the inequalities."""
        self.inequalities.append((row, right))
        return len(self.inequalities) - 1

    def cone(self, rows: Sequence[tuple[Row, float]]) -> None:
        """Add || (e1, e2, ...) || <= e0 where e_k = row_k @ x + constant_k."""
        self.cones.append([({variable: -factor for variable, factor in row.items()}, right) for row, right in rows])

    def solve(self) -> ConicSolution:
        """Return the optimum.

        Raises:
            GridError: the program has no solution.
        """
        import clarabel

        rows = [*self.equalities, *self.inequalities, *(row for cone in self.cones for row in cone)]
        matrix = _matrix([row for row, _ in rows], len(self.cost))
        right = np.array([value for _, value in rows])
        kinds = [clarabel.ZeroConeT(len(self.equalities)), clarabel.NonnegativeConeT(len(self.inequalities))]
        kinds += [clarabel.SecondOrderConeT(len(cone)) for cone in self.cones]
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = 1e-11
        size = len(self.cost)
        solver = clarabel.DefaultSolver(csc_matrix((size, size)), np.array(self.cost), matrix, right, kinds, settings)
        solution = solver.solve()
        status = str(solution.status)
        if status not in {"Solved", "AlmostSolved"}:
            raise GridError(f"the optimal flow has no solution: {status}")
        dual = -np.array(solution.z)
        split = len(self.equalities)
        return ConicSolution(
            cost=float(solution.obj_val),
            value=np.array(solution.x),
            equality_dual=dual[:split],
            inequality_dual=dual[split : split + len(self.inequalities)],
        )


def _matrix(rows: Sequence[Row], size: int) -> csc_matrix:
    at = [number for number, row in enumerate(rows) for _ in row]
    columns = [variable for row in rows for variable in row]
    values = [factor for row in rows for factor in row.values()]
    return csc_matrix((values, (at, columns)), shape=(len(rows), size))
