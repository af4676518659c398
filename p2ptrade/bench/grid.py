"""How fast the grid operator's side is, beside power-grid-model in the same run.

Measured in a process of its own with one BLAS thread, in CPU seconds (best of a few), so that both engines
have the same core. A scenario is one AC power flow with new injections of which all node voltages and branch
loadings are wanted.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from p2ptrade.errors import P2PTradeError
from p2ptrade.grid.fixed_point import FixedPointPowerFlow
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_file import load_network
from p2ptrade.grid.pgm import PgmPowerFlow
from p2ptrade.grid.stress import StressPattern, stressed_slot
from p2ptrade.grid.trades import curtail_trades
from p2ptrade.grid.verdict import check_injections

NETWORKS: Final = ("ieee-eu-lv", "simbench-lv-rural3")
SCENARIOS: Final = 2_000
PGM_SCENARIOS: Final = 1_000
REPEATS: Final = 3
AREAS: Final = 10
AREA_SCENARIOS: Final = 6_000
MEGABYTE: Final = 1_000_000
ONE_THREAD: Final = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
# What a process that decides on slots must not have loaded.
FORBIDDEN_MODULES: Final = ("pandapower", "simbench", "pandas", "matplotlib")


def bench_grid() -> dict[str, Any]:
    """Return `rows` of measurements and the `targets` that they are held against, from fresh processes.

    Raises:
        P2PTradeError: a measuring process failed.
    """
    rows = _in_process("batch") + _in_process("single") + _in_process("decision") + _in_process("memory")
    rows += _area_rows()
    return {"rows": rows, "targets": _targets({row["name"]: row["value"] for row in rows})}


def _row(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": round(value, 4), "unit": unit}


def _cpu_seconds(work: Callable[[], object], repeats: int = REPEATS) -> float:
    work()
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work()
        best = min(best, time.process_time() - start)
    return best


def _injections(network: Network, scenarios: int) -> np.ndarray[Any, Any]:
    """Return loads of up to 3 kW with a quarter of the connections feeding in, the same every time."""
    random = np.random.default_rng(1)
    shape = (scenarios, len(network.connections))
    power = -random.uniform(0, 3_000, shape)
    return np.where(random.random(shape) < 0.25, -power, power)


def _batch() -> list[dict[str, Any]]:
    """Return scenarios per CPU second of our engine in both precisions, of power-grid-model, and the ratios."""
    rows = []
    for name in NETWORKS:
        network = load_network(name)
        power = _injections(network, SCENARIOS)
        double, single = FixedPointPowerFlow(network), FixedPointPowerFlow(network, dtype=np.float32)
        other = PgmPowerFlow(network, method="iterative_current")
        ours = SCENARIOS / _cpu_seconds(lambda engine=double, p=power: engine.solve(p))  # type: ignore[misc]
        screen = SCENARIOS / _cpu_seconds(lambda engine=single, p=power: engine.solve(p))  # type: ignore[misc]
        theirs = PGM_SCENARIOS / _cpu_seconds(lambda engine=other, p=power: engine.solve(p[:PGM_SCENARIOS]))  # type: ignore[misc]
        rows += [
            _row(f"{name} complex128", ours, "scenarios/s"),
            _row(f"{name} complex64", screen, "scenarios/s"),
            _row(f"{name} power-grid-model iterative current", theirs, "scenarios/s"),
            _row(f"{name} complex128 ratio", ours / theirs, "x"),
            _row(f"{name} complex64 ratio", screen / theirs, "x"),
        ]
    return rows


def _single() -> list[dict[str, Any]]:
    """Return the time of one check by our engine, and of a verdict with the second opinion."""
    network = load_network("ieee-eu-lv")
    power = _injections(network, 1)
    engine = FixedPointPowerFlow(network)
    flow = _cpu_seconds(lambda: [engine.solve(power) for _ in range(50)]) / 50
    verdict = _cpu_seconds(lambda: [check_injections(network, power[0]) for _ in range(20)]) / 20
    return [
        _row("one AC check, 55 customers three-phase", 1000 * flow, "ms"),
        _row("one verdict of both engines, 55 customers three-phase", 1000 * verdict, "ms"),
    ]


def _decision() -> list[dict[str, Any]]:
    """Return the time of a curtailment of 500 and 2,000 trades, AC verification within, and its growth."""
    network = load_network("ieee-eu-lv")
    network = replace(network, branches=tuple(replace(b, rating_a=min(b.rating_a, 250.0)) for b in network.branches))
    rows, seconds = [], []
    for count in (500, 2_000):
        trades = stressed_slot(network, StressPattern(count, 0.3, 90_000), seed=3)
        result = curtail_trades(network, trades)
        if not result.safe or not result.cut_wh.any():
            raise P2PTradeError(f"the benchmark's slot of {count} trades is not the stressed one it should be")
        seconds.append(_cpu_seconds(lambda book=trades: curtail_trades(network, book)))  # type: ignore[misc]
        rows.append(_row(f"decision with curtailment, {count} trades", seconds[-1], "s"))
    return [*rows, _row("growth of the decision from 500 to 2,000 trades", seconds[1] / seconds[0], "x")]


def _memory() -> list[dict[str, Any]]:
    """Return the memory of a process that has decided on slots, and how many forbidden packages it has loaded."""
    import resource

    from p2ptrade.grid.limits import zone_limits
    from p2ptrade.grid.zones import propose_zones

    network = load_network("simbench-lv-rural3")
    zone_limits(network, propose_zones(network))
    check_injections(network, _injections(network, 1)[0])
    curtail_trades(network, stressed_slot(network, StressPattern(200, 0.2, 350_000), seed=1))
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEGABYTE
    loaded = sum(module in sys.modules for module in FORBIDDEN_MODULES)
    return [_row("memory of a deciding process", resident, "MB"), _row("forbidden packages loaded", loaded, "")]


def _area() -> list[dict[str, Any]]:
    """Return the wall time of half of the areas (connections of about a hundred each), set-up included."""
    network = load_network("simbench-lv-rural3")
    power = _injections(network, AREA_SCENARIOS)
    engine = FixedPointPowerFlow(network)
    start = time.perf_counter()
    for _ in range(AREAS // 2):
        engine.solve(power)
    return [_row("half of the areas", time.perf_counter() - start, "s")]


def _area_rows() -> list[dict[str, Any]]:
    """Return how much faster two processes check ten areas than one does."""
    alone = sum(_in_process("area")[0]["value"] for _ in range(2))
    both = max(rows[0]["value"] for rows in _together("area", 2))
    return [_row(f"{AREAS} areas, two processes against one", alone / both, "x")]


def _targets(value: dict[str, float]) -> list[dict[str, Any]]:
    """Return each target with what was measured; `met` says whether it is reached on this machine now."""
    at_least = {
        "ieee-eu-lv complex128 ratio": 15.0,
        "ieee-eu-lv complex64 ratio": 25.0,
        "simbench-lv-rural3 complex128 ratio": 2.5,
        f"{AREAS} areas, two processes against one": 1.7,
    }
    at_most = {
        "one AC check, 55 customers three-phase": 2.0,
        "decision with curtailment, 2000 trades": 0.5,
        "growth of the decision from 500 to 2,000 trades": 6.0,
        "memory of a deciding process": 200.0,
        "forbidden packages loaded": 0.0,
    }
    rows = [
        {"target": name, "at_least": goal, "measured": value[name], "met": value[name] >= goal}
        for name, goal in at_least.items()
    ]
    rows += [
        {"target": name, "at_most": goal, "measured": value[name], "met": value[name] <= goal}
        for name, goal in at_most.items()
    ]
    return rows


PARTS: Final = {"batch": _batch, "single": _single, "decision": _decision, "memory": _memory, "area": _area}


def _in_process(part: str) -> list[dict[str, Any]]:
    return _together(part, 1)[0]


def _together(part: str, count: int) -> list[list[dict[str, Any]]]:
    """Return the rows of a part, measured by `count` processes at the same time."""
    command = [sys.executable, "-m", "p2ptrade.bench.grid", part]
    environment = {**os.environ, **ONE_THREAD}
    running = [subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)]
    outputs = [process.communicate()[0] for process in running]
    if any(process.returncode for process in running):
        raise P2PTradeError(f"the measurement {part!r} of the grid failed; its messages are above")
    return [json.loads(output) for output in outputs]


if __name__ == "__main__":
    sys.stdout.write(json.dumps(PARTS[sys.argv[1]]()) + "\n")
