"""Feeders that share nothing but the busbar, so that a power flow is several small products, not one large one.

What a connection does to another feeder goes through the busbar: it depends on a weighted sum of the feeder's
currents alone. So each row of an impedance matrix is a block for the row's own feeder, and one factor per phase
for that sum. Feeders are packed into groups of nearly equal size. Where this does not pay or is not exact (it is
checked), there is one group, which is the dense matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.grid.admittance import Model
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes

RELATIVE_ERROR: Final = 1e-10
# What a factorisation leaves, relative to the largest entry, where there should be nothing.
NOISE: Final = 1e-13
# Below this share of the dense cost the detour pays.
WORTHWHILE: Final = 0.6

Reals = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Loaded terminals by group (groups x size, -1 where there is none), and how groups feel each other.

    `weight` (terminals x phases) is what a terminal's current does to the busbar; its weighted sums are all that
    other groups feel. It has no columns if there is one group only. `node_group` is the group of each node, -1
    for the busbar and what is above it.
    """

    member: NDArray[np.int64]
    weight: Complexes
    node_group: NDArray[np.int64]

    @property
    def size(self) -> int:
        """Return how many terminals a group has room for."""
        return int(self.member.shape[1])

    @property
    def sums(self) -> int:
        """Return how many complex sums the groups feel."""
        return int(self.weight.shape[1])

    def padded_weight(self) -> Complexes:
        """Return the weights by group (groups x size x phases), nothing for padding."""
        result = np.zeros((*self.member.shape, self.sums), dtype=np.complex128)
        group, place = np.nonzero(self.member >= 0)
        result[group, place] = self.weight[self.member[group, place]]
        return result


@dataclass(frozen=True, slots=True, eq=False)
class GroupedMap:
    """A linear map of grouped currents, in real arithmetic: matrix @ current + constant, group by group.

    A current's rows are real parts, imaginary parts, then real and imaginary parts of the sums; its columns are
    scenarios. `order` says where each result is in the groups' results laid one below the other.
    """

    matrix: Reals
    constant: Reals
    order: NDArray[np.int64]

    def __call__(self, current: Reals, out: Reals) -> Reals:
        """Write the mapped scenarios to `out`, which has room for as many, and return it."""
        np.matmul(self.matrix, current, out=out)
        out += self.constant
        return out


