"""Playing one slot of a gas measurement on the chain: its orders, its seals, its clearing."""

from collections.abc import Sequence
from random import Random
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.bench.gas_pages import clear_in_pages, planned, sent_call
from p2ptrade.bench.gas_world import CHAIN_ID, GasWorld, Participant
from p2ptrade.chain.clearing_pages import PAGE_ORDERS, chunks_of
from p2ptrade.chain.contracts.double_auction import ClearedSlot, Submission
from p2ptrade.chain.packing import OpenedRecord, SealEntry, pack_book, running_hash, ticket
from p2ptrade.chain.typed_data import OrderMessage, VerdictMessage, auction_domain, prices_hash, sign
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, read_book

RELAYED: Final = "relayed"
OWN: Final = "own transaction"
PAGED: Final = "relayed, in pages"
SEED: Final = 2
"""The smallest with which six of ten orders trade, in one zone and in 16; of more orders 60 % do with any seed."""
_CHARGES: Final = Charges(*(PriceMicroPerKwh(part) for part in (20_000, 5_000, 3_000, 2_000)))
_LINE_WH_PER_ORDER: Final = 200
_PRICES: Final = (60_000, 260_000)
_ENERGY_WH: Final = (100, 2_000)

Calls = dict[str, list[tuple[int, int]]]
"""Gas and length in bytes of every call, by phase."""


def play_slot(
    world: GasWorld,
    slot: SlotNumber,
    orders: Sequence[tuple[Participant, OrderMessage]],
    path: str,
    grid: GridData,
) -> tuple[dict[str, int], Calls, ClearedSlot]:
    """Seal and clear a slot whose limits are published; return gas by phase, the clearing's calls, and the result."""
    phase_gas = _seal(world, slot, orders, path)
    world.dev.mine(at_s=world.parameters.windows.gate(slot))
    submission, cash_covers = _submission(world, slot, orders, path, grid)
    first = world.client.head().number
    if path == PAGED:
        calls = clear_in_pages(world, submission)
    else:
        calls = {"clear": [sent_call(world, world.auction.clear_data(submission))]}
    phase_gas |= {phase: sum(gas for gas, _ in each) for phase, each in calls.items()}
    cleared = world.auction.cleared(slot, first=first)
    if cleared is None or not cash_covers:
        raise AssertionError("the measured slot was not cleared as it was meant")
    return phase_gas, calls, cleared


def grid_of(zones: int, orders: int) -> GridData:
    """Return a root with a line to every other zone, some of which will be full."""
    limit = EnergyWh(-(-orders // zones) * _LINE_WH_PER_ORDER)
    return GridData((ROOT, *(ZoneLimits(ZoneId(0), limit, limit) for _ in range(zones - 1))), _CHARGES)


def orders_of(
    slot: SlotNumber, participants: Sequence[Participant], *, all_trade: bool = False
) -> list[tuple[Participant, OrderMessage]]:
    """Return an order for everybody, in the random order in which they will come; about 60 % of them can trade.

    Bids are drawn from a range that is as wide as the offers' and lies a fifth of its width higher: where demand meets
    supply, three of five limits on either side are good enough. So that this holds for few orders too, each side's
    range is cut into as many equal parts as the side has orders, and one limit is drawn from each part. With
    `all_trade` each side has one price instead, so that the longer side is shared out and everybody trades.
    """
    random = Random(SEED)
    charge = _CHARGES.total_micro_per_kwh
    drawn = {side: _limits(random, side, (len(participants) + 1 - side) // 2) for side in Side}
    orders = []
    for number, each in enumerate(random.sample(participants, len(participants))):
        side = Side(number % 2)
        # Limits are all-in: half of the charge on either side leaves the two sides symmetrical.
        price = drawn[side].pop()
        if all_trade:
            price = _PRICES[1] if side is Side.BID else _PRICES[0]
        price += charge // 2 if side is Side.BID else -charge // 2
        steps = (Step(EnergyWh(random.randint(*_ENERGY_WH)), PriceMicroPerKwh(price)),)
        salt = keccak(slot.to_bytes(8, "big") + each.account.to_bytes(4, "big"))[:16]
        orders.append((each, OrderMessage(slot, each.account, side, steps, salt)))
    return orders


def _limits(random: Random, side: Side, count: int) -> list[int]:
    """Return as many limits as given in random order, one from each equal part of the side's range."""
    low, high = _PRICES
    width = high - low
    if side is Side.BID:
        low += width // 5
    limits = [low + random.randrange(width * part // count, width * (part + 1) // count) for part in range(count)]
    random.shuffle(limits)
    return limits


def _seal(
    world: GasWorld, slot: SlotNumber, orders: Sequence[tuple[Participant, OrderMessage]], path: str
) -> dict[str, int]:
    """Seal the orders one way or the other and return what it cost."""
    domain = auction_domain(CHAIN_ID, world.auction.address)
    if path == OWN:
        seals = [
            (each.key.address, world.auction.address, world.auction.call_data("seal", slot, order.digest(domain)))
            for each, order in orders
        ]
        return {"seal": sum(receipt.gas_used for receipt in world.send_all(seals))}
    entries = [
        SealEntry(each.account, ticket(digest, each.key.sign_digest(digest)))
        for each, digest in sorted(
            ((each, order.digest(domain)) for each, order in orders), key=lambda pair: pair[0].account
        )
    ]
    root = running_hash(chunks_of(entries, PAGE_ORDERS if path == PAGED else len(entries)))
    receipt = world.send("relay", "DoubleAuction", "commit", slot, root, len(orders))
    return {"commit": receipt.gas_used}


def _submission(
    world: GasWorld,
    slot: SlotNumber,
    orders: Sequence[tuple[Participant, OrderMessage]],
    path: str,
    grid: GridData,
) -> tuple[Submission, bool]:
    """Return what clears the slot, and whether every order takes part."""
    domain = auction_domain(CHAIN_ID, world.auction.address)
    records = []
    for arrival, (each, order) in enumerate(orders):
        steps = tuple((step.energy_wh, step.limit_price_micro_per_kwh) for step in order.steps)
        relayed = None if path == OWN else sign(order, domain, each.key)
        own = arrival if path == OWN else None
        records.append(OpenedRecord(AccountId(each.account), order.side, steps, order.salt, relayed, own))
    (book,) = pack_book(sorted(records, key=lambda record: record.account), page_bytes=2**30)
    states = world.ledger.accounts([each.account for each, _ in orders])
    read = read_book([book], BookContext(slot, domain, states, world.auction.cover_rules(), grid))
    prices = clear(read.book).prices
    pages = [call.book for call in planned(world, slot, book)] if path == PAGED else [book]
    verdict = VerdictMessage(slot, running_hash(pages), prices_hash(prices), keccak(grid.pack()), bytes(32))
    signature = sign(verdict, domain, world.keys["dso"])
    return Submission(slot, book, prices, grid.pack(), b"", bytes(32), signature), not read.voids
