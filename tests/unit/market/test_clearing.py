"""The marginal rules, each on a book small enough to be worked by hand.

Prices of zones are in half micro per kWh: twice what the limits say.
"""

import itertools

import numpy as np
import pytest

from p2ptrade.domain.order import Order, Side, VoidReason
from p2ptrade.domain.units import U32_MAX, PriceMicroPerKwh
from p2ptrade.market import Book, ZoneTree, clear
from tests.support.clearing_books import book_of, order_of

ONE_ZONE = ZoneTree()


def bid(account: int, *steps: tuple[int, int], zone: int = 0) -> Order:
    return order_of(account, zone, Side.BID, *steps)


def offer(account: int, *steps: tuple[int, int], zone: int = 0) -> Order:
    return order_of(account, zone, Side.OFFER, *steps)


def prices(tree: ZoneTree, orders: list[Order], charge: int = 0) -> tuple[int, ...]:
    return clear(book_of(tree, charge, orders)).prices


def energies(tree: ZoneTree, orders: list[Order], charge: int = 0) -> list[int]:
    found: list[int] = clear(book_of(tree, charge, orders)).order_energy_wh.tolist()
    return found


def test_the_price_is_the_exact_middle_of_the_marginal_pair_in_half_units() -> None:
    assert prices(ONE_ZONE, [bid(1, (10, 201)), offer(2, (10, 100))]) == (301,)


def test_the_rejected_steps_narrow_the_interval_of_which_the_price_is_the_middle() -> None:
    orders = [bid(1, (10, 200)), offer(2, (10, 100)), bid(3, (10, 120)), offer(4, (10, 190))]

    assert prices(ONE_ZONE, orders) == (120 + 190,)


def test_the_long_side_sets_the_price_and_shares_pro_rata() -> None:
    orders = [bid(1, (1_000, 200)), bid(2, (2_000, 200)), offer(3, (1_000, 100))]

    assert prices(ONE_ZONE, orders) == (400,)
    assert energies(ONE_ZONE, orders) == [333, 667, 1_000]


def test_an_interval_that_is_open_to_one_side_gives_its_end() -> None:
    assert prices(ONE_ZONE, [offer(1, (10, 70)), offer(2, (10, 50))]) == (100,)
    assert prices(ONE_ZONE, [bid(1, (10, 70)), bid(2, (10, 50))]) == (140,)


def test_a_book_in_which_nothing_is_wanted_has_the_price_zero() -> None:
    assert prices(ZoneTree.of([(0, 5, 5), (1, 5, 5)]), []) == (0, 0, 0)


def test_a_zone_where_nothing_trades_and_nothing_is_wanted_has_its_parents_price() -> None:
    tree = ZoneTree.of([(0, 0, 0), (0, 5, 5)])
    orders = [bid(1, (10, 200)), offer(2, (10, 100)), offer(3, (10, 400), zone=1)]

    assert prices(tree, orders) == (300, 300, 300)


def test_energy_at_the_price_on_both_sides_trades_as_far_as_it_can() -> None:
    orders = [bid(1, (10, 100)), offer(2, (4, 100)), offer(3, (3, 100))]

    assert prices(ONE_ZONE, orders) == (200,)
    assert energies(ONE_ZONE, orders) == [7, 4, 3]


def test_a_bid_at_zero_meets_an_offer_at_zero() -> None:
    orders = [bid(1, (10, 0)), offer(2, (10, 0))]

    assert prices(ONE_ZONE, orders) == (0,)
    assert energies(ONE_ZONE, orders) == [10, 10]


def test_every_step_trades_that_the_price_is_good_enough_for() -> None:
    orders = [bid(1, (10, 300), (10, 200), (10, 100)), offer(2, (15, 150))]

    clearing = clear(book_of(ONE_ZONE, 0, orders))

    assert clearing.prices == (400,)
    assert clearing.step_energy_wh.tolist() == [10, 5, 0, 15]
    assert clearing.volume_wh == 15
    assert clearing.welfare_wh_micro_per_kwh == 10 * 300 + 5 * 200 - 15 * 150


def test_the_charge_comes_off_the_bid_before_it_is_compared() -> None:
    orders = [bid(1, (10, 200)), offer(2, (10, 150))]

    assert energies(ONE_ZONE, orders, charge=50) == [10, 10]
    assert prices(ONE_ZONE, orders, charge=50) == (300,)
    assert energies(ONE_ZONE, orders, charge=51) == [0, 0]


