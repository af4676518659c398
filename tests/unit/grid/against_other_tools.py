"""Importers and power flow against pandapower (symmetric) and OpenDSS (three-phase).

Run by `test_other_tools.py` with the packages of `requirements/convert.txt`, which are not the project's own.
"""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from p2ptrade.grid import load_network, topology_hash
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.network import Network, Phase
from p2ptrade.grid.network_file import parse_network
from p2ptrade.grid.resources import DATA, check_schema

AGREEMENT_PU = 1e-6


def pandapower_voltages(net: Any, network: Network, power: np.ndarray) -> np.ndarray:
    """Return pandapower's voltages for loads of unity power factor at our connections, in our order of nodes."""
    import pandapower
    from pandapower.auxiliary import pandapowerNet

    assert isinstance(net, pandapowerNet)
    from p2ptrade.grid.importers.pandapower import bus_name

    buses = {bus_name(net, int(bus)): int(bus) for bus in net.bus.index}
    for table in ("load", "sgen", "storage"):
        net[table].drop(net[table].index, inplace=True)
    for connection, watts in zip(network.connections, power, strict=True):
        pandapower.create_load(net, buses[network.nodes[connection.node].id], p_mw=-watts / 1e6)
    # SimBench names the tap's position and leaves its kind empty, which pandapower 3 takes for no tap at all.
    net.trafo["tap_changer_type"] = "Ratio"
    pandapower.runpp(net, trafo_model="pi", tolerance_mva=1e-10, numba=False, calculate_voltage_angles=False)
    return np.array([net.res_bus.vm_pu.at[buses[node.id]] for node in network.nodes])


@pytest.mark.parametrize("code", ["1-LV-rural3--2-sw", "1-LV-semiurb4--2-sw"])
def test_a_simbench_grid_has_pandapowers_voltages(code: str) -> None:
    import simbench

    name = "simbench-lv-" + code.split("-")[2]
    network = load_network(name)
    random = np.random.default_rng(1)
    unity = Network(**{**vars_of(network), "connections": tuple(unity_factor(network))})
    original = simbench.get_simbench_net(code)

    for _ in range(3):
        power = random.uniform(-4_000, 4_000, len(network.connections))
        theirs = pandapower_voltages(copy.deepcopy(original), network, power)
        ours = fixed_point(unity).solve(power).voltage_pu[0]
        inner = np.arange(len(ours)) != network.source_node
        assert np.abs(ours - theirs)[inner].max() <= AGREEMENT_PU


def test_the_33_bus_feeder_has_pandapowers_voltages() -> None:
    from pandapower import networks

    network = load_network("ieee-33")
    unity = Network(**{**vars_of(network), "connections": tuple(unity_factor(network))})
    net = networks.case33bw()
    net.bus["name"] = [f"bus {bus + 1}" for bus in net.bus.index]
    power = np.random.default_rng(2).uniform(-200_000, 100_000, 32)

    theirs = pandapower_voltages(net, network, power)

    assert np.abs(fixed_point(unity).solve(power).voltage_pu[0] - theirs).max() <= AGREEMENT_PU


def test_the_european_feeder_has_opendss_voltages_and_comes_back_through_the_importer(tmp_path: Path) -> None:
    import opendssdirect as dss

    from p2ptrade.grid.importers.opendss import document_from_opendss

    network = load_network("ieee-eu-lv")
    power = np.random.default_rng(3).uniform(-3_000, 2_000, 55)
    script = tmp_path / "feeder.dss"
    script.write_text(opendss_script(network, power), encoding="utf-8")

    dss.Text.Command("Clear")
    dss.Text.Command(f'Redirect "{script}"')
    dss.Solution.Convergence(1e-10)
    dss.Solution.Solve()
    ours = fixed_point(network).solve(power).voltage_pu[0].reshape(-1, 3)
    for number in range(len(network.nodes)):
        dss.Circuit.SetActiveBus(f"n{number}")
        theirs = np.array(dss.Bus.puVmagAngle()[::2])
        assert np.abs(ours[number] - theirs).max() <= AGREEMENT_PU
    document = document_from_opendss(script, name="again", source="test", licence="Apache-2.0")
    check_schema(document, "network")
    again = parse_network(document)
    assert len(again.nodes) == len(network.nodes)
    assert len(again.connections) == 55
    order = [again.connection_index[f"l{number}"] for number in range(55)]
    shuffled = np.zeros(55)
    shuffled[order] = power
    flow = fixed_point(again).solve(shuffled, np.zeros((1, 55))).voltage_pu[0].reshape(-1, 3)
    names = {node.id: number for number, node in enumerate(again.nodes)}
    mapped = np.array([flow[names[f"n{number}"]] for number in range(len(network.nodes))])
    exact = fixed_point(network).solve(power, np.zeros((1, 55))).voltage_pu[0].reshape(-1, 3)
    assert np.abs(mapped - exact).max() <= AGREEMENT_PU


def test_the_shipped_files_are_what_the_converters_make() -> None:
    from p2ptrade.grid.importers import reference

    for make in (reference.european_lv, reference.baran_wu_33, reference.baran_wu_69, reference.cigre_lv):
        document, injections = make()
        shipped = (DATA / "networks" / f"{document['name']}.json").read_text(encoding="utf-8")
        assert topology_hash(parse_network(document)) == topology_hash(parse_network(json.loads(shipped)))
        kept = json.loads((DATA / "injections" / f"{document['name']}.json").read_text(encoding="utf-8"))
        assert injections == kept


def unity_factor(network: Network) -> list[Any]:
    from dataclasses import replace

    return [replace(connection, tan_phi=0.0) for connection in network.connections]


def vars_of(network: Network) -> dict[str, Any]:
    return {name: getattr(network, name) for name in Network.__dataclass_fields__}


def opendss_script(network: Network, power: np.ndarray) -> str:
    """Return a network as an OpenDSS script: all branches as lines, a stiff source, loads of constant power."""
    kilovolt = network.nominal_voltage_v / 1000
    source = f"bus1=n{network.source_node} pu={network.source_voltage_pu} basekv={kilovolt}"
    lines = [
        "Set DefaultBaseFrequency=50",
        f"New Circuit.feeder {source} R1=1e-9 X1=1e-9 R0=1e-9 X0=1e-9",
    ]
    for number, branch in enumerate(network.branches):
        lines.append(
            f"New Line.b{number} bus1=n{branch.from_node} bus2=n{branch.to_node} phases=3 length=1 units=none "
            f"R1={branch.r1_ohm!r} X1={branch.x1_ohm!r} R0={branch.r0_ohm!r} X0={branch.x0_ohm!r} C1=0 C0=0 "
            f"normamps={branch.rating_a}"
        )
    for number, (connection, watts) in enumerate(zip(network.connections, power, strict=True)):
        phase = {Phase.A: 1, Phase.B: 2, Phase.C: 3}[connection.phase]
        reactive = min(watts, 0.0) * connection.tan_phi
        lines.append(
            f"New Load.l{number} bus1=n{connection.node}.{phase} phases=1 kv={kilovolt / 3**0.5!r} model=1 "
            f"kw={float(-watts / 1000)!r} kvar={float(-reactive / 1000)!r} vminpu=0.1 vmaxpu=2"
        )
    lines += [f"Set voltagebases=[{kilovolt}]", "CalcVoltageBases"]
    return "\n".join(lines) + "\n"
