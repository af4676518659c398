"""The inner loop of the fixed-point power flow, on real and imaginary halves of rows, group by group.

Arrays are groups x scenarios x columns; a current's columns are real parts, imaginary parts and the weighted sums
that other groups feel.
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
class Work:
    """Room for the rows of a chunk; memory that is used again is much faster than new memory."""

    voltage: Reals
    voltage_size: Reals
    branch: Reals
    branch_size: Reals

    @classmethod
    def of(cls, voltage: GroupedMap, branch: GroupedMap, scenarios: int) -> Work:
        """Return room for the results of two maps and their magnitudes."""
        rooms = []
        for each in (voltage, branch):
            groups, _, width = each.matrix.shape
            rooms.append(np.empty((groups, scenarios, width), dtype=each.matrix.dtype))
            rooms.append(np.empty((scenarios, groups, width // 2), dtype=each.matrix.dtype))
        return cls(*rooms)


def settle(impedance: GroupedMap, groups: Groups, p: Reals, q: Reals, start: Reals) -> tuple[Reals, Reals, Flags]:
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


def magnitude(rows: Reals, room: Reals) -> Reals:
    """Return the magnitudes of grouped rows of halves, groups side by side; the rows are overwritten."""
    half = rows.shape[2] // 2
    rows *= rows
    result = room[: rows.shape[1]]
    np.add(rows[..., :half], rows[..., half:], out=result.transpose(1, 0, 2))
    np.sqrt(result, out=result)
    return result.reshape(len(result), -1)


def side_by_side(rows: NDArray[Any]) -> NDArray[Any]:
    """Return rows by group (groups x scenarios x width) as scenarios x all groups."""
    return rows.transpose(1, 0, 2).reshape(rows.shape[1], -1)


@dataclass(frozen=True, slots=True, eq=False)
class Share:
    """The connections' power at the groups' terminals: a choice of columns, or a product where terminals are shared."""

    column: NDArray[np.int64] | None
    factor: Floats
    matrix: Floats

    @classmethod
    def of(cls, model: Model, groups: Groups) -> Share:
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
