"""Who opens only when it pays does not beat who always opens, with the bond that a market is deployed with.

A trader seals, learns everybody's orders at the gate, hears news about what the energy is worth, and may then keep an
order sealed: it loses the bond. With one order, or with two that it can play against each other through the price.
"""

from itertools import product
from random import Random

import pytest

from p2ptrade.chain.market_parameters import Parameters
from p2ptrade.domain.order import Order, Side, Step
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, ZoneId
from p2ptrade.market import Book, ZoneTree, clear

LEAST, MOST = 60_000, 260_000  # what energy can be worth, from the feed-in to the retail tariff
ENERGY_WH = 2_000  # what a home trades in a slot at the most: 8 kW
BOOKS = 150
MINE, MY_OTHER = AccountId(1), AccountId(2)


def order(account: AccountId, side: Side, energy_wh: int, price: int) -> Order:
    return Order(account, ZoneId(0), side, (Step(EnergyWh(energy_wh), PriceMicroPerKwh(price)),))


def crowd(random: Random, traders: int) -> list[Order]:
    """Return truthful orders of others."""
    return [
        order(AccountId(10 + n), random.choice(list(Side)), random.randint(100, ENERGY_WH), random.randint(LEAST, MOST))
        for n in range(traders)
    ]


def payoffs(orders: list[Order], worth: dict[AccountId, int]) -> float:
    """Return what my orders that trade are worth to me at the clearing price, in micro-credits."""
    clearing = clear(Book.of(ZoneTree(), PriceMicroPerKwh(0), orders))
    price = clearing.prices[0] / 2
    gain = 0.0
    for each, energy in zip(orders, clearing.order_energy_wh.tolist(), strict=True):
        if each.account in worth:
            margin = worth[each.account] - price if each.side is Side.BID else price - worth[each.account]
            gain += energy * margin / 1000
    return gain


def best_advantage(bond: int, mine: list[Order], others: list[Order], worth: dict[AccountId, int]) -> float:
    """Return by how much the best choice of orders to open, bonds of the others paid, beats opening all of them."""
    always = payoffs([*others, *mine], worth)
    best = always
    for opened in product((True, False), repeat=len(mine)):
        chosen = [each for each, is_opened in zip(mine, opened, strict=True) if is_opened]
        best = max(best, payoffs([*others, *chosen], worth) - bond * opened.count(False))
    return best - always


def advantages(bond: int, *, accounts: int, traders: int) -> list[float]:
    """Return the advantage of silence in random markets, for a trader whose energy's worth changes after sealing."""
    random = Random(1_000 * accounts + traders)
    found = []
    for _ in range(BOOKS):
        mine = [
            order(account, random.choice(list(Side)), random.randint(100, ENERGY_WH), random.randint(LEAST, MOST))
            for account in (MINE, MY_OTHER)[:accounts]
        ]
        news = {each.account: random.randint(LEAST, MOST) for each in mine}
        found.append(best_advantage(bond, mine, crowd(random, traders), news))
    return found


@pytest.mark.parametrize("traders", [4, 20])
@pytest.mark.parametrize("accounts", [1, 2])
def test_silence_never_pays_with_the_bond_of_a_newcomer(accounts: int, traders: int) -> None:
    bond = Parameters().bonds_micro[0]

    assert max(advantages(bond, accounts=accounts, traders=traders)) == 0


@pytest.mark.parametrize("accounts", [1, 2])
def test_silence_would_pay_without_a_bond(accounts: int) -> None:
    gains = advantages(0, accounts=accounts, traders=20)

    assert sum(gain > 0 for gain in gains) > BOOKS / 10


def test_the_default_bond_covers_the_most_that_a_home_can_lose_in_a_slot() -> None:
    # Nobody loses more by opening than the spread of prices on all the energy; the bond of a newcomer is above that.
    assert Parameters().bonds_micro[0] >= (MOST - LEAST) * ENERGY_WH // 1000
