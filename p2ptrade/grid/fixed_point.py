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
from numpy.typing import NDArray

from p2ptrade.grid.admittance import Model, build_model
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Flags, Floats, Flow, as_batch, phases

MAX_ITERATIONS: Final = 100
CHUNK: Final = 128
TOLERANCE_PU: Final = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 5e-6}


Reals = NDArray[np.floating[Any]]


@lru_cache(maxsize=16)
def model_of(network: Network) -> Model:
    """Return the linear maps of a network, computed once."""
    return build_model(network)


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """A linear map of rows [real | imaginary] of currents, in real arithmetic: rows @ matrix + constant."""

    matrix: Reals
    constant: Reals

    def __call__(self, current: Reals, out: Reals) -> Reals:
        """Write the mapped rows to the first rows of `out` and return them."""
        result = np.matmul(current, self.matrix, out=out[: len(current)])
        result += self.constant
        return result

    def buffer(self) -> Reals:
        """Return room for a chunk of mapped rows; memory that is used again is much faster than new memory."""
        return np.empty((CHUNK, self.matrix.shape[1]), dtype=self.matrix.dtype)


class FixedPointPowerFlow:
    """Our engine; single precision is for screening, double precision for verdicts.

    Complex numbers are kept as real and imaginary halves of a row: complex products are real ones of twice
    the size, and what is done element by element is vectorised. Branches in series carry the same current,
    which is computed once.
    """

    def __init__(self, network: Network, *, dtype: type[np.floating[Any]] = np.float64) -> None:
        self._network = network
        self._model = model = model_of(network)
        self._dtype = np.dtype(dtype)
        self._loaded = _real_map(*_loaded_part(model), self._dtype)
        self._voltage = _real_map(model.voltage_map, model.no_load_voltage, self._dtype)
        rows = np.concatenate([model.branch_map, model.no_load_branch[:, None]], axis=1)
        distinct, self._series = np.unique(rows, axis=0, return_inverse=True)
        self._branch = _real_map(distinct[:, :-1], distinct[:, -1], self._dtype)
        self._source = _real_map(model.source_map, model.no_load_source, self._dtype)
        double = self._dtype == np.float64
        self._rough = _real_map(*_loaded_part(model), np.dtype(np.float32)) if double else None
        self._share = model.share
        self._per_rating = (1.0 / model.rating_a).astype(self._dtype)

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
        count, scenarios = phases(self._network), len(active)
        flow = Flow(
            voltage_pu=np.empty((scenarios, len(self._network.nodes) * count), dtype=self._dtype),
            current_a=np.empty((scenarios, len(self._network.branches) * count), dtype=self._dtype),
            loading=np.empty((scenarios, len(self._network.branches) * count), dtype=self._dtype),
            loss_w=np.empty(scenarios),
            source_w=np.empty(scenarios),
            converged=np.empty(scenarios, dtype=np.bool_),
        )
        work = _Work(self._voltage.buffer(), self._branch.buffer(), self._source.buffer())
        with np.errstate(all="ignore"):
            for start in range(0, scenarios, CHUNK):
                self._solve_chunk(active, reactive, slice(start, start + CHUNK), flow, work)
        return flow

    def currents(self, injection_w: Floats, injection_var: Floats | None = None) -> tuple[Complexes, Complexes, Flags]:
        """Return voltage and current (pu, W) at the loaded terminals of one scenario, and whether it converged."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        with np.errstate(all="ignore"):
            voltage, current, converged = self._iterate(active[:1], reactive[:1])
        return _complex(voltage), _complex(current), converged

    def _solve_chunk(self, active: Floats, reactive: Floats, chunk: slice, flow: Flow, work: _Work) -> None:
        """Write the flow of a chunk of scenarios into the results."""
        _, current, flow.converged[chunk] = self._iterate(active[chunk], reactive[chunk])
        _magnitude(self._voltage(current, work.voltage), flow.voltage_pu[chunk])
        branch = _magnitude(self._branch(current, work.branch))
        if self._model.both_ends:
            half = len(self._series) // 2
            branch = np.maximum(branch[:, self._series[:half]], branch[:, self._series[half:]])
            flow.current_a[chunk] = branch
        else:
            np.take(branch, self._series, axis=1, out=flow.current_a[chunk])
        np.multiply(flow.current_a[chunk], self._per_rating, out=flow.loading[chunk])
        flow.source_w[chunk] = self._source_power(self._source(current, work.source))
        flow.loss_w[chunk] = flow.source_w[chunk] + active[chunk].sum(axis=1)

    def _source_power(self, current: Reals) -> Floats:
        half = current.shape[1] // 2
        voltage = self._model.source_voltage
        multiple = 3 if phases(self._network) == 1 else 1
        power: Floats = multiple * (current[:, :half] @ voltage.real + current[:, half:] @ voltage.imag)
        return power

    def _iterate(self, active: Floats, reactive: Floats) -> tuple[Reals, Reals, Flags]:
        """Return the loaded terminals' voltages and currents as halves of rows, and which scenarios settled.

        In double precision the first steps are taken in single precision, which is twice as fast; a scenario
        that leads nowhere there starts again from no load.
        """
        p, q = active @ self._share, reactive @ self._share
        start = self._loaded.constant[None]
        if self._rough is not None:
            rough = _settle(self._rough, p.astype(np.float32), q.astype(np.float32), self._rough.constant[None])
            start = np.where(rough[2][:, None], rough[0], start)
        return _settle(self._loaded, p.astype(self._dtype), q.astype(self._dtype), start)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Room for the rows of a chunk."""

    voltage: Reals
    branch: Reals
    source: Reals


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


