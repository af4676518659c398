"""Distribution cases of MATPOWER (radial, loads in kW and impedances in ohm in the tables) as our own documents.

The distribution cases end with MATLAB code that converts kW to MW and ohm to per unit; the tables themselves are read
here, so the conversion is not applied, and a case whose text does not say so is refused.
"""

from __future__ import annotations

import re
from typing import Any

from p2ptrade.errors import InputError
from p2ptrade.grid.network_file import FORMAT

BUS, ACTIVE_KW, REACTIVE_KVAR, BASE_KV = 0, 2, 3, 9
FROM, TO, R_OHM, X_OHM, STATUS = 0, 1, 2, 3, 10


def document_from_matpower(
    text: str, *, name: str, source: str, licence: str, rating_a: float, voltage_limits_pu: tuple[float, float]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return our document of a case, and its loads as injections; lines out of service are left out.

    Raises:
        InputError: the tables are not in ohm and kW.
    """
    if "specified in ohms" not in text.lower() or "specified in kw" not in text.lower():
        raise InputError("only cases whose tables are in ohm and kW can be read")
    buses, branches = _table(text, "bus"), [row for row in _table(text, "branch") if row[STATUS] == 1]
    loads = [row for row in buses if row[ACTIVE_KW] or row[REACTIVE_KVAR]]
    document = {
        "format": FORMAT,
        "name": name,
        "source": source,
        "licence": licence,
        "wires": "symmetric",
        "frequency_hz": 60.0,
        "nominal_voltage_v": buses[0][BASE_KV] * 1000,
        "source_node": "bus 1",
        "source_voltage_pu": 1.0,
        "voltage_min_pu": voltage_limits_pu[0],
        "voltage_max_pu": voltage_limits_pu[1],
        "nodes": [{"id": f"bus {int(row[BUS])}"} for row in buses],
        "lines": [
            {
                "id": f"line {int(row[FROM])}-{int(row[TO])}",
                "from": f"bus {int(row[FROM])}",
                "to": f"bus {int(row[TO])}",
                "r1_ohm": row[R_OHM],
                "x1_ohm": row[X_OHM],
                "rating_a": rating_a,
            }
            for row in branches
        ],
        "connections": [_connection(row) for row in loads],
    }
    return document, injections_document(
        name,
        [(f"load {int(row[BUS])}", -1000 * row[ACTIVE_KW], -1000 * row[REACTIVE_KVAR]) for row in loads],
    )


def injections_document(network: str, rows: list[tuple[str, float, float]]) -> dict[str, Any]:
    """Return an injections document: name of the connection, W and var, generation positive."""
    return {
        "format": "p2ptrade-injections/1",
        "network": network,
        "injections": [{"connection": name, "p_w": round(p, 6), "q_var": round(q, 6)} for name, p, q in rows],
    }


def _connection(row: list[float]) -> dict[str, Any]:
    return {
        "id": f"load {int(row[BUS])}",
        "node": f"bus {int(row[BUS])}",
        "phase": "abc",
        "capacity_w": 2000 * row[ACTIVE_KW],
        "tan_phi": round(row[REACTIVE_KVAR] / row[ACTIVE_KW], 6),
    }


def _table(text: str, name: str) -> list[list[float]]:
    found = re.search(rf"mpc\.{name} = \[(.*?)\];", text, re.DOTALL)
    if found is None:
        raise InputError(f"the case has no table mpc.{name}")
    lines = (line.split("%")[0].strip().rstrip(";") for line in found.group(1).splitlines())
    return [[float(cell) for cell in line.split()] for line in lines if line]
