"""How long a slot's settlement takes off the chain: flows of every account, pages, readings root.

The slot is made up with a fixed seed: half of the accounts trade, each meter is a little off its position, one reading
in a hundred is an estimate. What is timed is what an oracle does between the energies and the report.
"""

import statistics
import time
from collections.abc import Sequence
from random import Random
from typing import Any, Final

from p2ptrade.chain.settlement_page import pack_slot, unpack_slot
from p2ptrade.domain.merkle import leaf_hash, merkle_root
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import RetailPrices, SettlementRules, settle_slot
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm

ACCOUNTS: Final = (400, 10_000)
REPEATS: Final = 5
SEED: Final = 11
TARGET_ACCOUNTS: Final = 10_000
TARGET_S: Final = 0.3
_FIRST_ACCOUNT: Final = 16
_PRICE: Final = 200
_CHARGE: Final = 16
_COLLATERAL: Final = 50
_PRICES: Final = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))
_RULES: Final = SettlementRules(Deviation(PriceMicroPerKwh(20_000), EnergyWh(50), SharePpm(100_000)))


def bench_settle(accounts: Sequence[int] = ACCOUNTS) -> dict[str, Any]:
    """Return `rows`: per number of accounts the seconds of each step and of flows and pages together."""
    rows = [_row(count) for count in accounts]
    targets = [
        {
            "target": f"seconds to settle {row['accounts']} accounts off the chain",
            "measured": row["seconds"],
            "at_most": TARGET_S,
            "met": row["seconds"] <= TARGET_S,
        }
        for row in rows
        if row["accounts"] == TARGET_ACCOUNTS
    ]
    return {"rows": rows, "targets": targets, "seed": SEED, "repeats": REPEATS}


def _row(count: int) -> dict[str, Any]:
    accounts, cleared = busy_slot(count)
    flows_s, settled = _timed(lambda: settle_slot(accounts, cleared, _PRICES, _RULES))
    pages_s, packed = _timed(lambda: pack_slot(accounts))
    read_s, read = _timed(lambda: unpack_slot(packed.pages))
    root_s, _ = _timed(lambda: merkle_root([leaf_hash(a.account, abs(a.metered_wh)) for a in accounts]))
    if list(read) != accounts or sum(settled.flows.values()):
        raise AssertionError("what was timed is not what was meant")
    return {
        "accounts": count,
        "seconds": round(flows_s + pages_s, 4),
        "flows_seconds": round(flows_s, 4),
        "pages_seconds": round(pages_s, 4),
        "read_seconds": round(read_s, 4),
        "root_seconds": round(root_s, 4),
        "pages": len(packed.pages),
        "bytes": sum(map(len, packed.pages)),
    }


def busy_slot(count: int) -> tuple[list[MeteredAccount], ClearedSlot]:
    """Return a slot of `count` accounts, of which half trade with each other."""
    random = Random(SEED)
    pairs = count // 4
    energies = [random.randint(100, 3_000) for _ in range(pairs)]
    metered = []
    for number in range(count):
        account = AccountId(_FIRST_ACCOUNT + number)
        position = _position(account, energies[number // 2 % pairs], number % 2) if number < 2 * pairs else None
        base = position.energy_wh if position else random.randint(-2_000, 2_000)
        wh = EnergyWh(base + random.randint(-200, 200))
        metered.append(MeteredAccount(account, wh, position, estimated=random.random() < 0.01))
    bought = sum(energies)
    return metered, ClearedSlot(EnergyWh(bought), AmountMicro(bought * _CHARGE))


def _position(account: AccountId, energy: int, side: int) -> Position:
    if side == 0:
        return Position(account, EnergyWh(energy), AmountMicro(energy * (_PRICE + _CHARGE)), AmountMicro(0))
    locked = energy * _COLLATERAL
    return Position(account, EnergyWh(-energy), AmountMicro(locked), AmountMicro(locked + energy * _PRICE))


def _timed(work: Any) -> tuple[float, Any]:
    """Return the median seconds of some runs, and the last result."""
    seconds, result = [], None
    for _ in range(REPEATS):
        begun = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds), result
