"""The network charge of a trade by the way it takes: a choice of four rules, in exact integers.

Uniform: per kWh. Thevenin: per kWh and ohm of electrical distance |Z_ii + Z_jj - 2 Z_ij|, in a radial network
the impedance of the path. PTDF: per kWh and branch of the path. Zonal: per kWh and zone that the path touches
(Baroche, Pinson, Latimier and Ben Ahmed, "Exogenous cost allocation in peer-to-peer electricity markets",
IEEE Trans. Power Systems 34(4), 2019). A trade with the grid itself has the source as its partner.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from p2ptrade.domain.units import WH_PER_KWH, AmountMicro, EnergyWh
from p2ptrade.errors import InputError
from p2ptrade.grid.network import Network
from p2ptrade.grid.zones import ZonePlan

MICRO_OHM_PER_OHM = 1_000_000


class ChargeRule(StrEnum):
    """How far a trade is said to travel."""

    UNIFORM = "uniform"
    THEVENIN = "thevenin"
    PTDF = "ptdf"
    ZONAL = "zonal"


@dataclass(frozen=True, slots=True)
class NetworkCharge:
    """A rule with its rate: micro per kWh, and per ohm, branch or zone."""

    rule: ChargeRule
    rate_micro_per_kwh: int

    def __post_init__(self) -> None:
        if self.rate_micro_per_kwh < 0:
            raise InputError(f"a network charge must not be negative, as {self.rate_micro_per_kwh} is")


def charge_rounded_down(
    network: Network, plan: ZonePlan, charge: NetworkCharge, energy: EnergyWh, seller: int, buyer: int | None
) -> AmountMicro:
    """Return the charge of a trade between two connections; a buyer of None is the grid at its source."""
    near = network.connections[seller].node
    far = network.source_node if buyer is None else network.connections[buyer].node
    path = path_branches(network, near, far)
    match charge.rule:
        case ChargeRule.UNIFORM:
            numerator, denominator = 1, 1
        case ChargeRule.THEVENIN:
            numerator, denominator = distance_micro_ohm(network, path), MICRO_OHM_PER_OHM
        case ChargeRule.PTDF:
            numerator, denominator = len(path), 1
        case ChargeRule.ZONAL:
            numerator, denominator = len(zones_touched(network, plan, path)), 1
    return AmountMicro(energy * charge.rate_micro_per_kwh * numerator // (WH_PER_KWH * denominator))


def halves(amount: AmountMicro) -> tuple[AmountMicro, AmountMicro]:
    """Return what seller and buyer pay of a charge; an odd unit is the buyer's."""
    return AmountMicro(amount // 2), AmountMicro(amount - amount // 2)


def path_branches(network: Network, one: int, other: int) -> tuple[int, ...]:
    """Return the branches on the way between two nodes of the tree."""
    way_up = _way_to_source(network, one)
    way_down = _way_to_source(network, other)
    shared = set(way_up) & set(way_down)
    return tuple(branch for branch in (*way_up, *reversed(way_down)) if branch not in shared)


def distance_micro_ohm(network: Network, path: tuple[int, ...]) -> int:
    """Return the magnitude of the path's positive-sequence impedance, in whole micro-ohm."""
    impedance = sum(
        (complex(network.branches[branch].r1_ohm, network.branches[branch].x1_ohm) for branch in path),
        start=complex(0),
    )
    return round(abs(impedance) * MICRO_OHM_PER_OHM)


def zones_touched(network: Network, plan: ZonePlan, path: tuple[int, ...]) -> set[int]:
    """Return the zones of the nodes on a path."""
    ends = {node for b in path for node in (network.branches[b].from_node, network.branches[b].to_node)}
    return {plan.node_zone[node] for node in ends}


def _way_to_source(network: Network, node: int) -> list[int]:
    way = []
    while (branch := network.parent_branch[node]) >= 0:
        way.append(branch)
        node = network.parent_node[node]
    return way
