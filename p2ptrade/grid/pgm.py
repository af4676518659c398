"""power-grid-model behind our interface: the second opinion on every verdict, and the engine for large areas.

It shares nothing with our own solver but the network's elements. Its source is a Thevenin source; a
short-circuit power of 1e16 VA makes it stiff (with its default of 1e10 VA, voltages are off by up to 8e-3
pu).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from power_grid_model import (
    CalculationMethod,
    ComponentType,
    DatasetType,
    LoadGenType,
    PowerGridModel,
    initialize_array,
)
from power_grid_model.errors import PowerGridError  # type: ignore[attr-defined, unused-ignore]

from p2ptrade.grid.network import Network, Phase, Wires
from p2ptrade.grid.powerflow import Floats, Flow, as_batch, phases

STIFF_SOURCE_VA: Final = 1e16
ERROR_TOLERANCE: Final = 1e-8
CHUNK: Final = 500
METHODS: Final = {
    "newton_raphson": CalculationMethod.newton_raphson,
    "iterative_current": CalculationMethod.iterative_current,
}


class PgmPowerFlow:
    """power-grid-model, set up for one network."""

    def __init__(self, network: Network, *, method: str = "newton_raphson") -> None:
        self._network = network
        self._method = METHODS[method]
        self._name = f"power-grid-model {method}"
        self._single, self._three = _connections_by_kind(network)
        self._ids = _Ids(network)
        self._model = PowerGridModel(_components(network, self._ids, self._single, self._three))

    @property
    def name(self) -> str:
        """Return the name of the engine, for reports."""
        return self._name

    def solve(self, injection_w: Floats, injection_var: Floats | None = None) -> Flow:
        """Return the flow of each scenario; both arrays are scenarios x connections."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        chunks = [slice(start, start + CHUNK) for start in range(0, len(active), CHUNK)]
        parts = [self._solve_chunk(active[chunk], reactive[chunk]) for chunk in chunks]
        return Flow(*(np.concatenate([getattr(part, name) for part in parts]) for name in Flow.__slots__))

    def _solve_chunk(self, active: Floats, reactive: Floats) -> Flow:
        try:
            result = self._calculate(active, reactive)
        except PowerGridError:
            if len(active) > 1:
                rows = [self._solve_chunk(active[[row]], reactive[[row]]) for row in range(len(active))]
                return Flow(*(np.concatenate([getattr(row, name) for row in rows]) for name in Flow.__slots__))
            return _collapsed(self._network)
        return self._flow(result, active)

    def _calculate(self, active: Floats, reactive: Floats) -> dict[Any, Any]:
        update = {}
        for kind, members in ((ComponentType.sym_load, self._three), (ComponentType.asym_load, self._single)):
            if len(members) == 0:
                continue
            array = initialize_array(DatasetType.update, kind, (len(active), len(members)))
            array["id"] = self._ids.load[members]
            if kind is ComponentType.sym_load:
                array["p_specified"], array["q_specified"] = -active[:, members], -reactive[:, members]
            else:
                array["p_specified"] = _on_phase(self._network, members, -active)
                array["q_specified"] = _on_phase(self._network, members, -reactive)
            update[kind] = array
        return self._model.calculate_power_flow(
            symmetric=self._network.wires is Wires.SYMMETRIC,
            error_tolerance=ERROR_TOLERANCE,
            max_iterations=100,
            calculation_method=self._method,
            update_data=update,
            output_component_types={
                ComponentType.node: ["u_pu"],
                ComponentType.line: ["i_from", "i_to"],
                ComponentType.source: ["p"],
            },
        )

    def _flow(self, result: dict[Any, Any], active: Floats) -> Flow:
        scenarios = len(active)
        voltage = result[ComponentType.node]["u_pu"].reshape(scenarios, -1)
        lines = result[ComponentType.line]
        current = np.maximum(lines["i_from"], lines["i_to"]).reshape(scenarios, -1)
        rating = np.repeat([branch.rating_a for branch in self._network.branches], phases(self._network))
        source_w = result[ComponentType.source]["p"].reshape(scenarios, -1).sum(axis=1)
        return Flow(
            voltage_pu=voltage,
            current_a=current,
            loading=current / rating,
            loss_w=source_w + active.sum(axis=1),
            source_w=source_w,
            converged=np.isfinite(voltage).all(axis=1),
        )


@lru_cache(maxsize=16)
def second_opinion(network: Network) -> PgmPowerFlow:
    """Return power-grid-model's engine for a network, set up once."""
    return PgmPowerFlow(network)


class _Ids:
    """Numbers of the components, all different as power-grid-model wants them."""

    def __init__(self, network: Network) -> None:
        nodes, branches, loads = len(network.nodes), len(network.branches), len(network.connections)
        self.node = np.arange(nodes)
        self.line = nodes + np.arange(branches)
        self.load = nodes + branches + np.arange(loads)
        self.source = nodes + branches + loads
        self.shunt = self.source + 1 + np.arange(2 * branches)


