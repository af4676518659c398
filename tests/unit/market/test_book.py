"""A book: void orders, and columns that do not fit."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from p2ptrade.domain.order import Order, Side, VoidReason
from p2ptrade.domain.units import U32_MAX
from p2ptrade.errors import InputError
from p2ptrade.market import ZoneTree, clear
from tests.support.clearing_books import book_of, order_of


def order(account: int, side: Side, *prices: int) -> Order:
    return order_of(account, 0, side, *((10, price) for price in prices))


def reasons(orders: list[Order]) -> list[VoidReason | None]:
    book = book_of(ZoneTree(), 0, orders)
    return [book.void_reason(index) for index in range(len(book))]


def test_both_sides_of_one_account_may_stand_if_the_bid_is_below_the_offer() -> None:
    assert reasons([order(5, Side.OFFER, 200, 300), order(5, Side.BID, 199, 100)]) == [None, None]


@pytest.mark.parametrize("best_bid", [200, 201])
def test_an_account_that_would_trade_with_itself_is_void_on_both_sides(best_bid: int) -> None:
    orders = [order(5, Side.BID, 100, best_bid), order(4, Side.BID, 999), order(5, Side.OFFER, 300, 200)]

    assert reasons(orders) == [VoidReason.SELF_CROSSING, None, VoidReason.SELF_CROSSING]


def test_all_orders_that_an_account_repeats_on_one_side_are_void() -> None:
    orders = [order(5, Side.BID, 100), order(6, Side.OFFER, 1), order(5, Side.BID, 120)]

    assert reasons(orders) == [VoidReason.REPEATED, None, VoidReason.REPEATED]


def test_repeated_orders_are_void_behind_an_account_with_a_lower_number_too() -> None:
    orders = [order(1, Side.OFFER, 1), order(5, Side.BID, 100), order(5, Side.BID, 120)]

    assert reasons(orders) == [None, VoidReason.REPEATED, VoidReason.REPEATED]


def test_an_order_that_its_maker_voids_does_not_make_another_one_void() -> None:
    orders = [order(5, Side.BID, 300), order(5, Side.OFFER, 200), order(5, Side.BID, 100)]

    book = book_of(ZoneTree(), 0, orders, {0: VoidReason.SUPERSEDED})

    assert [book.void_reason(index) for index in range(3)] == [VoidReason.SUPERSEDED, None, None]


def test_void_orders_take_no_part() -> None:
    orders = [order(5, Side.BID, 300), order(5, Side.OFFER, 200), order(6, Side.OFFER, 100), order(7, Side.BID, 120)]

    clearing = clear(book_of(ZoneTree(), 0, orders))

    assert clearing.order_energy_wh.tolist() == [0, 0, 10, 10]
    assert clearing.prices == (220,)


@pytest.mark.parametrize(
    ("column", "number", "words"),
    [
        ("account", -1, "account"),
        ("zone", 1, "zone"),
        ("side", 2, "side"),
        ("step_order", 1, "step_order"),
        ("energy_wh", 0, "energy_wh"),
        ("energy_wh", U32_MAX + 1, "energy_wh"),
        ("limit_price", U32_MAX + 1, "limit_price"),
        ("limit_price", -1, "limit_price"),
    ],
)
def test_a_number_that_is_out_of_its_width_is_refused(column: str, number: int, words: str) -> None:
    book = book_of(ZoneTree(), 0, [order(1, Side.BID, 100)])
    columns: dict[str, Any] = {column: np.array([number])}

    with pytest.raises(InputError, match=words):
        replace(book, **columns)


def test_columns_of_different_lengths_are_refused() -> None:
    book = book_of(ZoneTree(), 0, [order(1, Side.BID, 100)])

    with pytest.raises(InputError, match="one entry per order and one per step"):
        replace(book, energy_wh=np.array([1, 2]))


def test_a_charge_that_is_out_of_its_width_is_refused() -> None:
    with pytest.raises(InputError, match="charge"):
        book_of(ZoneTree(), -1, [])


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([(1, 0, 0)], "parent of zone 1"),
        ([(0, 0, 0), (2, 0, 0)], "parent of zone 2"),
        ([(-1, 0, 0)], "parent of zone 1"),
        ([(0, -1, 0)], "import_wh"),
        ([(0, 0, 2**62 + 1)], "export_wh"),
        ([(0, 0, 0)] * 32, "at most 32 zones"),
    ],
)
def test_what_is_no_tree_of_zones_is_refused(lines: list[tuple[int, int, int]], words: str) -> None:
    with pytest.raises(InputError, match=words):
        ZoneTree.of(lines)
