"""The fixed-point power flow on a dense impedance matrix, for many scenarios at once.

At the loaded terminals v <- w + Z conj(s / v), repeated until the voltages rest; then all voltages and branch
currents follow by one product. Sufficient for existence and convergence: max_i sum_j |Z_ij||s_j| /
(|w_i||w_j|) < 1/4 (Bolognani and Zampieri, "On the existence and linear approximation of the power flow
solution", IEEE Trans. Power Systems 31(1), 2016). A scenario that does not settle in `MAX_ITERATIONS` has
collapsed: it is reported as not converged, never guessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np

from p2ptrade.grid.admittance import Model, build_model
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Flags, Floats, Flow, as_batch, phases

MAX_ITERATIONS: Final = 100
CHUNK: Final = 500
TOLERANCE_PU: Final = {np.dtype(np.complex128): 1e-10, np.dtype(np.complex64): 2e-6}


@lru_cache(maxsize=16)
def model_of(network: Network) -> Model:
    """Return the linear maps of a network, computed once."""
    return build_model(network)


@dataclass(frozen=True, slots=True, eq=False)
class _Maps:
    """The model's maps, transposed for rows of scenarios, in the precision of the engine."""

    loaded_voltage: Complexes
    no_load_loaded: Complexes
    voltage: Complexes
    no_load_voltage: Complexes
    branch: Complexes
    no_load_branch: Complexes
    source: Complexes
    no_load_source: Complexes


class FixedPointPowerFlow:
    """Our engine; `complex64` is for screening, `complex128` for verdicts."""

    def __init__(self, network: Network, *, dtype: type[np.complexfloating[Any, Any]] = np.complex128) -> None:
        self._network = network
        self._model = model_of(network)
        self._dtype = np.dtype(dtype)
        self._maps = _in_precision(self._model, self._dtype)

    @property
    def name(self) -> str:
        """Return the name of the engine, for reports."""
        return f"fixed-point {self._dtype.name}"

    @property
    def model(self) -> Model:
        """Return the linear maps that the engine works with."""
        return self._model

    def solve(self, injection_w: Floats, injection_var: Floats | None = None) -> Flow:
        """Return the flow of each scenario; both arrays are scenarios x connections."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        chunks = [slice(start, start + CHUNK) for start in range(0, len(active), CHUNK)]
        parts = [self._solve_chunk(active[chunk], reactive[chunk]) for chunk in chunks]
        if len(parts) == 1:
            return parts[0]
        return Flow(*(np.concatenate([getattr(part, name) for part in parts]) for name in Flow.__slots__))

    def currents(self, injection_w: Floats, injection_var: Floats | None = None) -> tuple[Complexes, Complexes, Flags]:
        """Return voltage and current (pu, W) at the loaded terminals and which scenarios converged."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        power = ((active + 1j * reactive) @ self._model.share).astype(self._dtype)
        return _iterate(self._maps, power)

    def _solve_chunk(self, active: Floats, reactive: Floats) -> Flow:
        power = ((active + 1j * reactive) @ self._model.share).astype(self._dtype)
        maps, model = self._maps, self._model
        _, current, converged = _iterate(maps, power)
        with np.errstate(all="ignore"):
            voltage = np.abs(maps.no_load_voltage + current @ maps.voltage)
            branch = np.abs(maps.no_load_branch + current @ maps.branch)
            if model.both_ends:
                half = branch.shape[1] // 2
                branch = np.maximum(branch[:, :half], branch[:, half:])
            source_current = maps.no_load_source + current @ maps.source
            multiple = 3 if phases(self._network) == 1 else 1
            source_w = multiple * (model.source_voltage * np.conj(source_current)).real.sum(axis=1)
            return Flow(
                voltage_pu=voltage.astype(np.float64),
                current_a=branch.astype(np.float64),
                loading=branch.astype(np.float64) / model.rating_a,
                loss_w=source_w + active.sum(axis=1),
                source_w=source_w,
                converged=converged,
            )


@lru_cache(maxsize=16)
def fixed_point(network: Network) -> FixedPointPowerFlow:
    """Return the verdict's engine of a network, set up once."""
    return FixedPointPowerFlow(network)


def convergence_number(network: Network, injection_w: Floats, injection_var: Floats | None = None) -> Floats:
    """Return for each scenario max_i sum_j |Z_ij||s_j| / (|w_i||w_j|); below 1/4 a solution exists and is found."""
    active, reactive = as_batch(network, injection_w, injection_var)
    model = model_of(network)
    power = np.abs((active + 1j * reactive) @ model.share)
    no_load = np.abs(model.no_load_voltage[model.loaded])
    rows = np.abs(model.voltage_map[model.loaded]) / no_load[:, None] / no_load
    result: Floats = (power @ rows.T).max(axis=1)
    return result


def _iterate(maps: _Maps, power: Complexes) -> tuple[Complexes, Complexes, Flags]:
    tolerance = TOLERANCE_PU[power.dtype]
    voltage = np.broadcast_to(maps.no_load_loaded, power.shape)
    with np.errstate(all="ignore"):
        for _ in range(MAX_ITERATIONS):
            current = np.conj(power / voltage)
            update = maps.no_load_loaded + current @ maps.loaded_voltage
            change = np.abs(update - voltage).max(axis=1)
            voltage = update
            if not (change >= tolerance).any():
                break
        converged = change < tolerance
        return voltage, np.conj(power / voltage), converged


def _in_precision(model: Model, dtype: np.dtype[Any]) -> _Maps:
    def row(array: Complexes) -> Complexes:
        return np.ascontiguousarray(array.T.astype(dtype))

    return _Maps(
        loaded_voltage=row(model.voltage_map[model.loaded]),
        no_load_loaded=row(model.no_load_voltage[model.loaded]),
        voltage=row(model.voltage_map),
        no_load_voltage=row(model.no_load_voltage),
        branch=row(model.branch_map),
        no_load_branch=row(model.no_load_branch),
        source=row(model.source_map),
        no_load_source=row(model.no_load_source),
    )