def test_a_bid_below_the_charge_neither_trades_nor_moves_the_price() -> None:
    orders = [bid(1, (10, 40)), offer(2, (10, 100))]

    assert prices(ONE_ZONE, orders, charge=50) == (200,)
    assert prices(ONE_ZONE, orders, charge=40) == (100,)


def test_across_a_full_line_prices_differ_and_the_flow_is_the_limit() -> None:
    tree = ZoneTree.of([(0, 1_000, 700)])
    orders = [offer(1, (3_000, 100), zone=1), bid(2, (3_000, 300))]

    clearing = clear(book_of(tree, 0, orders))

    assert clearing.prices == (600, 200)
    assert [zone.export_wh for zone in clearing.zones] == [0, 700]
    assert [zone.net_export_wh for zone in clearing.zones] == [-700, 700]


def test_a_line_that_is_just_full_at_the_parents_price_does_not_part_the_prices() -> None:
    tree = ZoneTree.of([(0, 3_000, 3_000)])
    orders = [offer(1, (3_000, 100), zone=1), bid(2, (3_000, 300))]

    assert prices(tree, orders) == (400, 400)


def test_zones_share_what_is_marginal_pro_rata_of_their_ranges() -> None:
    # 600 Wh are wanted; the three zones offer 300, 600 and 900 Wh at the same price.
    tree = ZoneTree.of([(0, 5_000, 5_000), (0, 5_000, 5_000)])
    orders = [
        bid(1, (600, 500)),
        offer(2, (300, 100)),
        offer(3, (600, 100), zone=1),
        offer(4, (900, 100), zone=2),
    ]

    assert energies(tree, orders) == [600, 100, 200, 300]


def test_a_line_caps_the_share_of_its_zone() -> None:
    # As above, but zone 2 may export 300 Wh: ranges 300, 600 and 300 of 600 Wh.
    tree = ZoneTree.of([(0, 5_000, 5_000), (0, 5_000, 300)])
    orders = [
        bid(1, (600, 500)),
        offer(2, (300, 100)),
        offer(3, (600, 100), zone=1),
        offer(4, (900, 100), zone=2),
    ]

    assert energies(tree, orders) == [600, 150, 300, 150]


def test_an_order_that_is_void_by_its_maker_is_left_out() -> None:
    orders = [bid(1, (10, 900)), bid(2, (10, 200)), offer(3, (10, 100))]

    clearing = clear(book_of(ONE_ZONE, 0, orders, {0: VoidReason.INSOLVENT}))

    assert clearing.order_energy_wh.tolist() == [0, 10, 10]
    assert clearing.prices == (300,)


@pytest.mark.parametrize("count", [3, 50])
def test_sums_of_the_widest_numbers_do_not_overflow(count: int) -> None:
    bids = [bid(account, (U32_MAX, U32_MAX)) for account in range(count)]
    offers = [offer(count + account, (U32_MAX, 0)) for account in range(count)]

    clearing = clear(book_of(ONE_ZONE, 0, bids + offers))

    assert clearing.prices == (U32_MAX,)
    assert clearing.volume_wh == count * U32_MAX
    assert clearing.welfare_wh_micro_per_kwh == count * U32_MAX**2


def test_shares_at_the_margin_are_exact_beyond_64_bits() -> None:
    orders = 100_000
    offered = np.full(orders, U32_MAX, dtype=np.int64)
    book = Book(
        tree=ONE_ZONE,
        charge=PriceMicroPerKwh(0),
        account=np.arange(orders + 1),
        zone=np.zeros(orders + 1, dtype=np.int64),
        side=np.r_[np.zeros(1, dtype=np.int64), np.ones(orders, dtype=np.int64)],
        step_order=np.arange(orders + 1),
        energy_wh=np.r_[U32_MAX, offered],
        limit_price=np.r_[U32_MAX, np.full(orders, 7)],
    )

    clearing = clear(book)

    sold = clearing.order_energy_wh[1:].tolist()
    running = [U32_MAX * position // orders for position in range(orders + 1)]
    assert sold == [after - before for before, after in itertools.pairwise(running)]
    assert sum(sold) == U32_MAX == clearing.order_energy_wh[0]
