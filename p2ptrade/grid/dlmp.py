"""Distribution locational marginal prices: what one more kWh costs at each node, and why.

The optimal flow of a radial network under the branch-flow model: LinDistFlow (lossless, linear) or its
second-order cone relaxation with losses (Farivar and Low, "Branch flow model: relaxations and
convexification", IEEE Trans. Power Systems 28(3), 2013). The price at node j is lambda_0 (energy) + lambda_0
dL/dp_j (losses) + the sum over binding lines of mu_l dF_l/dp_j (congestion) + the sum over binding voltages
of nu_n dV_n/dp_j (voltage). Relaxed flows are exact only if the gap |l v - P^2 - Q^2| vanishes: the result
reports it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from p2ptrade.grid.branch_flow import FlowModel, FlowVariables, Offer, PriceRows, add_network, add_variables
from p2ptrade.grid.conic import ConicProgram, ConicSolution
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats

WATT_PER_KILOWATT: Final = 1000


@dataclass(frozen=True, slots=True, eq=False)
class OptimalFlow:
    """The cheapest supply of a demand; prices per kWh in the unit of the offers, by node, the source's among
    them.

    `price` = `energy` + `loss` + `congestion` + `voltage`. `generation_w` follows the offers; `line_dual`
    (per kWh of rating) and `voltage_dual` (per unit of v = V^2 and kWh) are at least zero. `cost` is per
    hour; `gap` the largest |l v - P^2 - Q^2| in per unit.
    """

    price: Floats
    energy: Floats
    loss: Floats
    congestion: Floats
    voltage: Floats
    import_w: float
    generation_w: Floats
    loss_w: float
    cost: float
    voltage_pu: Floats
    line_dual: Floats
    voltage_dual: Floats
    gap: float


def optimal_flow(
    network: Network,
    demand_w: Floats,
    demand_var: Floats,
    offers: Sequence[Offer],
    import_price: float,
    model: FlowModel = FlowModel.SOCP,
) -> OptimalFlow:
    """Return the cheapest way to supply each node's demand, within the ratings and voltage limits of the
    network.

    Raises:
        GridError: no flow is within the limits.
    """
    base_w = max(1.0, float(np.abs(demand_w).sum()))
    program = ConicProgram()
    variables = add_variables(program, network, offers, import_price, model)
    rows = add_network(program, network, variables, offers, demand_w / base_w, demand_var / base_w, base_w, model)
    for offer, number in zip(offers, variables.generation, strict=True):
        program.at_most({number: -1.0}, 0.0)
        program.at_most({number: 1.0}, offer.power_w / base_w)
    return _result(network, program, program.solve(), variables, rows, import_price, base_w)


def _result(
    network: Network,
    program: ConicProgram,
    solution: ConicSolution,
    variables: FlowVariables,
    rows: PriceRows,
    import_price: float,
    base_w: float,
) -> OptimalFlow:
    nodes = range(len(network.nodes))
    bought = float(solution.value[variables.bought])
    generated = np.array([solution.value[number] for number in variables.generation])
    square_voltage = np.array([solution.value[variables.square_voltage[node]] for node in nodes])
    change = _changes_per_demand(network, program, solution, variables, rows)
    congestion, line_dual = _congestion(network, solution, variables, rows, change)
    voltage, voltage_dual = _voltage(solution, variables, rows, change, len(nodes))
    demand = sum(program.equalities[rows.balance[node]][1] for node in nodes)
    return OptimalFlow(
        price=np.array([solution.equality_dual[rows.balance[node]] for node in nodes]),
        energy=np.full(len(nodes), import_price),
        loss=import_price * (change[variables.bought] - 1.0),
        congestion=congestion,
        voltage=voltage,
        import_w=bought * base_w,
        generation_w=generated * base_w,
        loss_w=(bought + float(generated.sum()) - demand) * base_w,
        cost=solution.cost * base_w / WATT_PER_KILOWATT,
        voltage_pu=np.sqrt(square_voltage),
        line_dual=line_dual,
        voltage_dual=voltage_dual,
        gap=_gap(network, solution, variables),
    )


def _changes_per_demand(
    network: Network, program: ConicProgram, solution: ConicSolution, variables: FlowVariables, rows: PriceRows
) -> dict[int, Floats]:
    """Return the change of every state per unit of demand at each node, the source making up for it.

    The equations are the program's equalities and, with losses, l v = P^2 + Q^2 linearised at the optimum;
    offers are held where they are.
    """
    states = [number for number in range(len(program.cost)) if number not in set(variables.generation)]
    column = {number: index for index, number in enumerate(states)}
    equations = [row for row, _ in program.equalities]
    equations += [_current_equation(network, solution, variables, node) for node in variables.square_current]
    matrix = np.zeros((len(equations), len(states)))
    for number, equation in enumerate(equations):
        for variable, factor in equation.items():
            if variable in column:
                matrix[number, column[variable]] = factor
    right = np.zeros((len(equations), len(rows.balance)))
    for node, equation_number in rows.balance.items():
        right[equation_number, node] = 1.0
    solved = np.linalg.solve(matrix, right)
    return {number: solved[column[number]] for number in states}


def _current_equation(
    network: Network, solution: ConicSolution, variables: FlowVariables, node: int
) -> dict[int, float]:
    above = variables.square_voltage[network.parent_node[node]]
    current, active, reactive = variables.square_current[node], variables.active[node], variables.reactive[node]
    value = solution.value
    return {
        current: float(value[above]),
        above: float(value[current]),
        active: -2 * float(value[active]),
        reactive: -2 * float(value[reactive]),
    }


def _congestion(
    network: Network, solution: ConicSolution, variables: FlowVariables, rows: PriceRows, change: dict[int, Floats]
) -> tuple[Floats, Floats]:
    """Return the congestion part of every node's price, and the dual of every branch's rating."""
    part, dual = np.zeros(len(network.nodes)), np.zeros(len(network.branches))
    for row, node, cosine, sine in rows.line:
        mu = max(0.0, -float(solution.inequality_dual[row]))
        dual[network.parent_branch[node]] += mu
        part += mu * (cosine * change[variables.active[node]] + sine * change[variables.reactive[node]])
    return part, dual


def _voltage(
    solution: ConicSolution, variables: FlowVariables, rows: PriceRows, change: dict[int, Floats], nodes: int
) -> tuple[Floats, Floats]:
    """Return the voltage part of every node's price, and the dual of every node's voltage limit."""
    part, dual = np.zeros(nodes), np.zeros(nodes)
    for node in rows.lowest:
        low = max(0.0, -float(solution.inequality_dual[rows.lowest[node]]))
        high = max(0.0, -float(solution.inequality_dual[rows.highest[node]]))
        part += (high - low) * change[variables.square_voltage[node]]
        dual[node] = low + high
    return part, dual


def _gap(network: Network, solution: ConicSolution, variables: FlowVariables) -> float:
    value = solution.value
    gaps = [
        value[current] * value[variables.square_voltage[network.parent_node[node]]]
        - value[variables.active[node]] ** 2
        - value[variables.reactive[node]] ** 2
        for node, current in variables.square_current.items()
    ]
    return float(np.abs(gaps).max()) if gaps else 0.0
