"""A radial distribution network: nodes, branches and connections, in SI units, checked when it is made.

Everything is referred to the voltage level of the connections: the transformer is a series branch between the
source node (its stiff medium-voltage side, seen from below) and the busbar. A network that exists is one that
can be solved: every branch has an impedance and a rating, every node hangs on the source by exactly one path.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import cached_property

from p2ptrade.errors import GridError


class Wires(StrEnum):
    """How the network is solved: one phase for all, or three phases and an earthed neutral."""

    SYMMETRIC = "symmetric"
    THREE_PHASE = "three_phase"


class Phase(StrEnum):
    """The phases that a connection uses; `ABC` shares its power equally."""

    A = "a"
    B = "b"
    C = "c"
    ABC = "abc"


class BranchKind(StrEnum):
    """What a branch is, for explanations and drawings; both kinds are the same pi circuit."""

    LINE = "line"
    TRANSFORMER = "transformer"


@dataclass(frozen=True, slots=True)
class Node:
    """A point of the network, with its place on a plan in metres where that is known."""

    id: str
    x_m: float | None = None
    y_m: float | None = None


@dataclass(frozen=True, slots=True)
class Branch:
    """A line or transformer from `from_node` to `to_node` (indices), as a pi circuit.

    Series impedance in ohm and total shunt admittance in siemens, positive and zero sequence; rating in
    ampere.
    """

    id: str
    kind: BranchKind
    from_node: int
    to_node: int
    r1_ohm: float
    x1_ohm: float
    r0_ohm: float
    x0_ohm: float
    g1_s: float
    b1_s: float
    g0_s: float
    b0_s: float
    rating_a: float


@dataclass(frozen=True, slots=True)
class Connection:
    """A customer's connection: the node (index), the phases, the most it may draw or feed in, in watt.

    `tan_phi` is reactive over active power of its consumption; what it generates has unity power factor.
    """

    id: str
    node: int
    phase: Phase
    capacity_w: float
    tan_phi: float = 0.0


@dataclass(frozen=True, eq=False)
class Network:
    """A radial network with one source; nominal voltages are line to line, limits per unit of the nominal
    voltage.

    Raises:
        GridError: an element that cannot be solved or has no limit, by name and with the reason.
    """

    name: str
    source: str
    licence: str
    wires: Wires
    nominal_voltage_v: float
    source_node: int
    source_voltage_pu: float
    voltage_min_pu: float
    voltage_max_pu: float
    nodes: tuple[Node, ...]
    branches: tuple[Branch, ...]
    connections: tuple[Connection, ...]

    def __post_init__(self) -> None:
        _check_scalars(self)
        _check_names(self)
        for branch in self.branches:
            _check_branch(self, branch)
        for connection in self.connections:
            _check_connection(self, connection)
        _check_radial(self)

    @property
    def phase_voltage_v(self) -> float:
        """Return the nominal voltage between a phase and the neutral, in volt."""
        return self.nominal_voltage_v / math.sqrt(3)

    @cached_property
    def connection_index(self) -> dict[str, int]:
        """Return the index of each connection by its name."""
        return {connection.id: index for index, connection in enumerate(self.connections)}

    @cached_property
    def branch_index(self) -> dict[str, int]:
        """Return the index of each branch by its name."""
        return {branch.id: index for index, branch in enumerate(self.branches)}

    @cached_property
    def parent_branch(self) -> tuple[int, ...]:
        """Return for each node the index of the branch that leads towards the source; -1 for the source."""
        return _walk(self)[0]

    @cached_property
    def parent_node(self) -> tuple[int, ...]:
        """Return for each node its neighbour on the way to the source; -1 for the source."""
        parent = []
        for node, branch_number in enumerate(self.parent_branch):
            branch = self.branches[branch_number] if branch_number >= 0 else None
            parent.append(-1 if branch is None else branch.from_node + branch.to_node - node)
        return tuple(parent)

    @cached_property
    def order_from_source(self) -> tuple[int, ...]:
        """Return all nodes so that each comes after its parent."""
        return _walk(self)[1]


def _require(condition: bool, element: str, reason: str) -> None:
    if not condition:
        raise GridError(f"{element}: {reason}")


def _check_scalars(network: Network) -> None:
    for name in ("nominal_voltage_v", "source_voltage_pu", "voltage_min_pu", "voltage_max_pu"):
        _require(0 < getattr(network, name) < math.inf, "network", f"{name} must be a positive number")
    _require(network.voltage_min_pu < network.voltage_max_pu, "network", "voltage_min_pu must be below voltage_max_pu")
    _require(0 <= network.source_node < len(network.nodes), "network", "the source node does not exist")


def _check_names(network: Network) -> None:
    for kind, names in (
        ("node", [node.id for node in network.nodes]),
        ("branch", [branch.id for branch in network.branches]),
        ("connection", [connection.id for connection in network.connections]),
    ):
        seen: set[str] = set()
        for name in names:
            _require(name not in seen, f"{kind} {name}", "this name is used twice")
            seen.add(name)


def _check_branch(network: Network, branch: Branch) -> None:
    element = f"branch {branch.id}"
    ends = (branch.from_node, branch.to_node)
    _require(all(0 <= end < len(network.nodes) for end in ends), element, "it ends at a node that does not exist")
    _require(ends[0] != ends[1], element, "both ends are at the same node")
    for field in fields(branch):
        value = getattr(branch, field.name)
        if isinstance(value, float):
            _require(math.isfinite(value), element, f"{field.name} is not a finite number")
    _require(branch.rating_a > 0, element, "it has no rating; rating_a must be above zero")
    _require(math.hypot(branch.r1_ohm, branch.x1_ohm) > 0, element, "its impedance is zero; join the two nodes instead")
    _require(branch.r1_ohm >= 0 and branch.r0_ohm >= 0, element, "its resistance is negative")
    if network.wires is Wires.THREE_PHASE:
        _require(math.hypot(branch.r0_ohm, branch.x0_ohm) > 0, element, "its zero-sequence impedance is zero")


def _check_connection(network: Network, connection: Connection) -> None:
    element = f"connection {connection.id}"
    _require(0 <= connection.node < len(network.nodes), element, "its node does not exist")
    _require(connection.node != network.source_node, element, "it is at the source node")
    _require(0 < connection.capacity_w < math.inf, element, "capacity_w must be a positive number")
    _require(math.isfinite(connection.tan_phi), element, "tan_phi is not a finite number")
    if network.wires is Wires.SYMMETRIC:
        _require(connection.phase is Phase.ABC, element, "a symmetric network has connections on all three phases only")


def _check_radial(network: Network) -> None:
    parent_branch, order = _walk(network)
    reached = set(order)
    for number, node in enumerate(network.nodes):
        _require(number in reached, f"node {node.id}", "it is an island, no path leads to the source")
    used = set(parent_branch)
    for number, branch in enumerate(network.branches):
        _require(number in used, f"branch {branch.id}", "it closes a loop; open it, the network must be radial")


def _walk(network: Network) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the branch towards the source of each node, and the nodes reached, breadth first."""
    neighbours: list[list[tuple[int, int]]] = [[] for _ in network.nodes]
    for number, branch in enumerate(network.branches):
        neighbours[branch.from_node].append((branch.to_node, number))
        neighbours[branch.to_node].append((branch.from_node, number))
    parent_branch = [-1] * len(network.nodes)
    order = [network.source_node]
    reached = {network.source_node}
    for node in order:
        for neighbour, number in neighbours[node]:
            if neighbour not in reached:
                reached.add(neighbour)
                parent_branch[neighbour] = number
                order.append(neighbour)
    return tuple(parent_branch), tuple(order)