def _settle(impedance: _Map, p: Reals, q: Reals, start: Reals) -> tuple[Reals, Reals, Flags]:
    """Return voltages, currents and which scenarios rest, iterating from the voltages of `start`."""
    half = p.shape[1]
    shape, dtype = (len(p), 2 * half), p.dtype
    voltage, update, current, change = (np.empty(shape, dtype) for _ in range(4))
    voltage[:] = start
    tolerance = TOLERANCE_PU[dtype] ** 2
    settled = np.zeros(len(p), dtype=np.bool_)
    for _ in range(MAX_ITERATIONS):
        _currents(p, q, voltage, current)
        impedance(current, update)
        np.subtract(update, voltage, out=change)
        change *= change
        settled = (change[:, :half] + change[:, half:]).max(axis=1) < tolerance
        voltage, update = update, voltage
        if settled.all():
            break
    _currents(p, q, voltage, current)
    return voltage, current, settled


def _currents(p: Reals, q: Reals, voltage: Reals, current: Reals) -> None:
    """Write conj((p + jq) / v) as halves of rows."""
    half = p.shape[1]
    real, imaginary = voltage[:, :half], voltage[:, half:]
    inverse = real * real
    inverse += imaginary * imaginary
    np.reciprocal(inverse, out=inverse)
    scaled_p, scaled_q = p * inverse, q * inverse
    np.multiply(scaled_p, real, out=current[:, :half])
    current[:, :half] += scaled_q * imaginary
    np.multiply(scaled_p, imaginary, out=current[:, half:])
    current[:, half:] -= scaled_q * real


def _magnitude(rows: Reals, out: Reals | None = None) -> Reals:
    """Return the magnitudes of rows of real and imaginary halves, which are overwritten."""
    half = rows.shape[1] // 2
    rows *= rows
    result = np.add(rows[:, :half], rows[:, half:], out=out)
    return np.sqrt(result, out=result)


def _complex(rows: Reals) -> Complexes:
    half = rows.shape[1] // 2
    result: Complexes = rows[:, :half] + 1j * rows[:, half:]
    return result


def _loaded_part(model: Model) -> tuple[Complexes, Complexes]:
    return model.voltage_map[model.loaded], model.no_load_voltage[model.loaded]


def _real_map(matrix: Complexes, constant: Complexes, dtype: np.dtype[Any]) -> _Map:
    """Return a complex map (results x terminals) for rows of halves."""
    turned = matrix.T
    stacked = np.block([[turned.real, turned.imag], [-turned.imag, turned.real]])
    both = np.concatenate([constant.real, constant.imag])
    return _Map(np.ascontiguousarray(stacked.astype(dtype)), both.astype(dtype))
