"""What the life of an order costs on the chain, from receipts, beside the published figures of earlier auctions.

Protocol, the same as the peers' were measured by: one order per account, half bids and half offers, random prices from
a fixed seed, all transactions of the orders' lives divided by their number. Left out: deployment, admission, and the
first deposit. Gas is deterministic to the unit.
"""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, Final

from eth_hash.auto import keccak

from p2ptrade.bench.gas_pages import clear_in_pages, planned, sent_call
from p2ptrade.bench.gas_world import CHAIN_ID, GasWorld, Participant, gas_world
from p2ptrade.chain.clearing_pages import PAGE_ORDERS, chunks_of
from p2ptrade.chain.contracts.double_auction import Submission
from p2ptrade.chain.packing import (
    OpenedRecord,
    SealEntry,
    pack_book,
    running_hash,
    ticket,
    unpack_positions,
)
from p2ptrade.chain.typed_data import OrderMessage, VerdictMessage, auction_domain, prices_hash, sign
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, read_book

ORDERS: Final = (10, 50, 100, 400, 1000)
ZONES: Final = (1, 16)
RELAYED: Final = "relayed"
OWN: Final = "own transaction"
PAGED: Final = "relayed, in pages"
SEED: Final = 7
LARGEST: Final = 2_400
LONG: Final = 4_000
_CHARGES: Final = Charges(*(PriceMicroPerKwh(part) for part in (20_000, 5_000, 3_000, 2_000)))
_LINE_WH_PER_ORDER: Final = 200
_PRICES: Final = (60_000, 260_000)
_ENERGY_WH: Final = (100, 2_000)

# Gas per order over the whole life, measured in the same way on the peers' own code; `sealed`: whether bids are hidden.
_PEER_ORDERS: Final = (10, 50, 100, 200, 400)
_PEERS: Final = (
    ("cybercoad/DoubleAuction-Smart-Contract-for-Energy-Trade", False, (355_800, 368_500, 394_900, 456_700, 611_200)),
    ("ChristopherSiems/energy_trading", False, (226_800, 230_300, 240_800, 249_700, 315_400)),
    ("Nova-Blockchain-Lab/Communitas, permutation", False, (167_000, 156_800, 155_500, 154_100, 154_700)),
    ("Nova-Blockchain-Lab/Communitas, on-chain sort", False, (167_000, 157_400, 156_200, 154_800, 155_600)),
    ("amitduabits/shaktichain EnergyAuctionUpgradeable", False, (295_600, 341_000, 403_800, 538_900, 798_700)),
    ("k-unit uniform-price sealed auction", True, (298_400, 295_900, 301_200, 313_700, 336_500)),
    ("gnosis/ido-contracts EasyAuction, perfect hint", False, (226_900, 214_300, 213_300, 212_400, 212_200)),
    ("a16z/auction-zoo OverCollateralizedAuction", True, (112_600, 105_800, 104_900, 104_500, 104_300)),
    ("cowprotocol/contracts GPv2Settlement", False, (63_500, 59_700, 59_200, 59_000, 59_000)),
)


def bench_gas(orders: Sequence[int] = ORDERS, zones: Sequence[int] = ZONES, *, largest: bool = True) -> dict[str, Any]:
    """Return `rows` of gas by path, number of orders and zones, the `peers`, and `targets` that the rows are held to.

    Raises:
        EnvironmentNotReadyError: the embedded chain cannot be started.
    """
    with gas_world() as world:
        rows = list(_rows(world, sorted(orders), zones))
        if largest:
            many = world.admit([0] * LONG)
            rows += [_measured(world, many[:LARGEST], RELAYED, 1), _measured(world, many, PAGED, 1)]
    return {"rows": rows, "peers": _peers(), "targets": list(_targets(rows))}


def _rows(world: GasWorld, orders: Sequence[int], zones: Sequence[int]) -> Iterator[dict[str, Any]]:
    for zone_count in zones:
        everybody = world.admit([number % zone_count for number in range(max(orders))])
        for path in (RELAYED, OWN):
            for count in orders:
                yield _measured(world, everybody[:count], path, zone_count)


