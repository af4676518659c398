"""Networks as JSON files: our own format, its canonical form and the hash that goes on the chain."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from p2ptrade.errors import InputError
from p2ptrade.grid.network import Branch, BranchKind, Connection, Network, Node, Phase, Wires
from p2ptrade.grid.resources import json_pointer, locate, read_json

FORMAT = "p2ptrade-network/1"


def load_network(name_or_path: str | Path) -> Network:
    """Return a network of the package by its name, or the one in a file.

    Raises:
        InputError: no such file, or a document that is not a network (JSON pointer).
        GridError: an element that cannot be solved or has no limit.
    """
    return parse_network(read_json(locate("networks", ".json", name_or_path), "network"))


def parse_network(document: Mapping[str, Any]) -> Network:
    """Return the network that a document (already of the right shape) describes.

    Raises:
        InputError: a reference to a node that does not exist.
        GridError: an element that cannot be solved or has no limit.
    """
    index = {node["id"]: number for number, node in enumerate(document["nodes"])}
    omega = 2 * math.pi * document["frequency_hz"]
    branches = [_line(line, index, omega, number) for number, line in enumerate(document["lines"])]
    if "transformer" in document:
        branches.insert(0, _transformer(document["transformer"], index))
    return Network(
        name=document["name"],
        source=document["source"],
        licence=document["licence"],
        wires=Wires(document["wires"]),
        nominal_voltage_v=document["nominal_voltage_v"],
        source_node=_node(index, document["source_node"], "source_node"),
        source_voltage_pu=document["source_voltage_pu"],
        voltage_min_pu=document["voltage_min_pu"],
        voltage_max_pu=document["voltage_max_pu"],
        nodes=tuple(Node(node["id"], node.get("x_m"), node.get("y_m")) for node in document["nodes"]),
        branches=tuple(branches),
        connections=tuple(
            Connection(
                id=entry["id"],
                node=_node(index, entry["node"], "connections", number, "node"),
                phase=Phase(entry["phase"]),
                capacity_w=entry["capacity_w"],
                tan_phi=entry.get("tan_phi", 0.0),
            )
            for number, entry in enumerate(document["connections"])
        ),
    )


def canonical_bytes(document: Mapping[str, Any]) -> bytes:
    """Return a document's one canonical form: keys sorted, no spaces, floats at their shortest exact length."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8")


def topology_hash(network: Network) -> bytes:
    """Return the SHA-256 of the canonical form of what decides a power flow and its limits (no names of places)."""
    document = {
        "format": FORMAT,
        "wires": network.wires.value,
        "nominal_voltage_v": float(network.nominal_voltage_v),
        "source_node": network.source_node,
        "source_voltage_pu": float(network.source_voltage_pu),
        "voltage_limits_pu": [float(network.voltage_min_pu), float(network.voltage_max_pu)],
        "nodes": [node.id for node in network.nodes],
        "branches": [_branch_row(branch) for branch in network.branches],
        "connections": [
            [entry.id, entry.node, entry.phase.value, float(entry.capacity_w), float(entry.tan_phi)]
            for entry in network.connections
        ],
    }
    return hashlib.sha256(canonical_bytes(document)).digest()


def _branch_row(branch: Branch) -> list[Any]:
    series = (branch.r1_ohm, branch.x1_ohm, branch.r0_ohm, branch.x0_ohm)
    shunt = (branch.g1_s, branch.b1_s, branch.g0_s, branch.b0_s)
    numbers = [float(value) for value in (*series, *shunt, branch.rating_a)]
    return [branch.id, branch.kind.value, branch.from_node, branch.to_node, *numbers]


def _node(index: Mapping[str, int], name: str, *place: str | int) -> int:
    if name not in index:
        raise InputError(f"there is no node {name!r}", pointer=json_pointer(*place))
    return index[name]


def _line(entry: Mapping[str, Any], index: Mapping[str, int], omega: float, number: int) -> Branch:
    c1_f = entry.get("c1_f", 0.0)
    return Branch(
        id=entry["id"],
        kind=BranchKind.LINE,
        from_node=_node(index, entry["from"], "lines", number, "from"),
        to_node=_node(index, entry["to"], "lines", number, "to"),
        r1_ohm=entry["r1_ohm"],
        x1_ohm=entry["x1_ohm"],
        r0_ohm=entry.get("r0_ohm", 0.0),
        x0_ohm=entry.get("x0_ohm", 0.0),
        g1_s=0.0,
        b1_s=omega * c1_f,
        g0_s=0.0,
        b0_s=omega * entry.get("c0_f", c1_f),
        rating_a=entry["rating_a"],
    )


def _transformer(entry: Mapping[str, Any], index: Mapping[str, int]) -> Branch:
    return Branch(
        id=entry["id"],
        kind=BranchKind.TRANSFORMER,
        from_node=_node(index, entry["from"], "transformer", "from"),
        to_node=_node(index, entry["to"], "transformer", "to"),
        r1_ohm=entry["r1_ohm"],
        x1_ohm=entry["x1_ohm"],
        r0_ohm=entry.get("r0_ohm", entry["r1_ohm"]),
        x0_ohm=entry.get("x0_ohm", entry["x1_ohm"]),
        g1_s=entry.get("g_s", 0.0),
        b1_s=entry.get("b_s", 0.0),
        g0_s=entry.get("g_s", 0.0),
        b0_s=entry.get("b_s", 0.0),
        rating_a=entry["rating_a"],
    )
