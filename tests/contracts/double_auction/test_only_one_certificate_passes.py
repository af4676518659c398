"""Of all price vectors of a small book the contract accepts one, which Python finds; the others name their fault."""

from itertools import product
from random import Random

import pytest

from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh, ZoneId
from p2ptrade.errors import TransactionRevertedError
from tests.support.auction import Market, Slot, star
from tests.support.chain import reverts

FAULTS = {"DoesNotBalance", "NotTheMiddle", "NotSeparated", "LineOverloaded"}
PRICE_HALF_MAX = 2 * (2**32 - 1)


def random_small_slot(market: Market, random: Random, zones: int, price: int) -> Slot:
    """Seal a book of a few orders with few prices and few Wh, so that ties and full lines are common."""
    limits = [ROOT]
    for index in range(1, zones):
        parent = ZoneId(random.randrange(index))
        limits.append(ZoneLimits(parent, EnergyWh(random.choice((0, 1, 2, 5))), EnergyWh(random.choice((0, 1, 2, 5)))))
    charge = random.choice((0, 0, 1))
    slot = market.new_slot(GridData(tuple(limits), Charges(*(PriceMicroPerKwh(part) for part in (charge, 0, 0, 0)))))
    for trader in market.admit([random.randrange(zones) for _ in range(random.randint(0, 7))]):
        slot.relay(trader, random.choice(list(Side)), [(random.randint(1, 3), random.randint(0, price))])
    slot.seal_and_close()
    return slot


@pytest.mark.parametrize(
    ("zones", "price", "seed"),
    [(1, 6, seed) for seed in range(12)] + [(2, 4, seed) for seed in range(12)] + [(3, 2, seed) for seed in range(8)],
)
def test_exactly_one_price_vector_is_accepted(market: Market, zones: int, price: int, seed: int) -> None:
    slot = random_small_slot(market, Random(100 * zones + seed), zones, price)
    right = slot.expected().prices
    accepted, faults = [], set()

    for prices in product(range(2 * price + 2), repeat=zones):
        submission = slot.submission(prices=list(prices))
        try:
            market.auction.call("clear", tuple(submission))
            accepted.append(prices)
        except TransactionRevertedError as error:
            faults.add(error.error_name)

    assert accepted == [right]
    assert faults <= FAULTS


def test_a_price_for_every_zone_and_within_the_limits_is_needed(market: Market) -> None:
    slot = random_small_slot(market, Random(7), 3, 5)

    for count in (0, 2, 4):
        with reverts("WrongPriceCount", needed=3, given=count):
            slot.clear(prices=[0] * count)
    for price in (PRICE_HALF_MAX + 1, 2**64 - 1):
        with reverts("PriceOutOfRange", zone=1, priceHalfMicroPerKwh=price):
            slot.clear(prices=[0, price, 0])


def test_each_fault_of_a_certificate_is_named(market: Market) -> None:
    seller, buyer = market.admit([1, 0])
    slot = market.new_slot(star([(0, 300), (0, 0)]))
    slot.relay(seller, Side.OFFER, [(1000, 50_000)])
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.seal_and_close()
    assert slot.expected().prices == (500_000, 100_000, 500_000)

    with reverts("DoesNotBalance", zone=1, lo=0, hi=0, target=300):
        slot.clear(prices=[500_000, 99_999, 500_000])
    with reverts("DoesNotBalance", zone=0, lo=-700, hi=-700, target=0):
        slot.clear(prices=[499_999, 100_000, 499_999])
    with reverts("LineOverloaded", zone=1, lo=1000, hi=1000):
        slot.clear(prices=[500_000, 500_000, 500_000])
    with reverts("NotSeparated", zone=2, price=0, parentPrice=500_000):
        slot.clear(prices=[500_000, 100_000, 0])
    slot.clear()


def test_a_price_inside_the_interval_but_not_in_its_middle_is_refused(market: Market) -> None:
    seller, buyer = market.admit([1, 0])
    slot = market.new_slot(star([(5000, 5000)]))
    slot.relay(seller, Side.OFFER, [(1000, 50_000)])
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.seal_and_close()

    for price in (100_001, 299_999, 300_001, 499_999):
        with reverts("NotTheMiddle", zone=0, price=price, needed=300_000):
            slot.clear(prices=[price, price])
    with reverts("DoesNotBalance", zone=1):
        slot.clear(prices=[300_000, 100_000])
    slot.clear(prices=[300_000, 300_000])


