"""Injections, forecasts, trades and results of the grid as the JSON documents of their published schemas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from p2ptrade.domain.units import PPM
from p2ptrade.errors import InputError
from p2ptrade.grid.curtail import W_PER_WH, CutResult, injections_after
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.limits import Forecast
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_file import topology_hash
from p2ptrade.grid.powerflow import Floats, as_batch
from p2ptrade.grid.resources import json_pointer, locate, read_json
from p2ptrade.grid.trades import Trade, trade_request
from p2ptrade.grid.verdict import Verdict, check_injections


def load_injections(network: Network, name_or_path: str | Path) -> tuple[Floats, Floats]:
    """Return W and var of every connection from a file, or from a snapshot of the package by its network's name.

    Raises:
        InputError: no such file, a wrong document, or a connection that does not exist or is named twice.
    """
    document = read_json(locate("injections", ".json", name_or_path), "injections")
    active = np.zeros(len(network.connections))
    given: dict[int, float] = {}
    for number, index in _indices(network, document["injections"], "injections"):
        row = document["injections"][number]
        active[index] = row["p_w"]
        if "q_var" in row:
            given[index] = row["q_var"]
    reactive = as_batch(network, active, None)[1][0].copy()
    for index, value in given.items():
        reactive[index] = value
    return active, reactive


def load_forecast(network: Network, path: Path) -> Forecast:
    """Return the forecast of every connection from a file; those not named have none.

    Raises:
        InputError: no such file, a wrong document, or a connection that does not exist or is named twice.
    """
    rows = read_json(path, "forecast")["forecast"]
    base, error = [0] * len(network.connections), [0] * len(network.connections)
    for number, index in _indices(network, rows, "forecast"):
        base[index], error[index] = rows[number]["energy_wh"], rows[number].get("error_wh", 0)
    return Forecast(tuple(base), tuple(error))


def load_trades(network: Network, path: Path) -> tuple[list[str], list[Trade], Floats]:
    """Return names, trades and the baseline in Wh from a file.

    Raises:
        InputError: no such file, a wrong document, or a name that does not exist or is used twice.
    """
    document = read_json(path, "trades")
    rows = document.get("baseline", [])
    baseline = np.zeros(len(network.connections))
    for number, index in _indices(network, rows, "baseline"):
        baseline[index] = rows[number]["energy_wh"]
    names, trades = [], []
    for number, row in enumerate(document["trades"]):
        if row["id"] in names:
            raise InputError(f"the trade {row['id']!r} is named twice", pointer=json_pointer("trades", number, "id"))
        names.append(row["id"])
        ends = [_connection(network, row[side], "trades", number, side) for side in ("seller", "buyer")]
        trades.append(Trade(ends[0], ends[1], row["energy_wh"], row.get("fee_micro_per_kwh", 0)))
    return names, trades, baseline


def verdict_document(network: Network, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as a document of the schema `verdict`."""
    return {
        "safe": verdict.safe,
        "converged": verdict.converged,
        "lowest_voltage": _numbers(asdict(verdict.lowest_voltage)),
        "highest_voltage": _numbers(asdict(verdict.highest_voltage)),
        "highest_loading": _numbers(asdict(verdict.highest_loading)),
        "violations": [
            {**_numbers(asdict(violation)), "kind": violation.kind.value, "text": str(violation)}
            for violation in verdict.violations
        ],
        "loss_w": _number(verdict.loss_w),
        "source_w": _number(verdict.source_w),
        "engines_differ_pu": _number(verdict.engines_differ_pu),
        "topology_hash": topology_hash(network).hex(),
    }


def curtailment_document(
    network: Network, names: Sequence[str], trades: Sequence[Trade], baseline_wh: Floats, result: CutResult
) -> dict[str, Any]:
    """Return the result of a curtailment as a document of the schema `curtailment`."""
    request = trade_request(network, trades, baseline_wh, Objective.FEE_WEIGHTED)
    verdicts = [
        check_injections(network, injections_after(request, cut)[0] * W_PER_WH)
        for cut in (np.zeros(len(trades)), result.cut_wh)
    ]
    offered, cut_wh = sum(trade.energy_wh for trade in trades), int(result.cut_wh.sum())
    return {
        "safe": result.safe and verdicts[1].safe,
        "trades": [
            {"id": name, "kept_wh": trade.energy_wh - int(cut), "cut_wh": int(cut)}
            for name, trade, cut in zip(names, trades, result.cut_wh, strict=True)
        ],
        "kept_wh": offered - cut_wh,
        "cut_wh": cut_wh,
        "kept_ppm": (offered - cut_wh) * PPM // offered,
        "binding": [
            {"kind": row.kind.value, "element": row.element, "phase": row.phase, "limit": row.limit, "dual": row.dual}
            for row in result.binding
        ],
        "before": verdict_document(network, verdicts[0]),
        "after": verdict_document(network, verdicts[1]),
        "linearisations": result.linearisations,
        "by_fallback": result.by_fallback,
    }


def _indices(network: Network, rows: Sequence[Mapping[str, Any]], name: str) -> list[tuple[int, int]]:
    """Return the row numbers of a table with the index of the connection that each names."""
    found: dict[int, int] = {}
    for number, row in enumerate(rows):
        index = _connection(network, row["connection"], name, number, "connection")
        if index in found:
            place = json_pointer(name, number, "connection")
            raise InputError(f"the connection {row['connection']!r} is named twice", pointer=place)
        found[index] = number
    return [(number, index) for index, number in found.items()]


def _connection(network: Network, connection: str, *place: str | int) -> int:
    if connection not in network.connection_index:
        raise InputError(f"{network.name} has no connection {connection!r}", pointer=json_pointer(*place))
    return network.connection_index[connection]


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _number(value) if isinstance(value, float) else value for key, value in row.items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
