"""Networks of pandapower as documents of our own format.

Taken over: nodes, lines in service whose switches are closed, one two-winding transformer and one external
grid. What our format cannot say (several sources, controllers, bus-bus switches with impedance) is refused,
not dropped. Formulas of the transformer: pandapower documentation, "Transformer", pi model.
"""

from __future__ import annotations

import json
import math
from typing import Any

from p2ptrade.errors import InputError
from p2ptrade.grid.network_file import FORMAT

METRES_PER_DEGREE = 111_320.0


def document_from_pandapower(
    net: Any,
    *,
    name: str,
    source: str,
    licence: str,
    wires: str,
    connections: list[dict[str, Any]],
    voltage_limits_pu: tuple[float, float],
    default_rating_a: float | None = None,
) -> dict[str, Any]:
    """Return our document of a pandapower network; `connections` name buses by `bus_name`.

    Branches without a rating get `default_rating_a`, or are refused when that is None.

    Raises:
        InputError: the network has what our format cannot say.
    """
    source_bus, nominal_kv, source_pu, transformer = _source(net, default_rating_a)
    closed = _closed_lines(net)
    lines = [_line(net, number, default_rating_a) for number in closed]
    buses = _reachable(net, source_bus, closed, transformer)
    document: dict[str, Any] = {
        "format": FORMAT,
        "name": name,
        "source": source,
        "licence": licence,
        "wires": wires,
        "frequency_hz": float(net.f_hz),
        "nominal_voltage_v": nominal_kv * 1000,
        "source_node": bus_name(net, source_bus),
        "source_voltage_pu": source_pu,
        "voltage_min_pu": voltage_limits_pu[0],
        "voltage_max_pu": voltage_limits_pu[1],
        "nodes": [_node(net, bus) for bus in buses],
        "lines": lines,
        "connections": connections,
    }
    if transformer is not None:
        document["transformer"] = transformer
    return document


def bus_name(net: Any, bus: int) -> str:
    """Return the name of a bus in our document: its own, if buses have distinct names, else its number."""
    names = net.bus.name
    distinct = names.notna().all() and names.is_unique
    return str(names.at[bus]).strip() if distinct else f"bus {bus}"


def _source(net: Any, default_rating_a: float | None) -> tuple[int, float, float, dict[str, Any] | None]:
    grids = net.ext_grid[net.ext_grid.in_service]
    if len(grids) != 1:
        raise InputError(f"the network has {len(grids)} external grids; one is needed")
    bus, voltage_pu = int(grids.bus.iloc[0]), float(grids.vm_pu.iloc[0])
    transformers = net.trafo[net.trafo.in_service]
    if len(transformers) == 0:
        return bus, float(net.bus.vn_kv.at[bus]), voltage_pu, None
    if len(transformers) != 1 or int(transformers.hv_bus.iloc[0]) != bus:
        raise InputError(
            "only one transformer, directly at the external grid, can be taken over; select its area first"
        )
    row = transformers.iloc[0]
    # The tap counts whatever kind it is said to be: SimBench leaves the kind empty, and pandapower 3 then ignores it.
    steps = 0.0 if math.isnan(row.tap_pos) else (row.tap_pos - row.tap_neutral) * row.tap_step_percent / 100
    ratio_hv = 1 + (steps if row.tap_side == "hv" else 0)
    ratio_lv = 1 + (steps if row.tap_side == "lv" else 0)
    low_kv = float(net.bus.vn_kv.at[int(row.lv_bus)])
    high_pu = voltage_pu * float(net.bus.vn_kv.at[bus]) / (row.vn_hv_kv * ratio_hv)
    return bus, low_kv, float(high_pu * row.vn_lv_kv * ratio_lv / low_kv), _transformer(net, row)


