"""The admittance matrix of a network and what is derived from it once per topology.

Per unit of the nominal phase voltage, so that a current of `1` at voltage `1` is one watt per phase.
Three-phase branches are four-wire with an earthed neutral: self impedance (z0 + 2 z1)/3, mutual (z0 - z1)/3
(Kersting, "Distribution System Modeling and Analysis", ch. 4 and 5).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix, csc_matrix
from scipy.sparse.linalg import splu

from p2ptrade.grid.network import Branch, BranchKind, Network, Phase
from p2ptrade.grid.powerflow import phases

Matrix = NDArray[np.complex128]


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Linear maps of a network, from the currents of its loaded terminals (nodes and phases with
    connections).

    voltage = no_load_voltage + voltage_map @ current, branch current in ampere (both ends if any line has a
    charging current; a transformer's magnetising current is not part of it) = no_load_branch + branch_map @
    current, source current = no_load_source + source_map @ current.
    """

    loaded: NDArray[np.int64]
    share: NDArray[np.float64]
    voltage_map: Matrix
    no_load_voltage: Matrix
    branch_map: Matrix
    no_load_branch: Matrix
    source_map: Matrix
    no_load_source: Matrix
    source_voltage: Matrix
    rating_a: NDArray[np.float64]
    both_ends: bool


def build_model(network: Network) -> Model:
    """Return the linear maps of a network; costs one sparse factorisation."""
    count = phases(network)
    base_v = network.phase_voltage_v
    terminals = len(network.nodes) * count
    admittance = _admittance(network, count, base_v)
    source = np.arange(network.source_node * count, (network.source_node + 1) * count)
    inner = np.setdiff1d(np.arange(terminals), source)
    source_voltage = network.source_voltage_pu * _rotations(count)
    factors = splu(admittance[inner][:, inner])
    loaded, share = _loaded_terminals(network, count)
    unit = np.zeros((len(inner), len(loaded)), dtype=np.complex128)
    unit[np.searchsorted(inner, loaded), np.arange(len(loaded))] = 1.0
    voltage_map = np.zeros((terminals, len(loaded)), dtype=np.complex128)
    voltage_map[inner] = factors.solve(unit)
    no_load = np.zeros(terminals, dtype=np.complex128)
    no_load[source] = source_voltage
    no_load[inner] = -factors.solve((admittance[inner][:, source] @ source_voltage).astype(np.complex128))
    both_ends = any(_charging(branch, 1).any() for branch in network.branches)
    ends = _branch_currents(network, count, base_v, both_ends)
    branch_map, no_load_branch = ends @ voltage_map, ends @ no_load
    if not both_ends:
        _make_exact(network, count, loaded, branch_map, no_load_branch)
    return Model(
        loaded=loaded,
        share=share,
        voltage_map=voltage_map,
        no_load_voltage=no_load,
        branch_map=branch_map,
        no_load_branch=no_load_branch,
        source_map=admittance[source] @ voltage_map,
        no_load_source=admittance[source] @ no_load,
        source_voltage=source_voltage,
        rating_a=np.repeat([branch.rating_a for branch in network.branches], count),
        both_ends=both_ends,
    )


def series_impedance(branch: Branch, count: int) -> Matrix:
    """Return the series impedance of a branch in ohm, 1 x 1 or 3 x 3."""
    return _matrix(complex(branch.r1_ohm, branch.x1_ohm), complex(branch.r0_ohm, branch.x0_ohm), count)


def shunt_admittance(branch: Branch, count: int) -> Matrix:
    """Return the total shunt admittance of a branch in siemens, 1 x 1 or 3 x 3; half of it is at each end."""
    return _matrix(complex(branch.g1_s, branch.b1_s), complex(branch.g0_s, branch.b0_s), count)


def _matrix(positive: complex, zero: complex, count: int) -> Matrix:
    if count == 1:
        return np.array([[positive]])
    matrix: Matrix = np.eye(3) * positive + np.full((3, 3), (zero - positive) / 3)
    return matrix


def _charging(branch: Branch, count: int) -> Matrix:
    """Return the shunt admittance whose current counts as the branch's own: that of a line, not of a transformer."""
    shunt = shunt_admittance(branch, count) / 2
    return shunt if branch.kind is BranchKind.LINE else np.zeros_like(shunt)


def _rotations(count: int) -> Matrix:
    angles = np.array([0.0, -120.0, 120.0])[:count]
    rotations: Matrix = np.exp(1j * np.deg2rad(angles))
    return rotations


