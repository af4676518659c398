"""Exact first-order sensitivities of an AC power-flow solution, by the implicit function theorem.

With i = conj(s / v) at the loaded terminals and dv = Z di:  dv + Z diag(i / conj v) conj(dv) = Z conj(ds /
v). One real system of twice the number of loaded terminals gives the change of every voltage and current per
watt of every connection.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from p2ptrade.errors import GridError
from p2ptrade.grid.fixed_point import FixedPointPowerFlow, fixed_point
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Floats, as_batch, phases


@dataclass(frozen=True, slots=True, eq=False)
class Sensitivity:
    """Values at an operating point and their change per watt of each connection's active injection.

    `voltage` (pu) by terminal, `loading` (current over rating, the end that carries more) by branch and
    phase; `loss` is the change of the network's losses, W per W. A withdrawal's reactive power moves with it
    at the connection's power factor.
    """

    voltage_pu: Floats
    loading: Floats
    voltage_per_w: Floats
    loading_per_w: Floats
    loss_per_w: Floats


def sensitivity(network: Network, injection_w: Floats, injection_var: Floats | None = None) -> Sensitivity:
    """Return the sensitivities at one operating point.

    Raises:
        GridError: the power flow has no solution there.
    """
    engine = fixed_point(network)
    active, reactive = as_batch(network, injection_w, injection_var)
    voltage, current, converged = engine.currents(active, reactive)
    if not converged[0]:
        raise GridError("there are no sensitivities where the power flow has no solution")
    tan_phi = np.array([connection.tan_phi for connection in network.connections])
    direction = 1.0 + 1j * np.where(active[0] < 0, tan_phi, 0.0)
    change = _current_changes(engine, voltage[0], current[0], direction)
    return _assemble(network, engine, current[0], change)


def _current_changes(
    engine: FixedPointPowerFlow, voltage: Complexes, current: Complexes, direction: Complexes
) -> Complexes:
    """Return the change of the loaded terminals' currents per watt of each connection (terminals x connections)."""
    model = engine.model
    impedance = model.voltage_map[model.loaded]
    power = (model.share * direction[:, None]).T
    injected = np.conj(power) / np.conj(voltage)[:, None]
    feedback = current / np.conj(voltage)
    coupling = impedance * feedback
    size = len(voltage)
    matrix = np.block([[coupling.real, coupling.imag], [coupling.imag, -coupling.real]]) + np.eye(2 * size)
    right = impedance @ injected
    solved = np.linalg.solve(matrix, np.concatenate([right.real, right.imag]))
    voltage_change = solved[:size] + 1j * solved[size:]
    result: Complexes = injected - feedback[:, None] * np.conj(voltage_change)
    return result


def _assemble(network: Network, engine: FixedPointPowerFlow, current: Complexes, change: Complexes) -> Sensitivity:
    model = engine.model
    voltage = model.no_load_voltage + model.voltage_map @ current
    branch = model.no_load_branch + model.branch_map @ current
    branch_change = _magnitude_change(branch, model.branch_map @ change)
    loading: Floats = np.abs(branch).astype(np.float64)
    if model.both_ends:
        half = len(loading) // 2
        larger = loading[:half] >= loading[half:]
        loading = np.where(larger, loading[:half], loading[half:])
        branch_change = np.where(larger[:, None], branch_change[:half], branch_change[half:])
    multiple = 3 if phases(network) == 1 else 1
    source = multiple * (np.conj(model.source_map @ change) * model.source_voltage[:, None]).real.sum(axis=0)
    return Sensitivity(
        voltage_pu=np.abs(voltage),
        loading=loading / model.rating_a,
        voltage_per_w=_magnitude_change(voltage, model.voltage_map @ change),
        loading_per_w=branch_change / model.rating_a[:, None],
        loss_per_w=1.0 + source,
    )


def _magnitude_change(value: Complexes, change: Complexes) -> Floats:
    """Return the change of |value|; a value of zero has none that is linear, and cannot bind."""
    size: np.ndarray[Any, Any] = np.abs(value)
    safe = np.where(size > 0, size, 1.0)
    result: Floats = (np.conj(value / safe)[:, None] * change).real.astype(np.float64)
    return result
