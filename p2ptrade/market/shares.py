"""A column of numbers shared out pro rata by running totals, as `domain.shares` does it one by one."""

import numpy as np
from numpy.typing import NDArray

_INT64_MAX = int(np.iinfo(np.int64).max)


def column_shares(amount: int, parts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how much of `amount`, at most the sum of the parts, each part of a column gets.

    The sum of the parts must fit 63 bits, the products need not.
    """
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