def _scale(base_v: float) -> float:
    """Return the factor from siemens to the admittance that gives watt per phase at one per unit."""
    return base_v**2


def _admittance(network: Network, count: int, base_v: float) -> csc_matrix:
    rows: list[NDArray[Any]] = []
    columns: list[NDArray[Any]] = []
    values: list[NDArray[Any]] = []
    for branch in network.branches:
        series, shunt = np.linalg.inv(series_impedance(branch, count)), shunt_admittance(branch, count) / 2
        ends = (branch.from_node, branch.to_node)
        for row_end in ends:
            for column_end in ends:
                block = series + shunt if row_end == column_end else -series
                grid = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
                rows.append(row_end * count + grid[0].ravel())
                columns.append(column_end * count + grid[1].ravel())
                values.append(block.ravel())
    size = len(network.nodes) * count
    entries = (np.concatenate(values) * _scale(base_v), (np.concatenate(rows), np.concatenate(columns)))
    return coo_matrix(entries, shape=(size, size)).tocsc()


def _branch_currents(network: Network, count: int, base_v: float, both_ends: bool) -> csc_matrix:
    """Return the map from terminal voltages (pu) to branch currents in ampere: all `from` ends, then all `to` ends."""
    rows: list[NDArray[Any]] = []
    columns: list[NDArray[Any]] = []
    values: list[NDArray[Any]] = []
    grid = np.meshgrid(np.arange(count), np.arange(count), indexing="ij")
    branches = len(network.branches)
    for number, branch in enumerate(network.branches):
        series, shunt = np.linalg.inv(series_impedance(branch, count)), _charging(branch, count)
        for end, (near, far) in enumerate(((branch.from_node, branch.to_node), (branch.to_node, branch.from_node))):
            if end and not both_ends:
                continue
            for node, block in ((near, series + shunt), (far, -series)):
                rows.append((end * branches + number) * count + grid[0].ravel())
                columns.append(node * count + grid[1].ravel())
                values.append(block.ravel())
    shape = (branches * count * (2 if both_ends else 1), len(network.nodes) * count)
    entries = (np.concatenate(values) * base_v, (np.concatenate(rows), np.concatenate(columns)))
    return coo_matrix(entries, shape=shape).tocsc()


def _make_exact(
    network: Network, count: int, loaded: NDArray[np.int64], branch_map: Matrix, no_load_branch: Matrix
) -> None:
    """Replace what the factorisation found for branches without a shunt below them by what it must be.

    Their current is the sum of the currents of the loads below, of the same phase, so that rows of branches in series
    are equal to the last bit.
    """
    base_v = network.phase_voltage_v
    below = np.zeros((len(network.branches), len(loaded)), dtype=np.bool_)
    for column, terminal in enumerate(loaded):
        node = int(terminal) // count
        while (towards := network.parent_branch[node]) >= 0:
            below[towards, column] = True
            node = network.parent_node[node]
    tainted = _above_shunts(network)
    for number, branch in enumerate(network.branches):
        if number in tainted:
            continue
        no_load_branch[number * count : (number + 1) * count] = 0.0
        sign = -1.0 if network.parent_branch[branch.to_node] == number else 1.0
        for phase in range(count):
            branch_map[number * count + phase] = np.where(below[number] & (loaded % count == phase), sign / base_v, 0.0)


def _above_shunts(network: Network) -> set[int]:
    """Return the branches that carry the current of some shunt."""
    found: set[int] = set()
    for branch in network.branches:
        if any((branch.g1_s, branch.b1_s, branch.g0_s, branch.b0_s)):
            for end in (branch.from_node, branch.to_node):
                node = end
                while (towards := network.parent_branch[node]) >= 0:
                    found.add(towards)
                    node = network.parent_node[node]
    return found


def _loaded_terminals(network: Network, count: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return the terminals with connections, and each connection's share of its power at each of them.

    A symmetric network is solved for one phase, which carries a third of every connection's power.
    """
    numbers = {Phase.A: [0], Phase.B: [1], Phase.C: [2], Phase.ABC: list(range(count))}
    at = [
        [connection.node * count + phase for phase in numbers[connection.phase]] for connection in network.connections
    ]
    loaded = sorted({terminal for terminals in at for terminal in terminals})
    column = {terminal: index for index, terminal in enumerate(loaded)}
    share = np.zeros((len(network.connections), len(loaded)))
    for number, terminals in enumerate(at):
        for terminal in terminals:
            share[number, column[terminal]] = 1 / 3 if count == 1 else 1 / len(terminals)
    return np.array(loaded, dtype=np.int64), share
