"""The inner loop of the fixed-point power flow, on real and imaginary halves, group by group.

Arrays are groups x rows x scenarios: rows are real parts, then imaginary parts, and of a current then the weighted sums
that other groups feel. So a half is one block of memory, and what is done element by element runs through it at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.grid.admittance import Model
from p2ptrade.grid.feeders import GroupedMap, Groups, Reals
from p2ptrade.grid.powerflow import Flags, Floats

MAX_ITERATIONS: Final = 100
TOLERANCE_PU: Final = {np.dtype(np.float64): 1e-9, np.dtype(np.float32): 5e-6}


@dataclass(frozen=True, slots=True, eq=False)
class Iteration:
    """The fixed-point iteration of a network in one precision."""

    impedance: GroupedMap
    weight: Reals

    @classmethod
    def of(cls, impedance: GroupedMap, groups: Groups) -> Iteration:
        """Return the iteration on a map from the loaded terminals to themselves."""
        return cls(impedance, _real_weight(groups, impedance.matrix.dtype))

    def settle(self, p: Reals, q: Reals, start: Reals, room: Room) -> tuple[Reals, Reals, Flags]:
        """Return voltages, the currents that lead to them, and which scenarios rest, from the voltages of `start`.

        The arrays are in `room`, which has space for as many scenarios.
        """
        scenarios = p.shape[2]
        voltage, update, current, size = room.voltage, room.update, room.current, p.shape[1]
        voltage[:] = start
        tolerance = TOLERANCE_PU[p.dtype] ** 2
        settled = np.zeros(scenarios, dtype=np.bool_)
        for _ in range(MAX_ITERATIONS):
            self._currents(p, q, voltage, room)
            self.impedance(current, update)
            np.subtract(update, voltage, out=voltage)
            voltage *= voltage
            voltage[:, :size] += voltage[:, size:]
            settled = voltage[:, :size].max(axis=(0, 1)) < tolerance
            voltage, update = update, voltage
            if settled.all():
                break
        return voltage, current, settled

    def _currents(self, p: Reals, q: Reals, voltage: Reals, room: Room) -> None:
        """Write conj((p + jq) / v) in halves, then the weighted sums over all groups."""
        size, current = p.shape[1], room.current
        real, imaginary = voltage[:, :size], voltage[:, size:]
        into_real, into_imaginary = current[:, :size], current[:, size : 2 * size]
        inverse, product = room.inverse, room.product
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
        if self.weight.shape[1]:
            current[:, 2 * size :] = np.matmul(self.weight, current[:, : 2 * size]).sum(axis=0)


@dataclass(frozen=True, slots=True, eq=False)
class Room:
    """Memory of one caller for a chunk of scenarios; memory that is used again is much faster than new memory."""

    voltage: Reals
    update: Reals
    current: Reals
    inverse: Reals
    product: Reals

    @classmethod
    def of(cls, impedance: GroupedMap, scenarios: int) -> Room:
        """Return room for so many scenarios."""
        groups, results, inputs = impedance.matrix.shape
        heights = (results, results, inputs, results // 2, results // 2)
        return cls(*(np.empty((groups, height, scenarios), impedance.matrix.dtype) for height in heights))


def _real_weight(groups: Groups, dtype: np.dtype[Any]) -> Reals:
    """Return the weights of the sums for halves."""
    weight = groups.padded_weight()
    above = np.concatenate([weight.real, weight.imag], axis=2)
    below = np.concatenate([-weight.imag, weight.real], axis=2)
    both = np.concatenate([above, below], axis=1).transpose(0, 2, 1)
    return np.ascontiguousarray(both, dtype=dtype)


def squared(halves: Reals) -> Reals:
    """Return squared magnitudes, groups one below the other (results x scenarios); `halves` is overwritten."""
    half = halves.shape[1] // 2
    halves *= halves
    halves[:, :half] += halves[:, half:]
    return halves[:, :half].reshape(-1, halves.shape[2])


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The connections' power at the groups' terminals: a choice of rows, or a product where terminals are shared."""

    row: NDArray[np.int64] | None
    factor: Floats
    matrix: Floats

    @classmethod
    def of(cls, model: Model, groups: Groups) -> Share:
        """Return the shares by group; padding has none."""
        matrix = np.zeros((len(groups.member), groups.size, model.share.shape[0]))
        for number, members in enumerate(groups.member):
            matrix[number, members >= 0] = model.share[:, members[members >= 0]].T
        alone = ((matrix != 0).sum(axis=2) <= 1).all()
        return cls(matrix.argmax(axis=2) if alone else None, matrix.max(axis=2)[..., None], matrix)

    def __call__(self, power: Floats, dtype: np.dtype[Any]) -> Reals:
        """Return groups x terminals x scenarios of scenarios x connections."""
        columns = np.ascontiguousarray(power.T, dtype=dtype)
        if self.row is None:
            product: Reals = np.matmul(self.matrix.astype(dtype), columns)
            return product
        chosen: Reals = columns[self.row]
        chosen *= self.factor.astype(dtype)
        return chosen
