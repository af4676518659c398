"""The fixed-point power flow on a dense impedance matrix, for many scenarios at once.

At the loaded terminals v <- w + Z conj(s / v), repeated until the voltages rest; then all voltages and branch
currents follow by one product. Sufficient for existence and convergence: max_i sum_j |Z_ij||s_j| /
(|w_i||w_j|) < 1/4 (Bolognani and Zampieri, "On the existence and linear approximation of the power flow
solution", IEEE Trans. Power Systems 31(1), 2016). A scenario that does not settle in `MAX_ITERATIONS` has
collapsed: it is reported as not converged, never guessed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import numpy as np

from p2ptrade.grid.admittance import Model, build_model
from p2ptrade.grid.feeders import (
    Groups,
    Reals,
    branch_home,
    find_groups,
    grouped_map,
    square_map,
)
from p2ptrade.grid.iteration import Share, Work, magnitude, settle, side_by_side
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Flags, Floats, Flow, as_batch, phases

CHUNK: Final = 128


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
        self._share = Share.of(model, groups)
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
        work = Work.of(self._voltage, self._branch, min(CHUNK, scenarios))
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
        result: Complexes = side_by_side(values)[:, self._loaded.order]
        return result

    def _solve_chunk(self, active: Floats, reactive: Floats, chunk: slice, flow: Flow, work: Work) -> None:
        """Write the flow of a chunk of scenarios into the results."""
        _, current, flow.converged[chunk] = self._iterate(active[chunk], reactive[chunk])
        voltage = self._voltage(current, work.voltage)
        if len(voltage) == 1:
            magnitude(voltage, flow.voltage_pu[chunk][:, None])
        else:
            sizes = magnitude(voltage, work.voltage_size)
            np.take(sizes, self._voltage.order, axis=1, out=flow.voltage_pu[chunk])
        branch = magnitude(self._branch(current, work.branch), work.branch_size)
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
            rough = settle(self._rough, self._groups, p_rough, q_rough, self._rough.constant)
            start = np.where(rough[2][None, :, None], rough[0], start)
        return settle(self._loaded, self._groups, p.astype(self._dtype), q.astype(self._dtype), start)


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
