"""Grids and profiles of SimBench (www.simbench.de, ODbL 1.0) as a network and a homes file of our own.

A home is a customer connection: the household or commercial load of a node, with the PV system, the battery,
the charging points and the heat pump that SimBench attaches to the same node. SimBench's clock is Central
European standard time all year (its 2016 has 366 x 96 quarter hours), so UTC is one hour less.
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from p2ptrade.errors import InputError
from p2ptrade.grid.importers.pandapower import bus_name, document_from_pandapower
from p2ptrade.grid.profiles import Home, HomeProfiles, Week, WeekName

EV_PROFILE = re.compile(r"^(HLS|APLS)_")
HEAT_PUMP_PROFILE = re.compile(r"^(Air|Soil|Water)_")
SLOTS_PER_DAY = 96
DAYS = 9
# Sizes of main fuses of German house connections, ampere per phase (DIN VDE 0636); 400 V, three phases.
FUSES_A = (35, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400)


def convert(code: str, name: str, weeks: dict[WeekName, datetime]) -> tuple[dict[str, Any], HomeProfiles]:
    """Return the network document and the homes of a SimBench grid, for weeks named by their Monday (UTC
    midnight).

    Raises:
        InputError: the grid has what our formats cannot say, or a week is outside of 2016.
    """
    import simbench  # type: ignore[import-untyped, unused-ignore]

    net = simbench.get_simbench_net(code)
    buses = sorted({int(bus) for bus in net.load.bus})
    homes = [_home(net, number, bus) for number, bus in enumerate(buses)]
    document = document_from_pandapower(
        net,
        name=name,
        source=(
            f"SimBench grid {code} (www.simbench.de); connection capacities are assumed: the smallest usual main fuse"
        ),
        licence="ODbL-1.0",
        wires="symmetric",
        connections=[_connection(net, bus, home) for bus, home in zip(buses, homes, strict=True)],
        voltage_limits_pu=(0.9, 1.1),
    )
    source = f"SimBench grid {code}, profiles of 2016 (www.simbench.de)"
    return document, HomeProfiles(
        network=name,
        source=source,
        licence="ODbL-1.0",
        homes=tuple(homes),
        weeks={week: _week(net, buses, monday) for week, monday in weeks.items()},
    )


def save(document: dict[str, Any], homes: HomeProfiles, networks: Path, profiles: Path) -> None:
    """Write both files under the network's name."""
    import json

    networks.mkdir(parents=True, exist_ok=True)
    profiles.mkdir(parents=True, exist_ok=True)
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    (networks / f"{document['name']}.json").write_text(text + "\n", encoding="utf-8")
    homes.save(profiles / f"{document['name']}.npz")


def _rows(net: Any, bus: int, pattern: re.Pattern[str] | None) -> list[int]:
    """Return the loads at a bus whose profile fits; with None, those without a special profile."""
    rows = net.load[net.load.bus == bus]

    def fits(profile: str) -> bool:
        special = EV_PROFILE.match(profile) or HEAT_PUMP_PROFILE.match(profile)
        return not special if pattern is None else bool(pattern.match(profile))

    return [int(index) for index, profile in rows.profile.items() if fits(profile)]


def _home(net: Any, number: int, bus: int) -> Home:
    def watts(rows: Any) -> int:
        return round(float(net.load.p_mw.loc[rows].sum()) * 1e6)

    storage = net.storage[net.storage.bus == bus]
    return Home(
        connection=f"home {number + 1:03d}",
        pv_peak_w=round(float(net.sgen.p_mw[net.sgen.bus == bus].sum()) * 1e6),
        battery_wh=round(float(storage.max_e_mwh.sum()) * 1e6),
        battery_power_w=round(-float(storage.min_p_mw.sum()) * 1e6),
        ev_power_w=watts(_rows(net, bus, EV_PROFILE)),
        heat_pump_power_w=watts(_rows(net, bus, HEAT_PUMP_PROFILE)),
    )


def _connection(net: Any, bus: int, home: Home) -> dict[str, Any]:
    drawn_w = float(net.load.p_mw[net.load.bus == bus].sum()) * 1e6 + home.battery_power_w
    needed_a = max(drawn_w, home.pv_peak_w + home.battery_power_w) / (math.sqrt(3) * 400)
    fuse_a = next((fuse for fuse in FUSES_A if fuse >= needed_a), None)
    if fuse_a is None:
        raise InputError(f"{home.connection} needs {needed_a:.0f} A, more than the largest main fuse")
    active, reactive = _yearly(net, bus)
    return {
        "id": home.connection,
        "node": bus_name(net, bus),
        "phase": "abc",
        "capacity_w": round(math.sqrt(3) * 400 * fuse_a),
        "tan_phi": round(reactive / active, 4) if active > 0 else 0.0,
    }


def _yearly(net: Any, bus: int) -> tuple[float, float]:
    """Return the sums over the year of active and reactive consumption at a bus."""
    active = reactive = 0.0
    profiles = net.profiles["load"]
    for row in net.load[net.load.bus == bus].itertuples():
        active += row.p_mw * float(profiles[f"{row.profile}_pload"].sum())
        reactive += row.q_mvar * float(profiles[f"{row.profile}_qload"].sum())
    return active, reactive


def _week(net: Any, buses: list[int], monday: datetime) -> Week:
    """Return nine days from the Saturday before: the week in any time zone, and the day before it."""
    start = monday - timedelta(days=2)
    first = round((start + timedelta(hours=1) - datetime(2016, 1, 1, tzinfo=UTC)).total_seconds()) // 900
    span = slice(first, first + DAYS * SLOTS_PER_DAY)
    if first < 0 or span.stop > len(net.profiles["load"]):
        raise InputError(f"the week of {monday:%Y-%m-%d} with the days around it is not within SimBench's year 2016")
    load, renewables = net.profiles["load"], net.profiles["renewables"]

    def series(rows: list[int]) -> np.ndarray[Any, Any]:
        power_mw = sum(
            (net.load.p_mw.at[row] * load[f"{net.load.profile.at[row]}_pload"].to_numpy()[span] for row in rows),
            start=np.zeros(DAYS * SLOTS_PER_DAY),
        )
        return _whole_wh(power_mw)

    def generation(bus: int) -> np.ndarray[Any, Any]:
        rows = net.sgen[net.sgen.bus == bus].itertuples()
        power_mw = sum(
            (row.p_mw * renewables[row.profile].to_numpy()[span] for row in rows), start=np.zeros(DAYS * SLOTS_PER_DAY)
        )
        return _whole_wh(power_mw)

    return Week(
        start_s=int(start.timestamp()),
        load_wh=np.stack([series(_rows(net, bus, None)) for bus in buses]),
        pv_wh=np.stack([generation(bus) for bus in buses]),
        ev_wh=np.stack([series(_rows(net, bus, EV_PROFILE)) for bus in buses]),
        heat_pump_wh=np.stack([series(_rows(net, bus, HEAT_PUMP_PROFILE)) for bus in buses]),
    )


def _whole_wh(power_mw: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return whole Wh per slot whose running sum stays within half a Wh of the exact one."""
    cumulative = np.rint(np.cumsum(power_mw * 1e6 / 4))
    return np.diff(cumulative, prepend=0).astype(np.int32)
