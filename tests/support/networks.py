"""Small networks with known answers, in per unit of 400 V and 100 kVA (impedance base 1.6 ohm)."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from p2ptrade.grid.network import Branch, BranchKind, Connection, Network, Node, Phase, Wires
from p2ptrade.grid.resources import DATA

BASE_OHM = 1.6
BASE_W = 100_000.0
BASE_V = 400.0


def line(near: int, far: int, r: float, x: float, rating_a: float = 1e4, **more: float) -> Branch:
    """Return a line in per unit."""
    zero = {"r0_ohm": r * BASE_OHM, "x0_ohm": x * BASE_OHM, **more}
    return Branch(
        id=str(far),
        kind=BranchKind.LINE,
        from_node=near,
        to_node=far,
        r1_ohm=r * BASE_OHM,
        x1_ohm=x * BASE_OHM,
        g1_s=0.0,
        b1_s=0.0,
        g0_s=0.0,
        b0_s=0.0,
        rating_a=rating_a,
        **zero,
    )


def symmetric(*branches: Branch, connections: tuple[int, ...], limits: tuple[float, float] = (0.5, 1.5)) -> Network:
    """Return a symmetric network with a stiff source of 1 pu at node 0 and connections at the given nodes."""
    size = 1 + max(max(branch.from_node, branch.to_node) for branch in branches)
    return Network(
        name="case",
        source="made by hand",
        licence="Apache-2.0",
        wires=Wires.SYMMETRIC,
        nominal_voltage_v=BASE_V,
        source_node=0,
        source_voltage_pu=1.0,
        voltage_min_pu=limits[0],
        voltage_max_pu=limits[1],
        nodes=tuple(Node(str(number)) for number in range(size)),
        branches=branches,
        connections=tuple(Connection(f"at {node}", node, Phase.ABC, 1e6) for node in connections),
    )


def four_bus(rating_a: float = 1e4, limits: tuple[float, float] = (0.5, 1.5)) -> Network:
    """Return the 4-bus radial network W1: 0-1, 1-2, 1-3, connections at 1, 2 and 3."""
    return symmetric(
        line(0, 1, 0.02, 0.01, rating_a),
        line(1, 2, 0.04, 0.01, rating_a),
        line(1, 3, 0.03, 0.01, rating_a),
        connections=(1, 2, 3),
        limits=limits,
    )


FOUR_BUS_W = -BASE_W * np.array([0.20, 0.30, -0.40])
FOUR_BUS_VAR = -BASE_W * np.array([0.05, 0.10, 0.0])


def injections(name: str, connections: tuple[Connection, ...]) -> tuple[Any, Any]:
    """Return the published loads of a network of the package, W and var, in the order of its connections."""
    document = json.loads((DATA / "injections" / f"{name}.json").read_text(encoding="utf-8"))
    rows = {row["connection"]: row for row in document["injections"]}
    active = np.array([rows[connection.id]["p_w"] for connection in connections])
    reactive = np.array([rows[connection.id]["q_var"] for connection in connections])
    return active, reactive
