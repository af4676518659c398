"""Sharing an integer exactly: the largest-remainder rule, on exact fractions."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from p2ptrade.errors import InputError


def split_exactly(total: int, weights: Sequence[int | float | Fraction]) -> tuple[int, ...]:
    """Return integers in proportion to the weights whose sum is `total`, whatever is rounded.

    Each gets the floor of its exact share; the units left over go to the largest remainders, the first ones on a tie.
    Weights may be negative where shares are credits; their sum must not be zero.

    Raises:
        InputError: the weights sum to zero, or one of them is not finite.
    """
    try:
        exact = [Fraction(weight) for weight in weights]
    except (ValueError, OverflowError) as error:
        raise InputError("shares cannot be computed from weights that are not finite") from error
    whole = sum(exact, Fraction(0))
    if whole == 0:
        raise InputError("shares need weights that do not sum to zero")
    shares = [total * weight / whole for weight in exact]
    floors = [share.numerator // share.denominator for share in shares]
    left = total - sum(floors)
    order = sorted(range(len(shares)), key=lambda index: (floors[index] - shares[index], index))
    for index in order[:left]:
        floors[index] += 1
    return tuple(floors)
