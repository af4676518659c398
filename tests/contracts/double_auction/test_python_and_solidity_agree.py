"""Random slots, both ways of sealing, all kinds of void orders: Python and Solidity agree to the unit.

Prices (the certificate that Python finds is the one that the contract accepts), fills, payments, collateral, charges,
fee, rent, void flags, bonds and the movements on the ledger. A few slots are mined; the others are simulated from one
and the same state of the chain, which takes milliseconds each and runs the same contracts.
"""

import os
import secrets
import sys
from dataclasses import dataclass
from random import Random

import pytest

from p2ptrade.chain.packing import positions_hash, unpack_positions, unpack_voids
from p2ptrade.chain.typed_data import OrderMessage, sign
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh, ZoneId
from tests.support.auction import Market, Slot, Trader
from tests.support.platform import BONDS, CREDIT, ESCROW
from tests.support.simulation import SimulatedChain, on

ZONES = 32
# Traders for each zone: many in the first ones, so that small trees fill up, and some everywhere.
IN_ZONE = [10, 8, 6, 6, 4, 4, 4, 4] + [2] * (ZONES - 8)
RICH = 10**15


@dataclass(frozen=True)
class Shape:
    """What the books of a run look like."""

    zones: int
    orders: int
    energy_wh: int
    price: int
    limit_wh: int
    charge: int


