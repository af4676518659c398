"""The certificate: of any book exactly one price vector is accepted, and it is the one that the rule names.

Paths of `verify`: given prices of another number than zones, then refused; given a price out of range, then
refused; given a zone with its parent's price, when its line would be overloaded, then refused; given a zone with
its own price, when it cannot export its limit, its price is not the middle, or its line need not be full, then
refused; given the root, when the tree does not balance or its price is not the middle, then refused; otherwise
accepted.
"""

from collections.abc import Callable
from itertools import product
from random import Random

import pytest

from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import ZoneId
from p2ptrade.market import Accepted, Book, Fault, Refusal, ZoneTree, clear, verify
from p2ptrade.market.certificate import PRICE_HALF_MAX, MarketStep, tally
from p2ptrade.market.prices import SortedBook
from tests.support.clearing_books import (
    ORDINARY,
    TIES,
    TINY,
    WIDE,
    Shape,
    book_of,
    extreme_book,
    half_prices,
    order_of,
    random_book,
)

HIGHEST_HALF = 2 * TINY.price + 2


def accepts(book: Book, prices: tuple[int, ...]) -> bool:
    return isinstance(verify(book.tree, book.market_steps(), half_prices(prices)), Accepted)


def order(account: int, zone: int, side: Side, energy: int, price: int) -> Order:
    return order_of(account, zone, side, (energy, price))


def refusal(zone: int, fault: Fault) -> Refusal:
    return Refusal(ZoneId(zone), fault)


def export_range(book: Book, steps: list[MarketStep], zone: int, price: int) -> tuple[int, int]:
    """Return what a subtree can export at a price, straight from the definition."""
    own = [step for step in steps if step.zone == zone]
    lo = sum(s.energy_wh for s in own if s.side is Side.OFFER and s.price_half < price)
    hi = sum(s.energy_wh for s in own if s.side is Side.OFFER and s.price_half <= price)
    lo -= sum(s.energy_wh for s in own if s.side is Side.BID and s.price_half >= price)
    hi -= sum(s.energy_wh for s in own if s.side is Side.BID and s.price_half > price)
    for child, line in book.tree:
        if line.parent == zone:
            below = export_range(book, steps, child, price)
            lo, hi = (
                total + max(-line.import_wh, min(line.export_wh, each))
                for total, each in zip((lo, hi), below, strict=True)
            )
    return lo, hi


def price_named_by_the_rule(book: Book, steps: list[MarketStep], zone: int, target: int) -> int:
    """Return the middle of all prices at which a subtree exports the target, or the only end, or 0."""
    candidates = range(-1, HIGHEST_HALF + 1)
    clears = []
    for price in candidates:
        lo, hi = export_range(book, steps, zone, price)
        if lo <= target <= hi:
            clears.append(price)
    open_below, open_above = clears[0] == candidates[0], clears[-1] == candidates[-1]
    if open_below and open_above:
        return 0
    if open_below or open_above:
        return clears[-1] if open_below else clears[0]
    return (clears[0] + clears[-1]) // 2


def prices_named_by_the_rule(book: Book) -> tuple[int, ...]:
    """Return every zone's price, read off the rule's own words by trying all prices."""
    steps = list(book.market_steps())
    prices = [price_named_by_the_rule(book, steps, 0, 0)]
    for zone, line in book.tree:
        lo, hi = export_range(book, steps, zone, prices[line.parent])
        if lo > line.export_wh:
            prices.append(price_named_by_the_rule(book, steps, zone, line.export_wh))
        elif hi < -line.import_wh:
            prices.append(price_named_by_the_rule(book, steps, zone, -line.import_wh))
        else:
            prices.append(prices[line.parent])
    return tuple(prices)


@pytest.mark.parametrize("seed", range(4))
def test_of_all_price_vectors_of_a_small_book_exactly_the_one_that_the_rule_names_is_accepted(seed: int) -> None:
    random = Random(seed)

    for _ in range(60):
        book = random_book(random, TINY)
        every_vector = product(range(HIGHEST_HALF + 1), repeat=len(book.tree))
        accepted = [prices for prices in every_vector if accepts(book, prices)]

        assert accepted == [prices_named_by_the_rule(book)]
        assert accepted == [clear(book).prices]


@pytest.mark.slow
def test_exactly_one_vector_is_accepted_on_four_zones_too() -> None:
    random = Random(44)
    shape = Shape(zones=4, orders=8, energy_wh=4, price=3, limit_wh=5, charge=1)

    for _ in range(400):
        book = random_book(random, shape)
        every_vector = product(range(HIGHEST_HALF + 1), repeat=len(book.tree))

        assert [prices for prices in every_vector if accepts(book, prices)] == [prices_named_by_the_rule(book)]


@pytest.mark.parametrize("shape", [ORDINARY, TIES, WIDE], ids=["ordinary", "ties", "wide"])
def test_the_solvers_prices_are_accepted_and_those_with_a_changed_price_are_not(shape: Shape) -> None:
    random = Random(shape.orders)

    for _ in range(25):
        book = random_book(random, shape)
        steps = list(book.market_steps())
        prices = list(clear(book).prices)
        assert isinstance(verify(book.tree, steps, prices), Accepted)

        for zone in range(len(prices)):
            others = {step.price_half for step in random.sample(steps, min(6, len(steps)))}
            for wrong in (others | {prices[zone] + 1, prices[zone] - 1, 0, *prices}) - {prices[zone]}:
                changed = [*prices[:zone], wrong, *prices[zone + 1 :]]

                assert isinstance(verify(book.tree, steps, half_prices(changed)), Refusal)


