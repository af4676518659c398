"""Substitute energies for slots without a reading: the mean of like days, scaled to what is known of the total.

The rule (validation, estimation and editing practice of utilities): take the same slots of up to three like days,
average them slot by slot, and if the registers before and after the gap are known, scale the shape so that it sums to
exactly their difference. Without like days the total is spread evenly; without a total the shape stands as it is.
"""

from collections.abc import Sequence
from typing import Final

from p2ptrade.errors import InputError

LIKE_DAYS: Final = 3


def substitute_wh(like_days_wh: Sequence[Sequence[int]], slots: int, total_wh: int | None) -> list[int]:
    """Return net energies of `slots` consecutive slots in Wh, summing to `total_wh` where that is known.

    `like_days_wh` holds the net energies of the same slots on like days, the best first; at most three are used.

    Raises:
        InputError: no slots, or a like day of another length.
    """
    if slots < 1:
        raise InputError("a gap has at least one slot")
    used = like_days_wh[:LIKE_DAYS]
    if any(len(day) != slots for day in used):
        raise InputError(f"a like day must have the {slots} slots of the gap")
    shape = [sum(energies) for energies in zip(*used, strict=True)] if used else [0] * slots
    if total_wh is None:
        return [_divided(energy, len(used)) if used else 0 for energy in shape]
    return scaled_to(shape, total_wh)


def scaled_to(shape: Sequence[int], total: int) -> list[int]:
    """Return integers in the proportions of `shape` that sum to `total` exactly (by running totals).

    A shape whose sum is zero or of the other sign than the total has no usable proportions: then the difference is
    spread evenly on top of it.
    """
    whole = sum(shape)
    if whole and (whole > 0) == (total > 0) and all((part >= 0) == (whole > 0) or part == 0 for part in shape):
        return _by_running_totals(shape, whole, total)
    spread = _by_running_totals([1] * len(shape), len(shape), total - whole)
    return [part + extra for part, extra in zip(shape, spread, strict=True)]


def _by_running_totals(weights: Sequence[int], whole: int, total: int) -> list[int]:
    parts, passed = [], 0
    for weight in weights:
        parts.append(total * (passed + weight) // whole - total * passed // whole)
        passed += weight
    return parts


def _divided(energy: int, days: int) -> int:
    """Return a mean rounded to the nearest Wh, halves away from zero."""
    magnitude = (2 * abs(energy) + days) // (2 * days)
    return magnitude if energy >= 0 else -magnitude
