"""What must hold of power flows on any radial network: existence, balance, bounds, and the same bytes everywhere."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2ptrade.grid import Network, load_network
from p2ptrade.grid.branch_flow import FlowModel
from p2ptrade.grid.dlmp import optimal_flow
from p2ptrade.grid.fixed_point import convergence_number, fixed_point, groups_of
from p2ptrade.grid.network import BranchKind, Phase, Wires
from p2ptrade.grid.pgm import PgmPowerFlow
from tests.support.networks import BASE_W, FOUR_BUS_VAR, FOUR_BUS_W, four_bus, line, symmetric

ROOT = Path(__file__).resolve().parents[2]


@st.composite
def trees(draw: st.DrawFn) -> tuple[Network, np.ndarray, np.ndarray]:
    """Return a random radial network and injections at all of its nodes, some of them feeding in."""
    size = draw(st.integers(2, 9))
    resistance = st.floats(0.002, 0.05)
    branches = [
        line(draw(st.integers(0, node - 1)), node, draw(resistance), draw(resistance) / 2) for node in range(1, size)
    ]
    network = symmetric(*branches, connections=tuple(range(1, size)))
    power = [draw(st.floats(-0.3, 0.3)) * BASE_W for _ in range(size - 1)]
    reactive = [draw(st.floats(-0.1, 0.1)) * BASE_W for _ in range(size - 1)]
    return network, np.array(power), np.array(reactive)


@settings(max_examples=60, deadline=None)
@given(trees())
def test_below_the_convergence_number_of_a_quarter_a_flow_is_found_and_both_engines_agree(
    case: tuple[Network, np.ndarray, np.ndarray],
) -> None:
    network, power, reactive = case

    ours = fixed_point(network).solve(power, reactive)

    if convergence_number(network, power, reactive)[0] < 0.25:
        assert ours.converged[0]
    if ours.converged[0]:
        theirs = PgmPowerFlow(network).solve(power, reactive)
        assert np.abs(ours.voltage_pu - theirs.voltage_pu).max() < 1e-6
        assert ours.loss_w[0] >= -1e-6


@settings(max_examples=60, deadline=None)
@given(trees())
def test_the_lossless_model_is_never_below_the_ac_voltage(case: tuple[Network, np.ndarray, np.ndarray]) -> None:
    # Gan, Li, Topcu and Low, "Exact convex relaxation of optimal power flow in radial networks", 2015, lemma 1.
    network, power, reactive = case
    flow = fixed_point(network).solve(power, reactive)
    if not flow.converged[0] or flow.voltage_pu.min() < 0.6:
        return
    demand = np.zeros((2, len(network.nodes)))
    for number, connection in enumerate(network.connections):
        demand[:, connection.node] = -power[number], -reactive[number]

    lossless = optimal_flow(network, demand[0], demand[1], [], 1.0, FlowModel.LINDISTFLOW)

    assert (lossless.voltage_pu >= flow.voltage_pu[0] - 1e-6).all()


def test_the_lossless_model_of_the_four_bus_network_has_the_known_voltages() -> None:
    network = four_bus()
    demand = np.concatenate([[0.0], -FOUR_BUS_W]), np.concatenate([[0.0], -FOUR_BUS_VAR])

    flow = optimal_flow(network, *demand, [], 1.0, FlowModel.LINDISTFLOW)

    assert flow.voltage_pu[1:] == pytest.approx([0.996493853, 0.983361582, 1.008464179], abs=1e-7)


def test_feeders_solved_in_groups_have_the_voltages_of_the_dense_matrix() -> None:
    network = load_network("simbench-lv-rural3")
    power = np.random.default_rng(5).uniform(-6_000, 6_000, (40, len(network.connections)))

    grouped = fixed_point(network).solve(power)
    second = PgmPowerFlow(network).solve(power)

    assert groups_of(network).sums == 1
    assert np.abs(grouped.voltage_pu - second.voltage_pu).max() < 1e-8
    assert np.abs(grouped.loading - second.loading).max() < 1e-6


def test_three_phase_feeders_solved_in_groups_agree_with_a_second_engine() -> None:
    symmetric_one = load_network("simbench-lv-rural3")
    network = replace(
        symmetric_one,
        wires=Wires.THREE_PHASE,
        branches=tuple(
            branch
            if branch.kind is BranchKind.TRANSFORMER
            else replace(branch, r0_ohm=4 * branch.r1_ohm, x0_ohm=3 * branch.x1_ohm, b0_s=branch.b1_s / 2)
            for branch in symmetric_one.branches
        ),
        connections=tuple(
            replace(connection, phase=(Phase.A, Phase.B, Phase.C, Phase.ABC)[number % 4])
            for number, connection in enumerate(symmetric_one.connections)
        ),
    )
    power = np.random.default_rng(8).uniform(-3_000, 3_000, (20, len(network.connections)))

    ours, theirs = fixed_point(network).solve(power), PgmPowerFlow(network).solve(power)

    assert groups_of(network).sums == 3
    assert np.abs(ours.voltage_pu - theirs.voltage_pu).max() < 1e-7
    assert np.abs(ours.loss_w - theirs.loss_w).max() < 1e-2


def test_a_scenario_has_the_same_flow_alone_and_in_a_batch() -> None:
    network = load_network("simbench-lv-semiurb4")
    power = np.random.default_rng(6).uniform(-6_000, 6_000, (300, len(network.connections)))

    together = fixed_point(network).solve(power)

    for row in (0, 127, 128, 299):
        alone = fixed_point(network).solve(power[row])
        assert together.voltage_pu[row] == pytest.approx(alone.voltage_pu[0], abs=1e-9)


DECISION = """
import sys
from dataclasses import replace
import numpy as np
from p2ptrade.domain.grid_data import Charges, GridData
from p2ptrade.grid import SlotSchedule, decide, load_network, propose_zones, zone_limits
network = load_network("simbench-lv-semiurb4")
plan = propose_zones(network)
grid = GridData(zone_limits(network, plan), Charges(0, 0, 0, 0))
wh = tuple(int(value) for value in np.random.default_rng(12).uniform(0, 6_000, len(network.connections)))
size = len(wh)
schedule = SlotSchedule(7, tuple(range(16, 16 + size)), wh, tuple(value // 2 for value in wh), (50,) * size)
decision = decide(network, plan, schedule, grid)
assert decision.envelopes
result = (decision.outcome, decision.grid, decision.envelopes, decision.envelope_root, decision.input_hash)
sys.stdout.write(repr(result))
"""


def test_another_process_with_other_threads_and_hash_seed_decides_the_same_bytes() -> None:
    outputs = [
        subprocess.run(
            [sys.executable, "-c", DECISION],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "OPENBLAS_NUM_THREADS": threads, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed, threads in (("1", "1"), ("2", "2"))
    ]

    assert hashlib.sha256(outputs[0].encode()).digest() == hashlib.sha256(outputs[1].encode()).digest()
    assert "envelope" in outputs[0].lower()


def test_a_network_can_be_changed_without_touching_the_one_that_was_solved() -> None:
    network = four_bus()
    before = fixed_point(network).solve(FOUR_BUS_W).voltage_pu.copy()

    weaker = replace(network, branches=tuple(replace(b, r1_ohm=2 * b.r1_ohm) for b in network.branches))
    fixed_point(weaker).solve(FOUR_BUS_W)

    assert (fixed_point(network).solve(FOUR_BUS_W).voltage_pu == before).all()
    assert (fixed_point(weaker).solve(FOUR_BUS_W).voltage_pu != before)[0, 1:].all()