@pytest.mark.parametrize("make", [random_book, extreme_book], ids=["random", "extreme"])
def test_the_pass_over_the_book_and_the_sorted_book_tally_alike(make: Callable[[Random], Book]) -> None:
    random = Random(5)

    for _ in range(30):
        book = make(random)
        prices = clear(book).prices
        sorted_book = SortedBook(book)

        assert tally(book.market_steps(), prices) == [
            sorted_book.tally(zone, price) for zone, price in enumerate(prices)
        ]


def test_the_order_of_the_records_does_not_matter_to_the_pass() -> None:
    random = Random(6)
    book = random_book(random, ORDINARY)
    steps = list(book.market_steps())
    prices = clear(book).prices
    shuffled = random.sample(steps, len(steps))

    assert tally(shuffled, prices) == tally(steps, prices)


TWO_ZONES = ZoneTree.of([(0, 1_000, 1_000)])
# Zone 1 sells 3,000 Wh from 100, the root buys 3,000 Wh up to 300: the line carries 1,000 Wh, prices are 300 and 100.
FULL_LINE = book_of(TWO_ZONES, 0, [order(1, 1, Side.OFFER, 3_000, 100), order(2, 0, Side.BID, 3_000, 300)])
ONE_PAIR = book_of(ZoneTree(), 0, [order(1, 0, Side.BID, 10, 200), order(2, 0, Side.OFFER, 10, 100)])


@pytest.mark.parametrize(
    ("book", "prices", "refused"),
    [
        (FULL_LINE, (600,), refusal(0, Fault.WRONG_COUNT)),
        (FULL_LINE, (600, 200, 0), refusal(0, Fault.WRONG_COUNT)),
        (FULL_LINE, (600, -1), refusal(1, Fault.OUT_OF_RANGE)),
        (FULL_LINE, (PRICE_HALF_MAX + 1, 200), refusal(0, Fault.OUT_OF_RANGE)),
        (FULL_LINE, (600, 600), refusal(1, Fault.LINE_OVERLOADED)),
        (FULL_LINE, (600, 199), refusal(1, Fault.DOES_NOT_BALANCE)),
        (FULL_LINE, (200, 200), refusal(0, Fault.DOES_NOT_BALANCE)),
        (FULL_LINE, (601, 200), refusal(0, Fault.DOES_NOT_BALANCE)),
        (FULL_LINE, (200, 600), refusal(1, Fault.DOES_NOT_BALANCE)),
        (ONE_PAIR, (301,), refusal(0, Fault.NOT_THE_MIDDLE)),
        (ONE_PAIR, (200,), refusal(0, Fault.NOT_THE_MIDDLE)),
        (ONE_PAIR, (401,), refusal(0, Fault.DOES_NOT_BALANCE)),
    ],
)
def test_a_wrong_price_is_refused_with_the_zone_and_the_reason(
    book: Book, prices: tuple[int, ...], refused: Refusal
) -> None:
    assert verify(book.tree, book.market_steps(), half_prices(prices)) == refused


def test_a_zone_whose_line_need_not_be_full_may_not_have_a_price_of_its_own() -> None:
    # The line could carry all 1,000 Wh at its parent's price 300; at 100 it would be exactly full as well.
    orders = [order(1, 1, Side.OFFER, 1_000, 100), order(2, 0, Side.BID, 3_000, 300)]
    book = book_of(TWO_ZONES, 0, orders)

    verdict = verify(book.tree, book.market_steps(), half_prices((600, 200)))

    assert verdict == refusal(1, Fault.NOT_SEPARATED)
    assert accepts(book, (600, 600))


def test_nor_may_one_whose_imports_just_fill_its_line_at_its_parents_price() -> None:
    # At 100 zone 1 buys 1,000 Wh from 300 down, and its bid at 100 need not trade: the interval is 100 to 300.
    orders = [
        order(1, 0, Side.OFFER, 5_000, 100),
        order(2, 1, Side.BID, 1_000, 300),
        order(3, 1, Side.BID, 200, 100),
    ]
    book = book_of(TWO_ZONES, 0, orders)

    verdict = verify(book.tree, book.market_steps(), half_prices((200, 400)))

    assert verdict == refusal(1, Fault.NOT_SEPARATED)
    assert accepts(book, (200, 200))


def test_a_full_line_with_equal_limits_both_ways_shows_its_zones_next_step() -> None:
    # Zone 1 sells its 1,000 Wh from 100 and could sell less below; the root's price lies between that and the bid.
    orders = [
        order(1, 1, Side.OFFER, 3_000, 100),
        order(2, 0, Side.BID, 1_000, 300),
    ]
    book = book_of(TWO_ZONES, 0, orders)

    assert accepts(book, (400, 200))
    assert not accepts(book, (600, 200))
