"""Tariffs: prices of a day and the days after it.

Paths:
  publish   before the notice: the list stands from its day on; later, out of order, feed-in above retail: refused
  priceAt   the prices of the latest day that is not after the slot's; none: refused
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.platform import NOTICE_S, Platform

DAY_S = 86_400


def words(prices: list[tuple[int, int]]) -> list[int]:
    return [
        sum((retail | feed_in << 32) << 64 * lane for lane, (retail, feed_in) in enumerate(prices[at : at + 4]))
        for at in range(0, 96, 4)
    ]


PRICES = [(300_000 + i, 80_000 + 2 * i) for i in range(96)]
FLAT = [(2**32 - 1, 2**32 - 1)] * 96


def publish(platform: Platform, day: int, prices: list[tuple[int, int]]) -> None:
    platform.tariffs.send("publish", day, words(prices), sender=platform.holder("RETAILER"))


def test_every_slot_of_the_day_has_its_own_prices(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2

    publish(platform, day, PRICES)

    assert [platform.tariffs.call("priceAt", day * 96 + i) for i in range(96)] == PRICES


def test_a_price_list_stands_until_the_next_one(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2
    publish(platform, day, PRICES)
    publish(platform, day + 10, FLAT)

    assert platform.tariffs.call("priceAt", (day + 9) * 96 + 95) == PRICES[95]
    assert platform.tariffs.call("priceAt", (day + 10) * 96) == FLAT[0]
    assert platform.tariffs.call("priceAt", (day + 999) * 96 + 5) == FLAT[5]


def test_a_day_may_cost_nothing(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2
    free_at_night = [(0, 0)] * 24 + PRICES[24:]
    publish(platform, day, free_at_night)
    publish(platform, day + 1, PRICES)
    publish(platform, day + 2, [(0, 0)] * 96)

    assert [platform.tariffs.call("priceAt", day * 96 + i) for i in range(96)] == free_at_night
    assert platform.tariffs.call("priceAt", (day + 1) * 96 + 5) == PRICES[5]
    assert platform.tariffs.call("priceAt", (day + 2) * 96 + 5) == (0, 0)
    assert platform.tariffs.call("priceAt", (day + 9) * 96 + 5) == (0, 0)


def test_before_the_first_list_there_is_no_price(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2
    publish(platform, day, PRICES)

    for slot in (0, day * 96 - 1, 2**64 - 1):
        with reverts("TariffsMissing", slot=slot):
            platform.tariffs.call("priceAt", slot)


def test_prices_are_published_in_advance(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2
    deadline = day * DAY_S - NOTICE_S

    chain.next_block_at(deadline)
    with reverts("TariffsTooLate", day=day, nowSeconds=deadline, deadline=deadline):
        publish(platform, day, PRICES)
    publish(platform, day + 1, PRICES)


def test_prices_are_never_changed_afterwards(platform: Platform, chain: Chain) -> None:
    day = chain.now_s() // DAY_S + 2
    publish(platform, day, PRICES)

    for again in (day, day - 1):
        with reverts("TariffsOutOfOrder", day=again, lastDay=day):
            publish(platform, again, FLAT)


@pytest.mark.parametrize("slot", [0, 3, 4, 95])
def test_feeding_in_never_pays_more_than_buying_costs(platform: Platform, chain: Chain, slot: int) -> None:
    prices = list(PRICES)
    prices[slot] = (80_000, 80_001)

    with reverts("TariffsFeedInAboveRetail", slotOfDay=slot, retail=80_000, feedIn=80_001):
        publish(platform, chain.now_s() // DAY_S + 2, prices)
