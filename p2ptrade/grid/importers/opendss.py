"""Circuits of OpenDSS as documents of our own format.

Taken over: lines (sequence impedances, or their self and mutual parts where a line is given by matrices), at most one
transformer directly at the source, and loads as connections. What our format cannot say is refused, not dropped.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from p2ptrade.errors import InputError
from p2ptrade.grid.network_file import FORMAT

PHASES = {"1": "a", "2": "b", "3": "c"}


def document_from_opendss(path: Path, *, name: str, source: str, licence: str) -> dict[str, Any]:
    """Return our document of the circuit that an OpenDSS script builds.

    Raises:
        InputError: the script does not run, or the circuit has what our format cannot say.
    """
    import opendssdirect as dss  # type: ignore[import-not-found, unused-ignore]

    try:
        dss.Text.Command("Clear")
        dss.Text.Command(f'Redirect "{path.resolve()}"')
        dss.Text.Command("CalcVoltageBases")
    except dss.DSSException as error:
        raise InputError(f"OpenDSS refuses {path}: {error}") from error
    transformer, source_bus, source_pu, nominal_v = _source(dss)
    return {
        "format": FORMAT,
        "name": name,
        "source": source,
        "licence": licence,
        "wires": "three_phase",
        "frequency_hz": float(dss.Solution.Frequency()),
        "nominal_voltage_v": nominal_v,
        "source_node": source_bus,
        "source_voltage_pu": source_pu,
        "voltage_min_pu": 0.9,
        "voltage_max_pu": 1.1,
        "nodes": [{"id": bus} for bus in dss.Circuit.AllBusNames()],
        "lines": [_line(dss) for _ in _each(dss.Lines)],
        **({} if transformer is None else {"transformer": transformer}),
        "connections": [_connection(dss) for _ in _each(dss.Loads)],
    }


def _each(collection: Any) -> Any:
    found = collection.First()
    while found:
        yield found
        found = collection.Next()


def _source(dss: Any) -> tuple[dict[str, Any] | None, str, float, float]:
    dss.Vsources.First()
    dss.Circuit.SetActiveElement(f"Vsource.{dss.Vsources.Name()}")
    bus = dss.CktElement.BusNames()[0].split(".")[0]
    source_v = 1000 * dss.Vsources.BasekV()
    source_pu = float(dss.Vsources.PU())
    if dss.Transformers.Count() == 0:
        return None, bus, source_pu, source_v
    if dss.Transformers.Count() != 1:
        raise InputError("only one transformer, directly at the source, can be taken over")
    dss.Transformers.First()
    ends = [name.split(".")[0] for name in dss.CktElement.BusNames()]
    if ends[0] != bus:
        raise InputError("the transformer must be directly at the source")
    rating_va, reactance, resistance, volts, taps = 0.0, dss.Transformers.Xhl() / 100, 0.0, [], []
    for winding in (1, 2):
        dss.Transformers.Wdg(winding)
        rating_va = 1000 * dss.Transformers.kVA()
        resistance += dss.Transformers.R() / 100
        volts.append(1000 * dss.Transformers.kV())
        taps.append(dss.Transformers.Tap())
    base_ohm = volts[1] ** 2 / rating_va
    entry = {
        "id": dss.Transformers.Name(),
        "from": ends[0],
        "to": ends[1],
        "r1_ohm": resistance * base_ohm,
        "x1_ohm": reactance * base_ohm,
        "rating_a": rating_va / math.sqrt(3) / volts[1],
    }
    return entry, bus, source_pu * source_v / volts[0] / taps[0] * taps[1], volts[1]


def _line(dss: Any) -> dict[str, Any]:
    if dss.Lines.Phases() != 3:
        raise InputError(f"line {dss.Lines.Name()} has {dss.Lines.Phases()} phases; three are needed")
    length = dss.Lines.Length()
    r, x, c = (
        np.array(matrix, dtype=np.float64).reshape(3, 3) * length
        for matrix in (dss.Lines.RMatrix(), dss.Lines.XMatrix(), dss.Lines.CMatrix())
    )
    off, own = ~np.eye(3, dtype=bool), np.eye(3, dtype=bool)
    (r0, r1), (x0, x1), (c0, c1) = (
        (float(m[own].mean() + 2 * m[off].mean()), float(m[own].mean() - m[off].mean())) for m in (r, x, c)
    )
    return {
        "id": dss.Lines.Name(),
        "from": dss.Lines.Bus1().split(".")[0],
        "to": dss.Lines.Bus2().split(".")[0],
        "r1_ohm": r1,
        "x1_ohm": x1,
        "r0_ohm": r0,
        "x0_ohm": x0,
        "c1_f": max(0.0, c1 * 1e-9),
        "c0_f": max(0.0, c0 * 1e-9),
        "rating_a": float(dss.Lines.NormAmps()),
    }


def _connection(dss: Any) -> dict[str, Any]:
    bus, *terminals = dss.CktElement.BusNames()[0].split(".")
    phases = [PHASES[terminal] for terminal in terminals if terminal in PHASES]
    if len(phases) == 2 or dss.Loads.IsDelta():
        raise InputError(f"load {dss.Loads.Name()} is between phases, which cannot be taken over")
    active_kw = dss.Loads.kW()
    return {
        "id": dss.Loads.Name(),
        "node": bus,
        "phase": phases[0] if len(phases) == 1 else "abc",
        "capacity_w": max(1.0, 2000 * active_kw),
        "tan_phi": dss.Loads.kvar() / active_kw if active_kw else 0.0,
    }