def _transformer(net: Any, row: Any) -> dict[str, Any]:
    base_ohm = row.vn_lv_kv**2 / row.sn_mva
    z_ohm, r_ohm = row.vk_percent / 100 * base_ohm, row.vkr_percent / 100 * base_ohm
    g_s = row.pfe_kw / 1000 / row.vn_lv_kv**2
    y_s = row.i0_percent / 100 / base_ohm
    return {
        "id": str(row["name"]) if isinstance(row["name"], str) else "transformer",
        "from": bus_name(net, int(row.hv_bus)),
        "to": bus_name(net, int(row.lv_bus)),
        "r1_ohm": float(r_ohm),
        "x1_ohm": math.sqrt(z_ohm**2 - r_ohm**2),
        "g_s": float(g_s),
        "b_s": -math.sqrt(max(0.0, y_s**2 - g_s**2)),
        "rating_a": float(row.sn_mva * 1e6 / math.sqrt(3) / (row.vn_lv_kv * 1000)),
    }


def _closed_lines(net: Any) -> list[int]:
    if len(net.switch[(net.switch.et == "b") & net.switch.closed]):
        raise InputError("closed bus-bus switches must be fused before (pandapower.toolbox.fuse_buses)")
    opened = set(net.switch.element[(net.switch.et == "l") & ~net.switch.closed.astype(bool)])
    return [int(number) for number in net.line.index if net.line.in_service.at[number] and number not in opened]


def _line(net: Any, number: int, default_rating_a: float | None) -> dict[str, Any]:
    row = net.line.loc[number]
    length, parallel = float(row.length_km), int(row.parallel)
    rating_a = float(row.max_i_ka) * 1000 * float(row.df) * parallel
    if not 0 < rating_a < 9e4:
        if default_rating_a is None:
            raise InputError(f"line {row['name']} has no rating; name one with --default-rating-a")
        rating_a = default_rating_a
    names = net.line.name
    distinct = names.notna().all() and names.is_unique
    entry = {
        "id": str(row["name"]).strip() if distinct else f"line {number}",
        "from": bus_name(net, int(row.from_bus)),
        "to": bus_name(net, int(row.to_bus)),
        "r1_ohm": float(row.r_ohm_per_km) * length / parallel,
        "x1_ohm": float(row.x_ohm_per_km) * length / parallel,
        "c1_f": float(row.c_nf_per_km) * 1e-9 * length * parallel,
        "rating_a": rating_a,
    }
    if "r0_ohm_per_km" in net.line and not math.isnan(row.r0_ohm_per_km):
        entry["r0_ohm"] = float(row.r0_ohm_per_km) * length / parallel
        entry["x0_ohm"] = float(row.x0_ohm_per_km) * length / parallel
        entry["c0_f"] = float(row.c0_nf_per_km) * 1e-9 * length * parallel
    return entry


def _reachable(net: Any, source: int, lines: list[int], transformer: dict[str, Any] | None) -> list[int]:
    """Return the buses connected to the source, in the order of pandapower."""
    neighbours: dict[int, list[int]] = {int(bus): [] for bus in net.bus.index}
    pairs = [(int(net.line.from_bus.at[line]), int(net.line.to_bus.at[line])) for line in lines]
    if transformer is not None:
        row = net.trafo[net.trafo.in_service].iloc[0]
        pairs.append((int(row.hv_bus), int(row.lv_bus)))
    for one, other in pairs:
        neighbours[one].append(other)
        neighbours[other].append(one)
    order = [source]
    reached = {source}
    for bus in order:
        for neighbour in neighbours[bus]:
            if neighbour not in reached:
                reached.add(neighbour)
                order.append(neighbour)
    missing = [
        bus_name(net, int(bus)) for bus in net.bus.index if int(bus) not in reached and net.bus.in_service.at[bus]
    ]
    if missing:
        raise InputError(f"{len(missing)} buses are islands, the first is {missing[0]}")
    return [int(bus) for bus in net.bus.index if int(bus) in reached]


def _node(net: Any, bus: int) -> dict[str, Any]:
    entry: dict[str, Any] = {"id": bus_name(net, bus)}
    geo = net.bus.geo.at[bus] if "geo" in net.bus else None
    if isinstance(geo, str):
        longitude, latitude = json.loads(geo)["coordinates"][:2]
        if abs(longitude) <= 180 and abs(latitude) <= 90:
            squeeze = math.cos(math.radians(latitude))
            longitude, latitude = longitude * METRES_PER_DEGREE * squeeze, latitude * METRES_PER_DEGREE
        entry["x_m"], entry["y_m"] = round(longitude, 1), round(latitude, 1)
    return entry