@pytest.mark.parametrize(
    ("bid", "offer", "middle"),
    [
        (2**32 - 1, 60, 2**32 - 1 + 60),
        (100, 0, 100),
        (2**32 - 1, 0, 2**32 - 1),
        (0, 0, 0),
        (2**32 - 1, 2**32 - 1, 2**33 - 2),
    ],
)
def test_a_limit_at_either_end_of_all_prices_is_a_limit_like_any_other(
    market: Market, bid: int, offer: int, middle: int
) -> None:
    # Whole orders trade, so the price is the middle of the two limits, here in half units their sum.
    seller, buyer = market.admit([0, 0], cash_micro=2**40)
    slot = market.new_slot()
    slot.relay(seller, Side.OFFER, [(1000, offer)])
    slot.relay(buyer, Side.BID, [(1000, bid)])
    slot.seal_and_close()
    submission = slot.submission()

    for price in {2 * offer, 2 * bid, middle - 1, middle + 1} - {middle, -1, PRICE_HALF_MAX + 1}:
        with pytest.raises(TransactionRevertedError, match=r"NotTheMiddle|DoesNotBalance"):
            slot.clear(prices=[price])
    slot.clear(prices=[middle])

    assert submission[2] == [middle]


@pytest.mark.parametrize(
    ("line", "orders", "prices"),
    [
        # The root's offer trades wholly at any price from 100 on; from 300 on the importing zone would buy less.
        ((100, 0), [(0, Side.OFFER, 100, 100), (1, Side.BID, 200, 300)], (400, 600)),
        # The root's bid trades wholly at any price up to 300; below 100 the exporting zone would sell less.
        ((0, 100), [(0, Side.BID, 100, 300), (1, Side.OFFER, 200, 100)], (400, 200)),
        # A line that never carries anything bounds nothing: the root's only bound is its own order.
        ((0, 0), [(0, Side.OFFER, 100, 300), (1, Side.OFFER, 200, 100), (1, Side.BID, 10, 50)], (600, 150)),
        ((0, 0), [(0, Side.BID, 100, 100), (1, Side.BID, 200, 300), (1, Side.OFFER, 10, 350)], (200, 650)),
        # Nor does one that is just full, whoever would like to trade over it too.
        ((100, 0), [(0, Side.OFFER, 100, 100), (1, Side.BID, 100, 300), (1, Side.BID, 100, 150)], (400, 400)),
        ((0, 100), [(0, Side.BID, 100, 300), (1, Side.OFFER, 100, 100), (1, Side.OFFER, 100, 250)], (400, 400)),
        # With room for them they would trade at less, or at more: that bounds the price for everybody.
        ((101, 0), [(0, Side.OFFER, 100, 100), (1, Side.BID, 100, 300), (1, Side.BID, 100, 150)], (450, 450)),
        ((0, 101), [(0, Side.BID, 100, 300), (1, Side.OFFER, 100, 100), (1, Side.OFFER, 100, 250)], (350, 350)),
    ],
)
def test_a_line_bounds_the_price_on_its_other_side_where_it_could_carry_more_or_less(
    market: Market, line: tuple[int, int], orders: list[tuple[int, Side, int, int]], prices: tuple[int, int]
) -> None:
    slot = market.new_slot(star([line]))
    for trader, (_, side, energy_wh, price) in zip(market.admit([zone for zone, *_ in orders]), orders, strict=True):
        slot.relay(trader, side, [(energy_wh, price)])
    slot.seal_and_close()

    for root_price in (*range(200, 601, 50), 1000):
        wrong = [root_price, root_price if prices[0] == prices[1] else prices[1]]
        if wrong != list(prices):
            with pytest.raises(
                TransactionRevertedError, match=r"NotTheMiddle|DoesNotBalance|NotSeparated|LineOverloaded"
            ):
                slot.clear(prices=wrong)
    slot.clear(prices=list(prices))

    assert slot.expected().prices == prices