def _measured(world: GasWorld, participants: Sequence[Participant], path: str, zones: int) -> dict[str, Any]:
    """Play one slot and return its row."""
    slot = SlotNumber(world.next_slot())
    count = len(participants)
    grid = _grid(zones, count)
    world.send("dso", "GridLimits", "publish", slot, grid.pack())
    orders = _orders(slot, participants)
    phase_gas = _seal(world, slot, orders, path)
    world.dev.mine(at_s=world.parameters.windows.gate(slot))
    submission, cash_covers = _submission(world, slot, orders, path, grid)
    first = world.client.head().number
    if path == PAGED:
        sent = clear_in_pages(world, submission)
    else:
        sent = {"clear": [sent_call(world, world.auction.clear_data(submission))]}
    phase_gas |= {phase: sum(gas for gas, _ in calls) for phase, calls in sent.items()}
    cleared = world.auction.cleared(slot, first=first)
    if cleared is None or not cash_covers:
        raise AssertionError("the measured slot was not cleared as it was meant")
    return {
        "path": path,
        "orders": count,
        "zones": zones,
        "phase_gas": phase_gas,
        "gas_per_order": round(sum(phase_gas.values()) / count),
        "filled": len(unpack_positions(cleared.positions)),
        "largest_transaction_gas": max(gas for calls in sent.values() for gas, _ in calls),
        "largest_transaction_bytes": max(size for calls in sent.values() for _, size in calls),
    }


def _grid(zones: int, orders: int) -> GridData:
    """Return a root with a line to every other zone, some of which will be full."""
    limit = EnergyWh(orders // zones * _LINE_WH_PER_ORDER)
    return GridData((ROOT, *(ZoneLimits(ZoneId(0), limit, limit) for _ in range(zones - 1))), _CHARGES)


def _orders(slot: SlotNumber, participants: Sequence[Participant]) -> list[tuple[Participant, OrderMessage]]:
    """Return an order for everybody, in the random order in which they will come."""
    random = Random(SEED)
    charge = _CHARGES.total_micro_per_kwh
    orders = []
    for number, each in enumerate(random.sample(participants, len(participants))):
        side = Side(number % 2)
        # Limits are all-in: half of the charge on either side leaves the two sides symmetrical.
        price = random.randint(*_PRICES) + (charge // 2 if side is Side.BID else -charge // 2)
        steps = (Step(EnergyWh(random.randint(*_ENERGY_WH)), PriceMicroPerKwh(price)),)
        salt = keccak(slot.to_bytes(8, "big") + each.account.to_bytes(4, "big"))[:16]
        orders.append((each, OrderMessage(slot, each.account, side, steps, salt)))
    return orders


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


def _peers() -> list[dict[str, Any]]:
    """Return the published figures of earlier auctions."""
    return [
        {"peer": peer, "sealed": sealed, "gas_per_order": dict(zip(map(str, _PEER_ORDERS), gas, strict=True))}
        for peer, sealed, gas in _PEERS
    ]


def _targets(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Return each target with what was measured, as far as its rows are there."""
    found = {(row["path"], row["orders"], row["zones"]): row for row in rows}
    limits = (
        ("relayed, 400 orders, gas per order", (RELAYED, 400, 1), "gas_per_order", 11_500),
        ("own transaction, 400 orders, gas per order", (OWN, 400, 1), "gas_per_order", 38_000),
        ("relayed, 10 orders, gas per order", (RELAYED, 10, 1), "gas_per_order", 24_000),
        ("2,400 orders in one transaction, gas", (RELAYED, LARGEST, 1), "largest_transaction_gas", 30_000_000),
        ("a page of a long book, gas", (PAGED, LONG, 1), "largest_transaction_gas", 16_700_000),
        ("a page of a long book, bytes", (PAGED, LONG, 1), "largest_transaction_bytes", 128 * 1024),
        ("a page of 1,000 orders, gas", (RELAYED, 1000, 1), "largest_transaction_gas", 16_700_000),
        ("a page of 1,000 orders, bytes", (RELAYED, 1000, 1), "largest_transaction_bytes", 128 * 1024),
    )
    for target, row, field, limit in limits:
        if row in found:
            measured = found[row][field]
            yield {"target": target, "measured": measured, "at_most": limit, "met": measured <= limit}
    one, sixteen = found.get((RELAYED, 400, 1)), found.get((RELAYED, 400, 16))
    if one and sixteen:
        ratio = round(sixteen["gas_per_order"] / one["gas_per_order"], 4)
        yield {"target": "16 zones over one zone", "measured": ratio, "at_most": 1.1, "met": ratio <= 1.1}
