"""The branch-flow model of a radial network as rows of a conic program, in per unit of the total demand.

Each branch is indexed by its node away from the source. Without losses this is LinDistFlow, with them its
second-order cone relaxation; ratings are polygons inside of the circle of apparent power.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from p2ptrade.grid.conic import ConicProgram
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Floats

POLYGON_SIDES: Final = 32


class FlowModel(StrEnum):
    """How the optimal flow is modelled."""

    LINDISTFLOW = "lindistflow"
    SOCP = "socp"


@dataclass(frozen=True, slots=True)
class Offer:
    """Active power that a node can feed in: up to `power_w` at `price` per kWh."""

    node: int
    power_w: float
    price: float


@dataclass(frozen=True, slots=True)
class FlowVariables:
    """Numbers of the variables: by branch (indexed by its far node), node and offer."""

    active: dict[int, int]
    reactive: dict[int, int]
    square_current: dict[int, int]
    square_voltage: dict[int, int]
    generation: list[int]
    bought: int


@dataclass(frozen=True, slots=True)
class PriceRows:
    """Numbers of the rows whose duals make prices."""

    balance: dict[int, int]
    line: list[tuple[int, int, float, float]]
    lowest: dict[int, int]
    highest: dict[int, int]


def add_variables(
    program: ConicProgram, network: Network, offers: Sequence[Offer], import_price: float, model: FlowModel
) -> FlowVariables:
    """Add the flows, voltages and powers of a network and return their numbers; what is bought and offered costs."""
    far_nodes = network.order_from_source[1:]
    losses = model is FlowModel.SOCP
    return FlowVariables(
        active={node: program.variable() for node in far_nodes},
        reactive={node: program.variable() for node in far_nodes},
        square_current={node: program.variable() for node in far_nodes} if losses else {},
        square_voltage={node: program.variable() for node in range(len(network.nodes))},
        generation=[program.variable(offer.price) for offer in offers],
        bought=program.variable(import_price),
    )


def add_network(
    program: ConicProgram,
    network: Network,
    variables: FlowVariables,
    offers: Sequence[Offer],
    active: Floats,
    reactive: Floats,
    base_w: float,
    model: FlowModel,
) -> PriceRows:
    """Add balances, voltage drops, cones and limits; return the rows that make prices."""
    base_ohm = network.nominal_voltage_v**2 / base_w
    program.equal({variables.square_voltage[network.source_node]: 1.0}, network.source_voltage_pu**2)
    children: dict[int, list[int]] = {node: [] for node in range(len(network.nodes))}
    for node in network.order_from_source[1:]:
        children[network.parent_node[node]].append(node)
    balance = {}
    for node in network.order_from_source:
        balance[node] = _add_balance(program, network, variables, offers, children[node], node, active, base_ohm)
        if node != network.source_node:
            _add_reactive(program, network, variables, children[node], node, reactive, base_ohm)
            _add_drop(program, network, variables, node, base_ohm)
            if model is FlowModel.SOCP:
                _add_cone(program, network, variables, node)
    line = [
        row for node in network.order_from_source[1:] for row in _add_rating(program, network, variables, node, base_w)
    ]
    limited = network.order_from_source[1:]
    lowest = {
        node: program.at_most({variables.square_voltage[node]: -1.0}, -(network.voltage_min_pu**2)) for node in limited
    }
    highest = {
        node: program.at_most({variables.square_voltage[node]: 1.0}, network.voltage_max_pu**2) for node in limited
    }
    return PriceRows(balance, line, lowest, highest)


def _impedance(network: Network, node: int, base_ohm: float) -> tuple[float, float]:
    branch = network.branches[network.parent_branch[node]]
    return branch.r1_ohm / base_ohm, branch.x1_ohm / base_ohm


def _add_balance(
    program: ConicProgram,
    network: Network,
    variables: FlowVariables,
    offers: Sequence[Offer],
    children: Sequence[int],
    node: int,
    active: Floats,
    base_ohm: float,
) -> int:
    row = {variables.active[child]: -1.0 for child in children}
    if node == network.source_node:
        row[variables.bought] = 1.0
    else:
        row[variables.active[node]] = 1.0
        if variables.square_current:
            row[variables.square_current[node]] = -_impedance(network, node, base_ohm)[0]
    for offer, number in zip(offers, variables.generation, strict=True):
        if offer.node == node:
            row[number] = 1.0
    return program.equal(row, float(active[node]))


def _add_reactive(
    program: ConicProgram,
    network: Network,
    variables: FlowVariables,
    children: Sequence[int],
    node: int,
    reactive: Floats,
    base_ohm: float,
) -> None:
    row = {variables.reactive[child]: -1.0 for child in children}
    row[variables.reactive[node]] = 1.0
    if variables.square_current:
        row[variables.square_current[node]] = -_impedance(network, node, base_ohm)[1]
    program.equal(row, float(reactive[node]))


def _add_drop(program: ConicProgram, network: Network, variables: FlowVariables, node: int, base_ohm: float) -> None:
    r, x = _impedance(network, node, base_ohm)
    row = {
        variables.square_voltage[node]: 1.0,
        variables.square_voltage[network.parent_node[node]]: -1.0,
        variables.active[node]: 2 * r,
        variables.reactive[node]: 2 * x,
    }
    if variables.square_current:
        row[variables.square_current[node]] = -(r**2 + x**2)
    program.equal(row, 0.0)


def _add_cone(program: ConicProgram, network: Network, variables: FlowVariables, node: int) -> None:
    above, current = variables.square_voltage[network.parent_node[node]], variables.square_current[node]
    program.cone(
        [
            ({above: 1.0, current: 1.0}, 0.0),
            ({variables.active[node]: 2.0}, 0.0),
            ({variables.reactive[node]: 2.0}, 0.0),
            ({above: 1.0, current: -1.0}, 0.0),
        ]
    )


def _add_rating(
    program: ConicProgram, network: Network, variables: FlowVariables, node: int, base_w: float
) -> list[tuple[int, int, float, float]]:
    """Add a polygon inside the circle of the rated power; return (row, node, cosine, sine) of each side."""
    rating = math.sqrt(3) * network.nominal_voltage_v * network.branches[network.parent_branch[node]].rating_a / base_w
    rows = []
    for side in range(POLYGON_SIDES):
        angle = 2 * math.pi * side / POLYGON_SIDES
        cosine, sine = math.cos(angle), math.sin(angle)
        row = {variables.active[node]: cosine, variables.reactive[node]: sine}
        rows.append((program.at_most(row, rating), node, cosine, sine))
    return rows
