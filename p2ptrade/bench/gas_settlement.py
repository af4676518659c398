"""What settling costs, and the whole life of an order with it: slots cleared on the chain, metered, and settled.

In the rows of settlement everybody has a position, and every meter is a little off. Tokens of eight slots share a
storage word, so that figures with tokens are means over eight slots that follow each other. The whole life is that of
the orders of the other rows, of which about 60 % trade; everybody is settled, whether it traded or not.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

from p2ptrade.bench.gas_slot import RELAYED, grid_of, orders_of, play_slot
from p2ptrade.bench.gas_world import CHAIN_ID, ORACLES, GasWorld, Participant
from p2ptrade.chain.contracts.double_auction import ClearedSlot
from p2ptrade.chain.contracts.settlement import Settlement
from p2ptrade.chain.contracts.tariffs import packed_day
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.chain.settlement_page import pack_slot
from p2ptrade.chain.typed_data import ReportMessage, settlement_domain
from p2ptrade.domain.metered import MeteredAccount, SlotTotals
from p2ptrade.domain.settlement import RetailPrices
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh, SlotNumber

SETTLED_CASH: Final = "settlement, cash only"
SETTLED: Final = "settlement with tokens"
WHOLE_LIFE: Final = "relayed, settled with tokens"
SLOTS: Final = 8
_TARIFF: Final = RetailPrices(PriceMicroPerKwh(320_000), PriceMicroPerKwh(75_000))
_DAY_S: Final = 86_400
_SLOTS_PER_DAY: Final = 96
_DAYS: Final = 4


def settlement_rows(world: GasWorld, sizes: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield the rows for each number of accounts, in one zone."""
    _publish_tariffs(world)
    everybody = world.admit([0] * max(sizes))
    for count in sizes:
        some = everybody[:count]
        yield _row(SETTLED_CASH, count, _settled(world, some, 1, all_trade=True, delivered=False), whole=False)
        yield _row(SETTLED, count, _settled(world, some, SLOTS, all_trade=True, delivered=True), whole=False)
        yield _row(WHOLE_LIFE, count, _settled(world, some, SLOTS, all_trade=False, delivered=True), whole=True)


def _row(path: str, count: int, slots: Sequence[dict[str, int]], *, whole: bool) -> dict[str, Any]:
    """Return the mean over slots, of the whole life or of the settlement alone."""
    phases = slots[0].keys() if whole else ("settle",)
    phase_gas = {phase: round(sum(gas[phase] for gas in slots) / len(slots)) for phase in phases}
    return {
        "path": path,
        "orders": count,
        "zones": 1,
        "phase_gas": phase_gas,
        "gas_per_order": round(sum(phase_gas.values()) / count),
        "slots": len(slots),
    }


def _publish_tariffs(world: GasWorld) -> None:
    """Publish the same prices for some days, and go to where they begin."""
    day = (world.client.now_s() + world.parameters.tariff_notice_s) // _DAY_S + 2
    for each in range(day, day + _DAYS):
        world.send("retailer", "Tariffs", "publish", each, packed_day([_TARIFF] * _SLOTS_PER_DAY))
    world.dev.mine(at_s=day * _DAY_S)


def _settled(
    world: GasWorld, participants: Sequence[Participant], slots: int, *, all_trade: bool, delivered: bool
) -> list[dict[str, int]]:
    """Play slots that follow each other, then settle them; return the gas of each by phase."""
    grid = grid_of(1, len(participants))
    first = -(-world.next_slot() // SLOTS) * SLOTS  # where a storage word of tokens begins, as every eighth slot does
    numbers = [SlotNumber(number) for number in range(first, first + slots)]
    for slot in numbers:
        world.send("dso", "GridLimits", "publish", slot, grid.pack())
    played = []
    for slot in numbers:
        orders = orders_of(slot, participants, all_trade=all_trade)
        phase_gas, _, cleared = play_slot(world, slot, orders, RELAYED, grid)
        played.append((phase_gas, cleared))
    world.dev.mine(at_s=world.end_of(numbers[-1]))
    return [
        phase_gas | {"settle": _settle(world, participants, cleared, delivered=delivered)}
        for phase_gas, cleared in played
    ]


def _settle(world: GasWorld, participants: Sequence[Participant], cleared: ClearedSlot, *, delivered: bool) -> int:
    """Report and settle a slot in one transaction and return its gas."""
    positions = {position.account: position for position in unpack_positions(cleared.positions)}
    metered = []
    for number, account in enumerate(sorted(each.account for each in participants)):
        position = positions.get(account)
        withdrawn = number % 7
        if position is not None and (position.energy_wh > 0 or delivered):
            withdrawn += position.energy_wh
        metered.append(MeteredAccount(account, EnergyWh(withdrawn), position))
    packed = pack_slot(metered, len(metered))
    delivered_wh = SlotTotals.of(metered).delivered_wh
    report = ReportMessage(cleared.slot, 1, b"\7" * 32, packed.data_hash, len(metered), delivered_wh)
    settlement = Settlement(world.client, world.addresses["Settlement"])
    digest = report.digest(settlement_domain(CHAIN_ID, settlement.address))
    oracles = sorted((world.keys[name] for name in ORACLES), key=lambda key: int(key.address, 16))
    signatures = [key.sign_digest(digest) for key in oracles]
    data = settlement.at_once_data(report, signatures, packed.pages[0], cleared.result)
    (receipt,) = world.send_all([(world.keys["relay"].address, settlement.address, data)])
    return receipt.gas_used
