"""Sharing a whole number out pro rata, exactly, by running totals.

Part i of an amount R over parts r_1, r_2, ... with running totals C_i and T = C_n is floor(R*C_i/T) -
floor(R*C_(i-1)/T). The shares add up to R, none exceeds its part, each is within one of the exact proportion,
and nothing depends on who came first.
"""

from collections.abc import Sequence
from itertools import accumulate, pairwise


def shares(amount: int, parts: Sequence[int]) -> list[int]:
    """Return how much of `amount`, at most the sum of the parts, each part gets."""
    whole = sum(parts)
    if whole == 0:
        return [0] * len(parts)
    reached = (amount * running // whole for running in accumulate(parts, initial=0))
    return [after - before for before, after in pairwise(reached)]
