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
    GroupedMap,
    Groups,
    Reals,
    branch_home,
    find_groups,
    grouped_map,
    square_map,
)
from p2ptrade.grid.iteration import Iteration, Room, Share, squared
from p2ptrade.grid.network import Network
from p2ptrade.grid.powerflow import Complexes, Flags, Floats, Flow, as_batch, phases

CHUNK: Final = 256


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
        self._iteration = Iteration.of(self._loaded, groups)
        rough = square_map(*loaded, np.dtype(np.float32))
        self._rough = Iteration.of(rough, groups) if self._dtype == np.float64 else None
        node_home = np.repeat(groups.node_group, phases(network))
        self._voltage = grouped_map(model.voltage_map, model.no_load_voltage, node_home, groups, self._dtype)
        rows = np.concatenate([model.branch_map, model.no_load_branch[:, None]], axis=1)
        distinct, first, series = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        home = branch_home(network, model, groups)[first]
        self._branch = grouped_map(distinct[:, :-1], distinct[:, -1], home, groups, self._dtype)
        self._series = self._branch.order[series]
        self._share = Share.of(model, groups)
        self._per_rating = (1.0 / model.rating_a).astype(self._dtype)[:, None]
        self._source = self._source_weights()

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
        terminals, branches = len(self._network.nodes) * count, len(self._network.branches) * count
        voltage, current, loading = (
            np.empty((rows, scenarios), dtype=self._dtype) for rows in (terminals, branches, branches)
        )
        source, converged = np.empty(scenarios), np.empty(scenarios, dtype=np.bool_)
        with np.errstate(all="ignore"):
            rooms = self._rooms(min(CHUNK, scenarios))
            for start in range(0, scenarios, CHUNK):
                chunk = slice(start, start + CHUNK)
                if start + CHUNK > scenarios > CHUNK:
                    rooms = self._rooms(scenarios - start)
                _, drawn, converged[chunk] = self._iterate(active[chunk], reactive[chunk], rooms)
                voltage[:, chunk] = self._voltages(drawn)
                current[:, chunk] = self._branch_currents(drawn)
                np.multiply(current[:, chunk], self._per_rating, out=loading[:, chunk])
                source[chunk] = self._source_power(drawn)
        loss = source + active.sum(axis=1)
        return Flow(voltage.T, current.T, loading.T, loss, source, converged)

    def currents(self, injection_w: Floats, injection_var: Floats | None = None) -> tuple[Complexes, Complexes, Flags]:
        """Return voltage and current (pu, W) at the loaded terminals of one scenario, and whether it converged."""
        active, reactive = as_batch(self._network, injection_w, injection_var)
        with np.errstate(all="ignore"):
            voltage, current, converged = self._iterate(active[:1], reactive[:1], self._rooms(1))
        return self._complex(voltage), self._complex(current), converged

    def _complex(self, halves: Reals) -> Complexes:
        """Return the loaded terminals' complex values (scenarios x terminals), in the model's order."""
        size = self._groups.size
        values = halves[:, :size] + 1j * halves[:, size : 2 * size]
        result: Complexes = values.reshape(-1, values.shape[2])[self._loaded.order].T
        return result

    def _voltages(self, current: Reals) -> Reals:
        """Return the magnitudes of all voltages (terminals x scenarios)."""
        found = squared(self._mapped(self._voltage, current))
        result: Reals = np.sqrt(found)[self._voltage.order]
        return result

    def _branch_currents(self, current: Reals) -> Reals:
        """Return the magnitudes of all branch currents (branches x scenarios), the larger of the two ends."""
        found = squared(self._mapped(self._branch, current))
        if not self._model.both_ends:
            alone: Reals = np.sqrt(found)[self._series]
            return alone
        half = len(self._series) // 2
        larger = np.maximum(found[self._series[:half]], found[self._series[half:]])
        np.sqrt(larger, out=larger)
        return larger

    def _mapped(self, each: GroupedMap, current: Reals) -> Reals:
        groups, rows, _ = each.matrix.shape
        return each(current, np.empty((groups, rows, current.shape[2]), dtype=self._dtype))

    def _source_weights(self) -> tuple[Floats, float]:
        """Return what the halves of the grouped currents add to the power from the source, and that without load."""
        model, groups = self._model, self._groups
        multiple = 3 if phases(self._network) == 1 else 1
        weight = multiple * (np.conj(model.source_voltage) @ model.source_map)
        placed = np.zeros(groups.member.shape, dtype=np.complex128)
        placed[groups.member >= 0] = weight[groups.member[groups.member >= 0]]
        no_load = multiple * float((np.conj(model.source_voltage) @ model.no_load_source).real)
        return np.concatenate([placed.real, -placed.imag], axis=1)[:, None], no_load

    def _source_power(self, current: Reals) -> Floats:
        """Return the power from the source."""
        weight, no_load = self._source
        power: Floats = np.matmul(weight, current[:, : weight.shape[2]]).sum(axis=(0, 1)) + no_load
        return power

    def _rooms(self, scenarios: int) -> tuple[Room, Room | None]:
        """Return memory for both precisions; each call of the engine has its own, so that threads may share one."""
        rough = None if self._rough is None else Room.of(self._rough.impedance, scenarios)
        return Room.of(self._loaded, scenarios), rough

    def _iterate(self, active: Floats, reactive: Floats, rooms: tuple[Room, Room | None]) -> tuple[Reals, Reals, Flags]:
        """Return the loaded terminals' voltages and currents by group, and which scenarios settled.

        In double precision the first steps are taken in single precision, which is twice as fast; a scenario
        that leads nowhere there starts again from no load.
        """
        start, (room, rough_room) = self._loaded.constant, rooms
        if self._rough is not None and rough_room is not None:
            single = np.dtype(np.float32)
            p, q = self._share(active, single), self._share(reactive, single)
            voltage, _, rests = self._rough.settle(p, q, self._rough.impedance.constant, rough_room)
            start = voltage if rests.all() else np.where(rests, voltage, start)
        p, q = self._share(active, self._dtype), self._share(reactive, self._dtype)
        return self._iteration.settle(p, q, start, room)


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
