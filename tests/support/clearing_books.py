"""Random books for tests of the clearing: small ones with many ties, zero limits and empty sides, and extreme ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from p2ptrade.domain.order import Order, Side, Step, VoidReason
from p2ptrade.domain.units import (
    STEPS_MAX,
    U32_MAX,
    ZONES_MAX,
    AccountId,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    ZoneId,
)
from p2ptrade.market import Book, ZoneTree


@dataclass(frozen=True, slots=True)
class Shape:
    """What a random book may look like: the most of each, the widths, and how often limits are zero or equal."""

    zones: int = 8
    orders: int = 30
    energy_wh: int = 5_000
    price: int = 300
    limit_wh: int = 6_000
    zero_limit_share: float = 0.2
    equal_limits_share: float = 0.3
    charge: int = 40


ORDINARY = Shape()
TIES = Shape(zones=5, orders=20, energy_wh=20, price=4, limit_wh=30, charge=2)
TINY = Shape(zones=3, orders=5, energy_wh=3, price=3, limit_wh=4, charge=1)
WIDE = Shape(zones=ZONES_MAX, orders=80, energy_wh=3_000, price=500, limit_wh=8_000)


def step(energy: int, price: int) -> Step:
    return Step(EnergyWh(energy), PriceMicroPerKwh(price))


def order_of(account: int, zone: int, side: Side, *steps: tuple[int, int]) -> Order:
    """Return the order of steps that are given as energy and price, in any order."""
    return Order.from_steps(AccountId(account), ZoneId(zone), side, [step(*each) for each in steps])


def book_of(tree: ZoneTree, charge: int, orders: Sequence[Order], void: Mapping[int, VoidReason] | None = None) -> Book:
    return Book.of(tree, PriceMicroPerKwh(charge), orders, void)


def half_prices(prices: Iterable[int]) -> tuple[PriceHalfMicroPerKwh, ...]:
    return tuple(PriceHalfMicroPerKwh(price) for price in prices)


def random_tree(random: Random, shape: Shape) -> ZoneTree:
    """Return a tree of 1 to `shape.zones` zones; long thin ones and flat ones both come up."""
    lines = []
    reach = random.choice((1, 3, ZONES_MAX))
    for index in range(1, random.randint(1, shape.zones)):
        parent = random.randrange(max(0, index - reach), index)
        imports, exports = (
            0 if random.random() < shape.zero_limit_share else random.randint(0, shape.limit_wh) for _ in range(2)
        )
        lines.append((parent, imports, imports if random.random() < shape.equal_limits_share else exports))
    return ZoneTree.of(lines)


def random_order(random: Random, shape: Shape, account: int, zones: int, side: Side) -> Order:
    """Return an order of 1 to 4 steps, fewer where prices came up twice."""
    steps = [
        Step(EnergyWh(random.randint(1, shape.energy_wh)), PriceMicroPerKwh(random.randint(0, shape.price)))
        for _ in range(random.choice((1, 1, 2, STEPS_MAX)))
    ]
    return Order.from_steps(AccountId(account), ZoneId(random.randrange(zones)), side, steps)


def random_orders(random: Random, shape: Shape, zones: int) -> list[Order]:
    """Return 0 to `shape.orders` orders of different accounts; now and then one side is empty."""
    bid_share = random.choice((0.0, 0.3, 0.5, 0.5, 0.5, 0.7, 1.0))
    orders = []
    for account in random.sample(range(2 * shape.orders), random.randint(0, shape.orders)):
        side = Side.BID if random.random() < bid_share else Side.OFFER
        orders.append(random_order(random, shape, account, zones, side))
    return orders


def random_book(random: Random, shape: Shape = ORDINARY) -> Book:
    """Return a random book of a shape."""
    tree = random_tree(random, shape)
    charge = PriceMicroPerKwh(random.choice((0, random.randint(0, shape.charge))))
    return Book.of(tree, charge, random_orders(random, shape, len(tree)))


def extreme_book(random: Random) -> Book:
    """Return a book at the very ends of the widths: numbers of nearly 32 bits beside next to nothing."""
    tree = random_tree(random, Shape(zones=ZONES_MAX, limit_wh=8 * U32_MAX))
    ends = (0, 1, 2, U32_MAX // 2, U32_MAX - 1, U32_MAX)
    orders = []
    for account in random.sample(range(U32_MAX - 200, U32_MAX + 1), random.randint(2, 120)):
        steps = {
            random.choice(ends): random.choice((1, U32_MAX - 1, U32_MAX)) for _ in range(random.randint(1, STEPS_MAX))
        }
        side = random.choice((Side.BID, Side.OFFER))
        zone = ZoneId(random.randrange(len(tree)))
        step_list = [Step(EnergyWh(energy), PriceMicroPerKwh(price)) for price, energy in steps.items()]
        orders.append(Order.from_steps(AccountId(account), zone, side, step_list))
    return Book.of(tree, PriceMicroPerKwh(random.choice((0, 1, U32_MAX // 2))), orders)
