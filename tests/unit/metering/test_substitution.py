"""Substitute energies: the shape of like days, the sum of the registers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.errors import InputError
from p2ptrade.metering.substitution import scaled_to, substitute_wh

energies = st.integers(-5_000, 5_000)


def test_like_days_are_averaged_slot_by_slot() -> None:
    # by hand: (100 + 200 + 303) / 3 = 201; (0 + 1 + 0) / 3 rounds to 0; (-2 - 2 - 1) / 3 rounds to -2
    assert substitute_wh([[100, 0, -2], [200, 1, -2], [303, 0, -1]], 3, None) == [201, 0, -2]


def test_only_the_three_best_like_days_count() -> None:
    assert substitute_wh([[10], [20], [30], [1_000_000]], 1, None) == [20]


def test_a_known_total_keeps_the_shape() -> None:
    assert substitute_wh([[1, 2, 1]], 3, 400) == [100, 200, 100]


def test_without_like_days_a_total_is_spread_evenly() -> None:
    assert substitute_wh([], 4, 400) == [100, 100, 100, 100]


def test_without_anything_nothing_is_assumed() -> None:
    assert substitute_wh([], 3, None) == [0, 0, 0]


@given(shape=st.lists(energies, min_size=1, max_size=96), total=st.integers(-(10**9), 10**9))
def test_the_parts_sum_to_the_total_whatever_the_shape(shape: list[int], total: int) -> None:
    assert sum(scaled_to(shape, total)) == total


@given(shape=st.lists(st.integers(0, 5_000), min_size=1, max_size=96), total=st.integers(1, 10**9))
def test_parts_of_a_one_sided_shape_are_within_1_wh_of_proportion(shape: list[int], total: int) -> None:
    whole = sum(shape)
    if whole:
        for part, weight in zip(scaled_to(shape, total), shape, strict=True):
            assert abs(part * whole - total * weight) < whole
            assert part >= 0


@given(days=st.lists(st.lists(energies, min_size=5, max_size=5), max_size=4), total=energies)
def test_a_gap_adds_up_to_the_difference_of_its_registers(days: list[list[int]], total: int) -> None:
    assert sum(substitute_wh(days, 5, total)) == total


def test_a_like_day_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match="3 slots"):
        substitute_wh([[1, 2]], 3, None)
