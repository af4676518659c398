"""Power flow against closed forms, published feeders and power-grid-model.

W0, W1 and W7 are worked by hand or solved by power-grid-model and OpenDSS alike; the feeders are those of Baran and Wu
(1989) and the IEEE European low-voltage feeder.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from p2ptrade.grid import check_injections, load_network
from p2ptrade.grid.fixed_point import FixedPointPowerFlow, convergence_number, fixed_point
from p2ptrade.grid.network import Branch, BranchKind, Connection, Network, Node, Phase, Wires
from p2ptrade.grid.pgm import PgmPowerFlow
from p2ptrade.grid.powerflow import PowerFlow
from p2ptrade.grid.resources import packaged_names
from p2ptrade.grid.sensitivity import sensitivity
from p2ptrade.grid.verdict import Limit
from tests.support.networks import BASE_W, FOUR_BUS_VAR, FOUR_BUS_W, four_bus, injections, line, symmetric

Engine = Callable[[Network], PowerFlow]
ENGINES: list[Engine] = [FixedPointPowerFlow, PgmPowerFlow]
NETWORKS = packaged_names("networks", ".json")


def two_bus() -> Network:
    return symmetric(line(0, 1, 0.02, 0.01), connections=(1,))


def single_phase_line() -> Network:
    """W7: 230 V, self impedance 0.10 + j0.05 ohm, mutual 0.03 + j0.02 ohm."""
    z1, z0 = (0.10 + 0.05j) - (0.03 + 0.02j), (0.10 + 0.05j) + 2 * (0.03 + 0.02j)
    branch = Branch("1", BranchKind.LINE, 0, 1, z1.real, z1.imag, z0.real, z0.imag, 0.0, 0.0, 0.0, 0.0, 1e3)
    return Network(
        name="W7",
        source="made by hand",
        licence="Apache-2.0",
        wires=Wires.THREE_PHASE,
        nominal_voltage_v=230 * 3**0.5,
        source_node=0,
        source_voltage_pu=1.0,
        voltage_min_pu=0.9,
        voltage_max_pu=1.1,
        nodes=(Node("0"), Node("1")),
        branches=(branch,),
        connections=(Connection("customer", 1, Phase.A, 18_400),),
    )


@pytest.mark.parametrize("engine", ENGINES)
def test_a_two_bus_line_has_the_voltage_of_the_closed_form(engine: Engine) -> None:
    flow = engine(two_bus()).solve(np.array([[-0.5 * BASE_W]]), np.array([[-0.2 * BASE_W]]))

    assert flow.voltage_pu[0, 1] == pytest.approx(0.987851918, abs=1e-8)
    assert flow.loss_w[0] / BASE_W == pytest.approx(0.005943528, abs=1e-8)
    assert flow.source_w[0] / BASE_W == pytest.approx(0.505943528, abs=1e-8)
    base_a = BASE_W / (3**0.5 * 400)
    assert (flow.current_a[0, 0] / base_a) ** 2 == pytest.approx(0.297176390, abs=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_radial_network_with_reverse_flow_has_the_known_voltages_currents_and_losses(engine: Engine) -> None:
    flow = engine(four_bus()).solve(FOUR_BUS_W[None], FOUR_BUS_VAR[None])

    assert flow.voltage_pu[0, 1:] == pytest.approx([0.996280913, 0.983056330, 1.008175700], abs=1e-8)
    base_a = BASE_W / (3**0.5 * 400)
    assert flow.current_a[0] / base_a == pytest.approx([0.188157284, 0.321678175, 0.396756240], abs=1e-8)
    assert flow.loss_w[0] / BASE_W == pytest.approx(0.009569603, abs=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("power_w", "voltages_v", "current_a", "source_w"),
    [
        (-4600.0, [227.980067, 230.650946, 229.957510], 20.177203, 4640.711950),
        (4600.0, [231.980786, 229.357964, 230.050195], 19.829228, -4560.680170),
    ],
)
def test_a_single_phase_load_moves_the_other_phases_the_other_way(
    engine: Engine, power_w: float, voltages_v: list[float], current_a: float, source_w: float
) -> None:
    flow = engine(single_phase_line()).solve(np.array([[power_w]]), np.array([[0.0]]))

    assert flow.voltage_pu[0, 3:] * 230 == pytest.approx(voltages_v, abs=2e-6)
    assert flow.current_a[0] == pytest.approx([current_a, 0, 0], abs=1e-5)
    assert flow.source_w[0] == pytest.approx(source_w, abs=1e-4)


@pytest.mark.parametrize(
    ("name", "loss_kw", "within_kw", "lowest_pu", "node"),
    [("ieee-33", 202.677, 0.001, 0.913090, "bus 18"), ("ieee-69", 224.992, 0.001, 0.909188, "bus 65")],
)
def test_the_feeders_of_baran_and_wu_have_their_published_losses_and_lowest_voltage(
    name: str, loss_kw: float, within_kw: float, lowest_pu: float, node: str
) -> None:
    network = load_network(name)

    verdict = check_injections(network, *injections(name, network.connections))

    assert verdict.loss_w / 1000 == pytest.approx(loss_kw, abs=within_kw)
    assert verdict.lowest_voltage.value == pytest.approx(lowest_pu, abs=1e-6)
    assert verdict.lowest_voltage.element == f"node {node}"


def test_the_reconfigured_33_bus_feeder_has_its_published_losses() -> None:
    network = load_network("ieee-33")
    opened = {"line 7-8", "line 9-10", "line 14-15", "line 32-33"}
    ties = [(8, 21, 2.0, 2.0), (9, 15, 2.0, 2.0), (12, 22, 2.0, 2.0), (18, 33, 0.5, 0.5)]
    kept = tuple(branch for branch in network.branches if branch.id not in opened)
    sample = network.branches[0]
    closed = tuple(
        replace(sample, id=f"tie {one}-{two}", from_node=one - 1, to_node=two - 1, r1_ohm=r, x1_ohm=x)
        for one, two, r, x in ties
    )

    verdict = check_injections(replace(network, branches=kept + closed), *injections("ieee-33", network.connections))

    assert verdict.loss_w / 1000 == pytest.approx(139.551, abs=0.001)
    assert verdict.lowest_voltage.value == pytest.approx(0.937819, abs=1e-6)
    assert verdict.lowest_voltage.element == "node bus 32"


def test_the_european_feeder_has_the_voltages_that_three_other_engines_give() -> None:
    network = load_network("ieee-eu-lv")

    verdict = check_injections(network, *injections("ieee-eu-lv", network.connections))

    assert verdict.lowest_voltage.value == pytest.approx(0.996416, abs=1e-6)
    assert verdict.highest_voltage.value == pytest.approx(1.068401, abs=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
def test_both_engines_agree_on_every_shipped_network_with_reverse_flow(name: str) -> None:
    network = load_network(name)
    ours, others = fixed_point(network), PgmPowerFlow(network)
    capacity = np.array([connection.capacity_w for connection in network.connections])
    power = np.random.default_rng(7).uniform(-0.15, 0.05, (50, len(capacity))) * capacity

    mine, theirs = ours.solve(power), others.solve(power)

    assert mine.converged.all()
    assert (mine.source_w < 0).any() or power.sum(axis=1).max() < 0
    assert np.abs(mine.voltage_pu - theirs.voltage_pu).max() <= 1e-6
    assert np.abs(mine.loading - theirs.loading).max() <= 1e-6
    assert np.abs(mine.loss_w - theirs.loss_w).max() <= 1e-6 * np.abs(power).sum()


def test_single_precision_is_good_enough_for_screening() -> None:
    network = load_network("ieee-eu-lv")
    power = np.random.default_rng(8).uniform(-3000, 2000, (20, 55))

    exact = fixed_point(network).solve(power)
    quick = FixedPointPowerFlow(network, dtype=np.float32).solve(power)

    assert quick.converged.all()
    assert np.abs(exact.voltage_pu - quick.voltage_pu).max() < 1e-5


@pytest.mark.parametrize("engine", ENGINES)
def test_a_load_beyond_what_a_line_can_carry_does_not_converge(engine: Engine) -> None:
    # A voltage exists only while |s| (|z| + r p/|s| + x q/|s|) < 1/2; here P = 20 pu over 0.02 + j0.01.
    flow = engine(two_bus()).solve(np.array([[-20 * BASE_W]]), np.array([[0.0]]))

    assert not flow.converged[0]


def test_a_collapse_is_unsafe_and_said_to_be_one() -> None:
    verdict = check_injections(two_bus(), np.array([-20 * BASE_W]))

    assert not verdict.safe
    assert [violation.kind for violation in verdict.violations] == [Limit.COLLAPSE]


def test_a_collapsed_scenario_does_not_spoil_the_others_of_its_batch() -> None:
    power = np.array([[-0.5 * BASE_W], [-20 * BASE_W], [0.5 * BASE_W]])

    for engine in (fixed_point(two_bus()), PgmPowerFlow(two_bus())):
        flow = engine.solve(power)
        alone = engine.solve(power[[0]])
        assert list(flow.converged) == [True, False, True]
        assert flow.voltage_pu[0] == pytest.approx(alone.voltage_pu[0], abs=1e-9)


def test_the_convergence_number_of_the_four_bus_network_is_the_known_one() -> None:
    assert convergence_number(four_bus(), FOUR_BUS_W, FOUR_BUS_VAR)[0] == pytest.approx(0.03355, abs=1e-5)


def test_losses_injections_and_source_balance() -> None:
    network = load_network("simbench-lv-rural3")
    power = np.random.default_rng(9).uniform(-5000, 5000, (10, len(network.connections)))

    flow = PgmPowerFlow(network).solve(power)
    ours = fixed_point(network).solve(power)

    assert ours.source_w + power.sum(axis=1) == pytest.approx(flow.loss_w, rel=1e-6)


def test_sensitivities_of_the_four_bus_network_are_the_known_ones() -> None:
    found = sensitivity(four_bus(), FOUR_BUS_W, FOUR_BUS_VAR)

    # dV/dp per consumption; ours are per injection and watt.
    known = [
        [-0.020138, -0.020709, -0.019590],
        [-0.020413, -0.062225, -0.019857],
        [-0.019904, -0.020468, -0.048732],
    ]
    assert -found.voltage_per_w[1:] * BASE_W == pytest.approx(np.array(known), abs=1e-6)
    assert -found.loss_per_w == pytest.approx(np.array([0.004776, 0.030118, -0.018722]), abs=1e-6)


@pytest.mark.parametrize("name", ["ieee-eu-lv", "simbench-lv-rural3", "ieee-33"])
def test_sensitivities_are_the_differences_of_a_second_engine(name: str) -> None:
    network = load_network(name)
    power = -0.05 * np.array([connection.capacity_w for connection in network.connections])
    column, step = 3, 2.0
    found = sensitivity(network, power)
    shifted = np.stack([power, power])
    shifted[0, column] += step
    shifted[1, column] -= step

    flow = PgmPowerFlow(network).solve(shifted)

    slope = (flow.voltage_pu[0] - flow.voltage_pu[1]) / (2 * step)
    assert found.voltage_per_w[:, column] == pytest.approx(slope, abs=2e-3 * np.abs(slope).max())
    loading = (flow.loading[0] - flow.loading[1]) / (2 * step)
    assert found.loading_per_w[:, column] == pytest.approx(loading, abs=5e-3 * np.abs(loading).max())