def _connections_by_kind(network: Network) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    three = [number for number, entry in enumerate(network.connections) if entry.phase is Phase.ABC]
    single = [number for number, entry in enumerate(network.connections) if entry.phase is not Phase.ABC]
    return np.array(single, dtype=np.int64), np.array(three, dtype=np.int64)


def _components(network: Network, ids: _Ids, single: NDArray[Any], three: NDArray[Any]) -> dict[Any, NDArray[Any]]:
    at = np.array([connection.node for connection in network.connections])
    components = {
        ComponentType.node: _node_array(network, ids),
        ComponentType.line: _line_array(network, ids),
        ComponentType.source: _source_array(network, ids),
        ComponentType.shunt: _shunt_array(network, ids),
        ComponentType.sym_load: _load_array(ComponentType.sym_load, ids, three, at),
        ComponentType.asym_load: _load_array(ComponentType.asym_load, ids, single, at),
    }
    return {kind: array for kind, array in components.items() if len(array)}


def _node_array(network: Network, ids: _Ids) -> NDArray[Any]:
    array = initialize_array(DatasetType.input, ComponentType.node, len(network.nodes))
    array["id"], array["u_rated"] = ids.node, network.nominal_voltage_v
    return array


def _line_array(network: Network, ids: _Ids) -> NDArray[Any]:
    """Return all branches as pure series impedances; their shunts are components of their own."""
    branches = network.branches
    array = initialize_array(DatasetType.input, ComponentType.line, len(branches))
    array["id"] = ids.line
    array["from_node"] = [branch.from_node for branch in branches]
    array["to_node"] = [branch.to_node for branch in branches]
    array["from_status"] = array["to_status"] = 1
    array["r1"], array["x1"] = [b.r1_ohm for b in branches], [b.x1_ohm for b in branches]
    array["r0"] = [b.r0_ohm or b.r1_ohm for b in branches]
    array["x0"] = [b.x0_ohm or b.x1_ohm for b in branches]
    omega = 2 * math.pi * 50.0
    cables = np.array([branch.g1_s == 0 and branch.b1_s >= 0 for branch in branches])
    array["c1"] = np.where(cables, [branch.b1_s / omega for branch in branches], 0.0)
    array["c0"] = np.where(cables, [branch.b0_s / omega for branch in branches], 0.0)
    array["tan1"] = array["tan0"] = 0.0
    array["i_n"] = [branch.rating_a for branch in branches]
    return array


def _source_array(network: Network, ids: _Ids) -> NDArray[Any]:
    array = initialize_array(DatasetType.input, ComponentType.source, 1)
    array["id"], array["node"], array["status"] = ids.source, network.source_node, 1
    array["u_ref"], array["sk"] = network.source_voltage_pu, STIFF_SOURCE_VA
    return array


def _shunt_array(network: Network, ids: _Ids) -> NDArray[Any]:
    """Return half of the no-load admittance of a transformer at each of its ends."""
    members = [n for n, branch in enumerate(network.branches) if branch.g1_s != 0 or branch.b1_s < 0]
    array = initialize_array(DatasetType.input, ComponentType.shunt, 2 * len(members))
    for row, number in enumerate(members * 2):
        branch = network.branches[number]
        array["id"][row] = ids.shunt[row]
        array["node"][row] = branch.from_node if row < len(members) else branch.to_node
        array["status"][row] = 1
        array["g1"][row], array["b1"][row] = branch.g1_s / 2, branch.b1_s / 2
        array["g0"][row], array["b0"][row] = branch.g0_s / 2, branch.b0_s / 2
    return array


def _load_array(kind: Any, ids: _Ids, members: NDArray[Any], at: NDArray[Any]) -> NDArray[Any]:
    array = initialize_array(DatasetType.input, kind, len(members))
    array["id"], array["node"] = ids.load[members], at[members]
    array["status"], array["type"] = 1, LoadGenType.const_power
    array["p_specified"] = array["q_specified"] = 0.0
    return array


def _on_phase(network: Network, members: NDArray[Any], power: Floats) -> Floats:
    letters = [Phase.A, Phase.B, Phase.C]
    column = [letters.index(network.connections[member].phase) for member in members]
    values = np.zeros((len(power), len(members), 3))
    values[:, np.arange(len(members)), column] = power[:, members]
    return values


def _collapsed(network: Network) -> Flow:
    count = phases(network)
    nothing = np.full(1, np.nan)
    return Flow(
        voltage_pu=np.full((1, len(network.nodes) * count), np.nan),
        current_a=np.full((1, len(network.branches) * count), np.nan),
        loading=np.full((1, len(network.branches) * count), np.nan),
        loss_w=nothing,
        source_w=nothing,
        converged=np.zeros(1, dtype=np.bool_),
    )
