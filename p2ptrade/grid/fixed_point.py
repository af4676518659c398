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
from p2ptrade.grid.feeders import (
    GroupedMap,
    Groups,
    Reals,
    branch_home,
    find_groups,
    grouped_map,
    square_map,
)
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Flags, Floats, Flow, as_batch, phases

MAX_ITERATIONS: Final = 100
CHUNK: Final = 128
TOLERANCE_PU: Final = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 5e-6}


@lru_cache(maxsize=16)
def model_of(network: Network) -> Model:
    """Return the linear maps of a network, computed once."""
    return build_model(network)


class FixedPointPowerFlow:
    """Our engine; single precision is for screening, double precision for verdicts.

    Complex numbers are kept as real and imaginary halves of a row: complex products are real ones of twice
    the size, and what is done element by element is vectorised. Feeders are solved group by group, and
    branches in series, which carry the same current, once.
    """

    def __init__(self, network: Network, *, dtype: type[np.floating[Any]] = np.float64) -> None:
        self._network = network
        self._model = model = model_of(network)
        self._dtype = np.dtype(dtype)
        self._groups = groups = groups_of(network)
        loaded = (model.voltage_map[model.loaded], model.no_load_voltage[model.loaded], groups)
        self._loaded = square_map(*loaded, self._dtype)
        self._rough = square_map(*loaded, np.dtype(np.float32)) if self._dtype == np.float64 else None
        node_home = np.repeat(groups.node_group, phases(network))
        self._voltage = grouped_map(model.voltage_map, model.no_load_voltage, node_home, groups, self._dtype)
        rows = np.concatenate([model.branch_map, model.no_load_branch[:, None]], axis=1)
        distinct, first, series = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        home = branch_home(network, model, groups)[first]
        self._branch = grouped_map(distinct[:, :-1], distinct[:, -1], home, groups, self._dtype)
        self._series = self._branch.order[series]
        self._share = _Share.of(model, groups)
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
        work = _Work.of(self._voltage, self._branch, min(CHUNK, scenarios))
        with np.errstate(all="ignore"):
            for start in range(0, scenarios, CHUNK):
                self._solve_chunk(active, reactive, slice(start, start + CHUNK), flow, work)
        return flow

    def currents(self, injection_w: Floats, injection_var: Floats | None = None) -> tuple[Complexes, Complexes, Flags]:
        """Return voltage and current (pu, W) at the loaded terminals of one scenario, and whether it converged."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        with np.errstate(all="ignore"):
            voltage, current, converged = self._iterate(active[:1], reactive[:1])
        return self._complex(voltage), self._complex(current), converged

    def _complex(self, rows: Reals) -> Complexes:
        """Return the loaded terminals' complex values, in the model's order."""
        size = self._groups.size
        values = rows[..., :size] + 1j * rows[..., size : 2 * size]
        result: Complexes = _side_by_side(values)[:, self._loaded.order]
        return result

    def _solve_chunk(self, active: Floats, reactive: Floats, chunk: slice, flow: Flow, work: _Work) -> None:
        """Write the flow of a chunk of scenarios into the results."""
        _, current, flow.converged[chunk] = self._iterate(active[chunk], reactive[chunk])
        voltage = self._voltage(current, work.voltage)
        if len(voltage) == 1:
            _magnitude(voltage, flow.voltage_pu[chunk][:, None])
        else:
            sizes = _magnitude(voltage, work.voltage_size)
            np.take(sizes, self._voltage.order, axis=1, out=flow.voltage_pu[chunk])
        branch = _magnitude(self._branch(current, work.branch), work.branch_size)
        if self._model.both_ends:
            half = len(self._series) // 2
            larger = np.maximum(branch[:, self._series[:half]], branch[:, self._series[half:]])
            flow.current_a[chunk] = larger
        else:
            np.take(branch, self._series, axis=1, out=flow.current_a[chunk])
        np.multiply(flow.current_a[chunk], self._per_rating, out=flow.loading[chunk])
        flow.source_w[chunk] = self._source_power(self._complex(current))
        flow.loss_w[chunk] = flow.source_w[chunk] + active[chunk].sum(axis=1)

    def _source_power(self, current: Complexes) -> Floats:
        """Return the power from the source: a weighted sum of the loaded terminals' currents, and no load."""
        model = self._model
        multiple = 3 if phases(self._network) == 1 else 1
        weight = np.conj(model.source_voltage) @ model.source_map
        no_load = float((np.conj(model.source_voltage) @ model.no_load_source).real)
        power: Floats = multiple * (current.real @ weight.real - current.imag @ weight.imag + no_load)
        return power

    def _iterate(self, active: Floats, reactive: Floats) -> tuple[Reals, Reals, Flags]:
        """Return the loaded terminals' voltages and currents by group, and which scenarios settled.

        In double precision the first steps are taken in single precision, which is twice as fast; a scenario
        that leads nowhere there starts again from no load.
        """
        p, q = self._share(active), self._share(reactive)
        start = self._loaded.constant
        if self._rough is not None:
            p_rough, q_rough = p.astype(np.float32), q.astype(np.float32)
            rough = _settle(self._rough, self._groups, p_rough, q_rough, self._rough.constant)
            start = np.where(rough[2][None, :, None], rough[0], start)
        return _settle(self._loaded, self._groups, p.astype(self._dtype), q.astype(self._dtype), start)


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    """Room for the rows of a chunk; memory that is used again is much faster than new memory."""

    voltage: Reals
    voltage_size: Reals
    branch: Reals
    branch_size: Reals

    @classmethod
    def of(cls, voltage: GroupedMap, branch: GroupedMap, scenarios: int) -> _Work:
        """Return room for the results of two maps and their magnitudes."""
        rooms = []
        for each in (voltage, branch):
            groups, _, width = each.matrix.shape
            rooms.append(np.empty((groups, scenarios, width), dtype=each.matrix.dtype))
            rooms.append(np.empty((scenarios, groups, width // 2), dtype=each.matrix.dtype))
        return cls(*rooms)


@lru_cache(maxsize=16)
def groups_of(network: Network) -> Groups:
    """Return how a network's feeders are grouped, computed once."""
    return find_groups(network, model_of(network), phases(network))


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


def _settle(impedance: GroupedMap, groups: Groups, p: Reals, q: Reals, start: Reals) -> tuple[Reals, Reals, Flags]:
    """Return voltages, currents and which scenarios rest, iterating from the voltages of `start`."""
    number, scenarios, size = p.shape
    dtype = p.dtype
    voltage, update, change = (np.empty((number, scenarios, 2 * size), dtype) for _ in range(3))
    current = np.empty((number, scenarios, 2 * size + 2 * groups.sums), dtype)
    weight = _real_weight(groups, dtype)
    work = (np.empty(p.shape, dtype), np.empty(p.shape, dtype))
    voltage[:] = start
    tolerance = TOLERANCE_PU[dtype] ** 2
    settled = np.zeros(scenarios, dtype=np.bool_)
    for _ in range(MAX_ITERATIONS):
        _currents(p, q, voltage, current, weight, work)
        impedance(current, update)
        np.subtract(update, voltage, out=change)
        change *= change
        settled = (change[..., :size] + change[..., size:]).max(axis=(0, 2)) < tolerance
        voltage, update = update, voltage
        if settled.all():
            break
    _currents(p, q, voltage, current, weight, work)
    return voltage, current, settled


def _currents(p: Reals, q: Reals, voltage: Reals, current: Reals, weight: Reals, work: tuple[Reals, ...]) -> None:
    """Write conj((p + jq) / v) as halves of rows, then the weighted sums over all groups."""
    size = p.shape[2]
    real, imaginary = voltage[..., :size], voltage[..., size:]
    into_real, into_imaginary = current[..., :size], current[..., size : 2 * size]
    inverse, product = work
    np.multiply(real, real, out=inverse)
    np.multiply(imaginary, imaginary, out=product)
    inverse += product
    np.reciprocal(inverse, out=inverse)
    np.multiply(p, real, out=into_real)
    np.multiply(q, imaginary, out=product)
    into_real += product
    into_real *= inverse
    np.multiply(p, imaginary, out=into_imaginary)
    np.multiply(q, real, out=product)
    into_imaginary -= product
    into_imaginary *= inverse
    if weight.shape[2]:
        current[..., 2 * size :] = np.matmul(current[..., : 2 * size], weight).sum(axis=0)


def _real_weight(groups: Groups, dtype: np.dtype[Any]) -> Reals:
    """Return the weights of the sums for rows of halves."""
    weight = groups.padded_weight()
    above = np.concatenate([weight.real, weight.imag], axis=2)
    below = np.concatenate([-weight.imag, weight.real], axis=2)
    return np.concatenate([above, below], axis=1).astype(dtype)


def _magnitude(rows: Reals, room: Reals) -> Reals:
    """Return the magnitudes of grouped rows of halves, groups side by side; the rows are overwritten."""
    half = rows.shape[2] // 2
    rows *= rows
    result = room[: rows.shape[1]]
    np.add(rows[..., :half], rows[..., half:], out=result.transpose(1, 0, 2))
    np.sqrt(result, out=result)
    return result.reshape(len(result), -1)


def _side_by_side(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows by group (groups x scenarios x width) as scenarios x all groups."""
    return rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)


@dataclass(frozen=True, slots=True, eq=False)
class _Share:
    """The connections' power at the groups' terminals: a choice of columns, or a product where terminals are shared."""

    column: NDArray[np.int64] | None
    factor: Floats
    matrix: Floats

    @classmethod
    def of(cls, model: Model, groups: Groups) -> _Share:
        """Return the shares by group; padding has none."""
        matrix = np.zeros((len(groups.member), model.share.shape[0], groups.size))
        for number, members in enumerate(groups.member):
            matrix[number][:, members >= 0] = model.share[:, members[members >= 0]]
        alone = ((matrix != 0).sum(axis=1) <= 1).all()
        return cls(matrix.argmax(axis=1) if alone else None, matrix.max(axis=1)[:, None], matrix)

    def __call__(self, power: Floats) -> Floats:
        """Return groups x scenarios x terminals of scenarios x connections."""
        if self.column is None:
            product: Floats = np.matmul(power, self.matrix)
            return product
        chosen: Floats = power[:, self.column].transpose(1, 0, 2) * self.factor
        return chosen
