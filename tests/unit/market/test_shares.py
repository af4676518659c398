"""Sharing pro rata by running totals: exact sums, no share above its part, each within one of the proportion."""

from fractions import Fraction

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.shares import shares
from p2ptrade.market.shares import column_shares

parts_and_amount = st.lists(st.integers(0, 2**40), min_size=1, max_size=30).flatmap(
    lambda parts: st.tuples(st.just(parts), st.integers(0, sum(parts)))
)


@given(parts_and_amount)
def test_shares_sum_up_exactly_and_stay_within_their_parts(case: tuple[list[int], int]) -> None:
    parts, amount = case

    shared = shares(amount, parts)

    assert sum(shared) == amount
    assert all(0 <= share <= part for share, part in zip(shared, parts, strict=True))


@given(parts_and_amount)
def test_each_share_is_within_one_of_the_exact_proportion(case: tuple[list[int], int]) -> None:
    parts, amount = case
    whole = sum(parts) or 1

    for share, part in zip(shares(amount, parts), parts, strict=True):
        assert abs(share - Fraction(amount * part, whole)) < 1


@given(parts_and_amount)
def test_columns_are_shared_like_lists_however_wide_the_products(case: tuple[list[int], int]) -> None:
    parts, amount = case

    assert column_shares(amount, np.array(parts, dtype=np.int64)).tolist() == shares(amount, parts)


def test_shares_of_nothing_are_nothing() -> None:
    assert shares(0, [0, 0]) == [0, 0]
    assert column_shares(0, np.zeros(2, dtype=np.int64)).tolist() == [0, 0]
