"""A network as the auction's zone tree: zone 0 at the transformer, every other zone behind one branch.

A zone is what hangs below its branch, without the zones below it. The proposal cuts at the head of each
feeder that has enough connections, then halves the fullest zones; the operator edits it by naming the
branches to cut at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.units import ZONES_MAX
from p2ptrade.errors import InputError
from p2ptrade.grid.network import BranchKind, Network

FEEDER_CONNECTIONS_MIN: Final = 3


@dataclass(frozen=True, slots=True)
class ZonePlan:
    """The zones of a network, parents before children.

    `branch[z]` is the index of the branch from zone z towards its parent (-1 for the root), `node_zone` and
    `connection_zone` the zone of every node and connection.
    """

    parent: tuple[int, ...]
    branch: tuple[int, ...]
    node_zone: tuple[int, ...]
    connection_zone: tuple[int, ...]

    @property
    def zones(self) -> int:
        """Return the number of zones."""
        return len(self.parent)

    def members(self, zone: int) -> list[int]:
        """Return the connections in a zone and in all zones below it."""
        return [number for number, own in enumerate(self.connection_zone) if zone in self.ancestors(own)]

    def ancestors(self, zone: int) -> set[int]:
        """Return a zone and all zones on its way to the root."""
        found = {zone}
        while zone:
            zone = self.parent[zone]
            found.add(zone)
        return found


def propose_zones(network: Network, max_zones: int = ZONES_MAX, *, connections_per_zone: int = 40) -> ZonePlan:
    """Return a zone tree: one zone a feeder, and more where a zone has over `connections_per_zone`
    connections.

    Raises:
        InputError: `max_zones` is not between 1 and 32.
    """
    if not 1 <= max_zones <= ZONES_MAX:
        raise InputError(f"a zone tree has 1 to {ZONES_MAX} zones, not {max_zones}")
    below = connections_below(network)
    heads = sorted(_feeder_heads(network), key=lambda branch: -below[branch])
    cuts = [branch for branch in heads if below[branch] >= FEEDER_CONNECTIONS_MIN][: max_zones - 1]
    while len(cuts) < max_zones - 1:
        split = _best_split(network, cuts, connections_per_zone)
        if split is None:
            break
        cuts.append(split)
    return zones_from_cuts(network, cuts)


def zones_from_cuts(network: Network, cuts: Iterable[int]) -> ZonePlan:
    """Return the zone tree that begins a new zone behind each of the given branches (indices).

    Raises:
        InputError: a branch that does not exist, or too many.
    """
    chosen = set(cuts)
    if len(chosen) >= ZONES_MAX:
        raise InputError(f"a zone tree has at most {ZONES_MAX} zones, not {len(chosen) + 1}")
    if not all(0 <= branch < len(network.branches) for branch in chosen):
        raise InputError(f"branches to cut at must be 0 to {len(network.branches) - 1}, not {sorted(chosen)}")
    node_zone = [0] * len(network.nodes)
    parent, branch = [0], [-1]
    for node in network.order_from_source:
        towards = network.parent_branch[node]
        if towards < 0:
            continue
        above = node_zone[network.parent_node[node]]
        if towards in chosen:
            node_zone[node] = len(parent)
            parent.append(above)
            branch.append(towards)
        else:
            node_zone[node] = above
    connection_zone = tuple(node_zone[connection.node] for connection in network.connections)
    return ZonePlan(tuple(parent), tuple(branch), tuple(node_zone), connection_zone)


def connections_below(network: Network) -> list[int]:
    """Return for each branch how many connections are supplied through it."""
    at_node = [0] * len(network.nodes)
    for connection in network.connections:
        at_node[connection.node] += 1
    below = [0] * len(network.branches)
    for node in reversed(network.order_from_source):
        branch = network.parent_branch[node]
        if branch >= 0:
            below[branch] += at_node[node]
            at_node[network.parent_node[node]] += at_node[node]
    return below


def _feeder_heads(network: Network) -> list[int]:
    """Return the lines that leave the busbar: the far end of the transformer, or the source itself."""
    transformer = [n for n, branch in enumerate(network.branches) if branch.kind is BranchKind.TRANSFORMER]
    busbars = {network.source_node} | {
        node for node, branch in enumerate(network.parent_branch) if branch in transformer
    }
    return [
        branch
        for node, branch in enumerate(network.parent_branch)
        if branch >= 0 and branch not in transformer and network.parent_node[node] in busbars
    ]


def _best_split(network: Network, cuts: list[int], connections_per_zone: int) -> int | None:
    """Return the branch that halves the fullest zone best, or nothing if no zone is too full."""
    plan = zones_from_cuts(network, cuts)
    members = [plan.connection_zone.count(zone) for zone in range(plan.zones)]
    fullest = max(range(plan.zones), key=lambda zone: (members[zone], -zone))
    if members[fullest] <= connections_per_zone:
        return None
    in_cut = _zone_connections_below(network, plan, fullest)
    candidates = {branch: count for branch, count in in_cut.items() if 0 < count < members[fullest]}
    if not candidates:
        return None
    return min(candidates, key=lambda branch: (abs(candidates[branch] - members[fullest] / 2), branch))


def _zone_connections_below(network: Network, plan: ZonePlan, zone: int) -> dict[int, int]:
    """Return for each branch inside a zone how many of the zone's own connections are supplied through it."""
    at_node = [0] * len(network.nodes)
    for connection in network.connections:
        at_node[connection.node] += plan.node_zone[connection.node] == zone
    below: dict[int, int] = {}
    for node in reversed(network.order_from_source):
        branch = network.parent_branch[node]
        if branch < 0 or plan.node_zone[node] != zone:
            continue
        if branch != plan.branch[zone] and network.branches[branch].kind is BranchKind.LINE:
            below[branch] = at_node[node]
        at_node[network.parent_node[node]] += at_node[node]
    return below
