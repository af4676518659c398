"""What the life of an order costs on the chain, from receipts, beside the published figures of earlier auctions.

Protocol, the same as the peers' were measured by: one order per account, half bids and half offers, random prices from
a fixed seed so that about 60 % of the orders trade, all transactions of the orders' lives divided by their number. Left
out: deployment, admission, and the first deposit. Gas is deterministic to the unit.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from p2ptrade.bench.gas_settlement import SETTLED, SETTLED_CASH, WHOLE_LIFE, settlement_rows
from p2ptrade.bench.gas_slot import OWN, PAGED, RELAYED, grid_of, orders_of, play_slot
from p2ptrade.bench.gas_world import GasWorld, Participant, gas_world
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.domain.units import SlotNumber

ORDERS: Final = (10, 50, 100, 400, 1000)
ZONES: Final = (1, 16)
LARGEST: Final = 2_400
LONG: Final = 4_000

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
        rows += settlement_rows(world, sorted(orders))
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
    grid = grid_of(zones, count)
    world.send("dso", "GridLimits", "publish", slot, grid.pack())
    phase_gas, sent, cleared = play_slot(world, slot, orders_of(slot, participants), path, grid)
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
        ("settlement, cash only, 400 accounts, gas per account", (SETTLED_CASH, 400, 1), "gas_per_order", 6_500),
        ("settlement with tokens, 400 accounts, gas per account", (SETTLED, 400, 1), "gas_per_order", 12_500),
        ("whole life with settlement and tokens, 400 orders", (WHOLE_LIFE, 400, 1), "gas_per_order", 24_000),
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