def find_groups(network: Network, model: Model, count: int) -> Groups:
    """Return the groups of a network: several if that pays and is exact, else one."""
    nodes, terminals = len(network.nodes), len(model.loaded)
    dense = Groups(
        np.arange(terminals)[None], np.zeros((terminals, 0), dtype=np.complex128), np.zeros(nodes, dtype=np.int64)
    )
    busbar, head = _heads(network)
    feeders: dict[int, list[int]] = {}
    for column, terminal in enumerate(model.loaded):
        feeders.setdefault(head[int(terminal) // count], []).append(column)
    packed = _packed(sorted(feeders.values(), key=lambda members: (-len(members), members)), count)
    cost = packed.shape[0] * 2 * packed.shape[1] * (2 * packed.shape[1] + 2 * count)
    too_dear = cost > WORTHWHILE * (2 * terminals) ** 2
    if too_dear or busbar in feeders or busbar == network.source_node:
        return dense
    group_of_head = {
        head[int(model.loaded[column]) // count]: group
        for group, members in enumerate(packed)
        for column in members[members >= 0]
    }
    node_group = np.array([group_of_head.get(head[node], -1) for node in range(nodes)])
    weight = model.voltage_map[busbar * count : (busbar + 1) * count].T
    groups = Groups(packed, weight / np.abs(weight).max(), node_group)
    rows = ((model.voltage_map, np.repeat(node_group, count)), (model.branch_map, branch_home(network, model, groups)))
    return groups if all(_split_rows(matrix, home, groups)[2] for matrix, home in rows) else dense


def branch_home(network: Network, model: Model, groups: Groups) -> NDArray[np.int64]:
    """Return the group of each row of the model's branch map: that of the end away from the source."""
    count = len(model.voltage_map) // len(network.nodes)
    far = [b.to_node if network.parent_branch[b.to_node] == n else b.from_node for n, b in enumerate(network.branches)]
    home = np.repeat(groups.node_group[far], count)
    return np.concatenate([home, home]) if model.both_ends else home


def grouped_map(
    matrix: Complexes, constant: Complexes, home: NDArray[np.int64], groups: Groups, dtype: np.dtype[Any]
) -> GroupedMap:
    """Return a complex map (results x loaded terminals) by groups, each row in its home."""
    blocks, sums, _ = _split_rows(matrix, home, groups)
    home = _settled(home, len(groups.member))
    rows_of = [np.flatnonzero(home == group) for group in range(len(groups.member))]
    return _assembled(blocks, sums, constant, rows_of, max(len(rows) for rows in rows_of), groups, dtype)


def square_map(matrix: Complexes, constant: Complexes, groups: Groups, dtype: np.dtype[Any]) -> GroupedMap:
    """Return the map from the loaded terminals to themselves, each where its current is; padding rests at 1 pu."""
    home = np.zeros(len(matrix), dtype=np.int64)
    for group, members in enumerate(groups.member):
        home[members[members >= 0]] = group
    blocks, sums, _ = _split_rows(matrix, home, groups)
    rows_of = [members[members >= 0] for members in groups.member]
    return _assembled(blocks, sums, constant, rows_of, groups.size, groups, dtype)


def _assembled(
    blocks: Complexes,
    sums: Complexes,
    constant: Complexes,
    rows_of: list[NDArray[np.int64]],
    width: int,
    groups: Groups,
    dtype: np.dtype[Any],
) -> GroupedMap:
    """Return the real matrices of the groups, given which rows are in which."""
    size = groups.size
    result = np.zeros((len(rows_of), 2 * size + 2 * groups.sums, 2 * width))
    constants = np.zeros((len(rows_of), 2 * width, 1))
    constants[:, :width] = 1.0
    order = np.zeros(len(blocks), dtype=np.int64)
    for group, rows in enumerate(rows_of):
        at = np.arange(len(rows))
        order[rows] = group * width + at
        members = groups.member[group][groups.member[group] >= 0]
        block = np.zeros((size, len(rows)), dtype=np.complex128)
        block[: len(members)] = blocks[np.ix_(rows, members)].T
        _put(result[group], 0, size, at, width, block)
        _put(result[group], 2 * size, groups.sums, at, width, sums[rows].T)
        constants[group, at, 0], constants[group, width + at, 0] = constant[rows].real, constant[rows].imag
    matrix = np.ascontiguousarray(result.transpose(0, 2, 1), dtype=dtype)
    return GroupedMap(matrix, constants.astype(dtype), order)


def _put(into: Reals, top: int, height: int, at: NDArray[np.int64], width: int, block: Complexes) -> None:
    """Write a complex block (inputs x results) as the four real ones that rows of halves are multiplied by."""
    real, imaginary = slice(top, top + height), slice(top + height, top + 2 * height)
    into[real, at], into[real, width + at] = block.real, block.imag
    into[imaginary, at], into[imaginary, width + at] = -block.imag, block.real


def _split_rows(matrix: Complexes, home: NDArray[np.int64], groups: Groups) -> tuple[Complexes, Complexes, bool]:
    """Return each row's block part, its factors of the sums, and whether nothing else is in it."""
    if not groups.sums:
        return matrix, np.zeros((len(matrix), 0), dtype=np.complex128), True
    rest, sums, exact = matrix.copy(), np.zeros((len(matrix), groups.sums), dtype=np.complex128), True
    noise = NOISE * float(np.abs(matrix).max())
    for group in range(-1, len(groups.member)):
        rows = np.flatnonzero(home == group)
        own = groups.member[group][groups.member[group] >= 0] if group >= 0 else np.zeros(0, dtype=np.int64)
        others = np.setdiff1d(np.arange(matrix.shape[1]), own)
        if len(rows) == 0:
            continue
        sums[rows] = np.linalg.lstsq(groups.weight[others], matrix[np.ix_(rows, others)].T, rcond=None)[0].T
        rest[rows] -= sums[rows] @ groups.weight.T
        allowed = RELATIVE_ERROR * np.abs(matrix[rows]).max(axis=1) + noise
        exact &= bool((np.abs(rest[np.ix_(rows, others)]).max(axis=1) <= allowed).all())
        rest[np.ix_(rows, others)] = 0.0
    return rest, sums, exact


def _settled(home: NDArray[np.int64], groups: int) -> NDArray[np.int64]:
    """Return homes in which rows that feel sums only are put where there is room."""
    settled = home.copy()
    filled = np.bincount(home[home >= 0], minlength=groups)
    for row in np.flatnonzero(home < 0):
        settled[row] = int(filled.argmin())
        filled[settled[row]] += 1
    return settled


def _heads(network: Network) -> tuple[int, dict[int, int]]:
    """Return the first node where lines part, and for each node the first one behind it on the way there."""
    children: list[list[int]] = [[] for _ in network.nodes]
    for node in network.order_from_source[1:]:
        children[network.parent_node[node]].append(node)
    busbar = network.source_node
    head = {busbar: busbar}
    while len(children[busbar]) == 1:
        busbar = children[busbar][0]
    for node in network.order_from_source:
        head[node] = node if node != network.source_node and network.parent_node[node] == busbar else busbar
        if node not in (network.source_node, busbar) and network.parent_node[node] != busbar:
            head[node] = head[network.parent_node[node]]
    return busbar, head


def _packed(feeders: list[list[int]], count: int) -> NDArray[np.int64]:
    """Return feeders packed into groups, first fit by falling size, for the room that makes products cheapest."""
    largest, total = len(feeders[0]), sum(len(members) for members in feeders)
    best: tuple[int, list[list[int]], int] | None = None
    for room in range(largest, min(total, 2 * largest) + 1):
        bins: list[list[int]] = []
        for members in feeders:
            fitting = next((group for group in bins if len(group) + len(members) <= room), None)
            if fitting is None:
                bins.append(list(members))
            else:
                fitting += members
        cost = len(bins) * 2 * room * (2 * room + 2 * count)
        if best is None or cost < best[0]:
            best = (cost, bins, room)
    assert best is not None
    _, bins, room = best
    packed = np.full((len(bins), room), -1, dtype=np.int64)
    for number, members in enumerate(bins):
        packed[number, : len(members)] = sorted(members)
    return packed
