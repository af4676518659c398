"""Sharing a whole number out pro rata, exactly, by running totals.

Part i of an amount R over parts r_1, r_2, ... with running totals C_i and T = C_n is floor(R*C_i/T) -
floor(R*C_(i-1)/T). The shares add up to R, none exceeds its part, each is within one of the exact proportion,
and nothing depends on who came first.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

_INT64_MAX = int(np.iinfo(np.int64).max)


def shares(amount: int, parts: Sequence[int]) -> list[int]:
    """Return how much of `amount`, at most the sum of the parts, each part gets."""
    whole = sum(parts)
    if whole == 0:
        return [0] * len(parts)
    reached = (amount * running // whole for running in accumulate(parts, initial=0))
    return [after - before for before, after in pairwise(reached)]


def column_shares(amount: int, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the same for a column of parts; their sum must fit 63 bits, the products need not."""
    running = np.concatenate(([0], np.cumsum(parts, dtype=np.int64)))
    whole = int(running[-1])
    if whole == 0:
        return np.zeros_like(parts)
    if amount * whole <= _INT64_MAX:
        reached = amount * running // whole
    else:
        reached = (amount * running.astype(object) // whole).astype(np.int64)
    difference: NDArray[np.int64] = reached[1:] - reached[:-1]
    return difference