SHAPES = (
    Shape(zones=1, orders=10, energy_wh=5_000, price=300_000, limit_wh=0, charge=20_000),
    Shape(zones=5, orders=24, energy_wh=6, price=4, limit_wh=8, charge=1),  # ties at every price
    Shape(zones=8, orders=40, energy_wh=3_000, price=300, limit_wh=4_000, charge=40),
    Shape(zones=ZONES, orders=60, energy_wh=3_000, price=500, limit_wh=5_000, charge=40),
    Shape(zones=8, orders=20, energy_wh=2**31 // 4 - 1, price=10**6, limit_wh=2**32 - 1, charge=2**20),
)


@pytest.fixture
def pool(market: Market) -> list[list[Trader]]:
    """Traders by zone; one in eight is suspended, one in eight next to broke."""
    zones = [zone for zone, count in enumerate(IN_ZONE) for _ in range(count)]
    traders = market.admit(zones, cash_micro=RICH)
    random = Random(11)
    registrar = market.platform.holder("REGISTRAR")
    for trader in random.sample(traders, len(traders) // 8):
        market.platform.registry.send("suspend", trader.account, sender=registrar)
    poor = random.sample(traders, len(traders) // 8)
    market.give({trader.account: CREDIT + random.randint(0, 3_000) - RICH for trader in poor})
    by_zone: list[list[Trader]] = [[] for _ in range(ZONES)]
    for zone, trader in zip(zones, traders, strict=True):
        by_zone[zone].append(trader)
    return by_zone


def random_grid(random: Random, shape: Shape) -> GridData:
    """Return a tree of up to `shape.zones` zones with limits, some of them zero, charges, and zones left out."""
    zones = [ROOT]
    for index in range(1, random.randint(1, shape.zones)):
        parent = random.randrange(max(0, index - random.choice((1, 3, ZONES))), index)
        limits = [random.choice((0, 1, 1, 1)) * random.randint(0, shape.limit_wh) for _ in range(2)]
        zones.append(ZoneLimits(ZoneId(parent), EnergyWh(limits[0]), EnergyWh(limits[1])))
    parts = [random.randint(0, shape.charge) // 4 for _ in range(4)]
    excluded = {ZoneId(zone) for zone in range(len(zones)) if random.random() < 0.05}
    return GridData(tuple(zones), Charges(*map(PriceMicroPerKwh, parts)), frozenset(excluded))


def random_steps(random: Random, shape: Shape, side: Side) -> list[tuple[int, int]]:
    """Return one to four steps in canonical form, now and then not."""
    prices = random.sample(range(shape.price + 1), min(random.choice((1, 1, 2, 4)), shape.price + 1))
    prices.sort(reverse=side is Side.BID)
    if random.random() < 0.03:
        prices = prices[::-1] + prices[:1]
    return [(random.randint(1, shape.energy_wh), price) for price in prices]


def random_slot(random: Random, market: Market, pool: list[list[Trader]], shape: Shape) -> Slot:
    """Seal a random book; a few orders are badly signed, unopened, or sealed twice by their owner."""
    slot = market.new_slot(random_grid(random, shape))
    zones = min(len(slot.grid.zones) + (random.random() < 0.1), ZONES)  # now and then a zone that is not in the tree
    candidates = [trader for zone in range(zones) for trader in pool[zone]]
    bids = random.choice((0.0, 0.3, 0.5, 0.5, 0.7, 1.0))
    for trader in random.sample(candidates, random.randint(0, min(shape.orders, len(candidates)))):
        side = Side.BID if random.random() < bids else Side.OFFER
        order = slot_order(random, slot, trader, side, shape)
        path = random.random()
        if path < 0.9:
            key = market.relay if random.random() < 0.03 else trader.key
            slot.relayed[trader.account] = (order, sign(order, market.domain, key))
        if path > 0.85:
            for _ in range(random.choice((1, 1, 2))):
                own = slot_order(random, slot, trader, side, shape)
                slot.own.append((trader, own))
        if random.random() < 0.03:
            slot.unopened.add(trader.account)
    random.shuffle(slot.own)
    for trader, own in slot.own:
        market.auction.send("seal", slot.number, own.digest(market.domain), sender=trader.key.address)
    return slot


def slot_order(random: Random, slot: Slot, trader: Trader, side: Side, shape: Shape) -> OrderMessage:
    steps = tuple(Step(EnergyWh(e), PriceMicroPerKwh(p)) for e, p in random_steps(random, shape, side))
    return OrderMessage(slot.number, trader.account, side, steps, slot.market.next_salt())


def assert_agreement(market: Market, slot: Slot) -> int:
    """Clear and compare everything that Python can know beforehand; return the energy traded, in Wh."""
    slot.seal_and_close()
    expected = slot.expected()
    touched = sorted({*slot.relayed, *(trader.account for trader, _ in slot.own)} | {ESCROW, BONDS})
    before = {account: state.cash_micro for account, state in market.accounts(touched).items()}
    receipt = slot.clear(prices=list(expected.prices))
    cleared = receipt.event(market.auction, "Cleared")
    assert tuple(unpack_positions(cleared["positions"])) == expected.positions
    assert tuple(unpack_voids(cleared["voids"])) == expected.voids
    totals = (expected.network_micro, expected.fee_micro, expected.rent_micro, expected.bought_wh)
    assert tuple(cleared["result"]) == (positions_hash(expected.positions), *totals, slot.root())
    change: dict[int, int] = {position.account: -position.locked_micro for position in expected.positions}
    change |= {account: -bond for account, bond in expected.forfeited.items()}
    change |= {ESCROW: expected.escrow_micro, BONDS: sum(expected.forfeited.values())}
    after = {account: state.cash_micro for account, state in market.accounts(touched).items()}
    assert after == {account: cash + change.get(account, 0) for account, cash in before.items()}
    due = sum(position.release_micro for position in expected.positions) + sum(totals[:3])
    assert due == expected.escrow_micro  # what the slot locked is exactly what its settlement will pay out
    assert expected.rent_micro >= 0
    return expected.bought_wh


def run(market: Market, pool: list[list[Trader]], books: int, seed: int) -> tuple[int, int]:
    """Compare `books` random slots, each from the same state; return how many traded, how many had unopened orders."""
    chain = SimulatedChain(market.chain.client)
    start_s = market.chain.now_s() + 1
    market = on(chain, market)
    traded = unopened = 0
    for number in range(books):
        random = Random(seed + number)
        chain.begin(start_s + random.randrange(10**8))
        slot = random_slot(random, market, pool, SHAPES[number % len(SHAPES)])
        traded += assert_agreement(market, slot) > 0
        unopened += bool(slot.unopened)
    return traded, unopened


def test_20_random_slots_mined_agree(market: Market, pool: list[list[Trader]]) -> None:
    for seed in range(20):
        slot = random_slot(Random(seed), market, pool, SHAPES[seed % len(SHAPES)])

        assert_agreement(market, slot)


def test_500_random_slots_agree(market: Market, pool: list[list[Trader]]) -> None:
    traded, with_unopened = run(market, pool, 500, seed=20_260_611)

    assert traded > 200, "too few of the books trade for this test to say much"
    assert with_unopened > 50


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_10_000_random_slots_agree(market: Market, pool: list[list[Trader]]) -> None:
    seed = int(os.environ.get("P2PTRADE_TEST_SEED", secrets.randbits(32)))

    traded, with_unopened = run(market, pool, 10_000, seed=seed)

    sys.stdout.write(f"\nP2PTRADE_TEST_SEED={seed}: 10,000 books agree, {traded} traded, {with_unopened} unopened\n")
    assert traded > 4_000
