"""A day's record, made after the day from the audit of the chain, the profiles behind the meters, and a power flow."""

from collections.abc import Iterable, Mapping
from typing import Final

from p2ptrade.audit.books import Books
from p2ptrade.audit.recompute import PublishedClearing, PublishedSettlement, sums_of
from p2ptrade.chain.deployed import Market
from p2ptrade.demo.day import Day, HomeSlot, SlotRecord
from p2ptrade.demo.driver import Driver
from p2ptrade.demo.world import World
from p2ptrade.domain.order import VoidReason
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SlotNumber

# What a slot costs on the chain, from the seal to the settlement; publications of limits and tariffs are not per order.
_SLOT_EVENTS: Final = {
    "DoubleAuction": ("Committed", "Sealed", "Opened", "Cleared", "PageJudged", "PageFilled"),
    "Settlement": ("ReportSubmitted", "PageSettled"),
}


def record_day(
    world: World, market: Market, books: Books, driver: Driver, homes: Mapping[AccountId, int], setup: tuple[int, int]
) -> Day:
    """Return the record of the day; `homes` gives the number of each account's home, `setup` transactions and gas."""
    clearings = {clearing.slot: clearing for clearing in books.clearings}
    settlements = {settlement.slot: settlement for settlement in books.settlements}
    costs = _costs(market, world.timeline.traded)
    slots = tuple(
        _slot(world, slot, clearings.get(slot), settlements[slot], driver, homes, costs.get(slot, (0, 0)))
        for slot in world.timeline.traded
    )
    return Day(
        week=world.scenario.week,
        seed=world.scenario.seed,
        slots=slots,
        accounts=tuple(sorted(homes)),
        setup_transactions=setup[0],
        setup_gas=setup[1],
        money_difference_micro=books.money_difference_micro,
        energy_difference_wh=books.energy_difference_wh,
    )


def transactions_and_gas(market: Market, blocks: Iterable[int]) -> tuple[int, int]:
    """Return how many transactions some blocks hold, and the gas they used."""
    asked = [("eth_getBlockByNumber", [hex(number), False]) for number in blocks]
    found = market.client.rpc.batch(asked) if asked else []
    return sum(len(block["transactions"]) for block in found), sum(int(block["gasUsed"], 16) for block in found)


def _slot(
    world: World,
    slot: SlotNumber,
    clearing: PublishedClearing | None,
    settlement: PublishedSettlement,
    driver: Driver,
    homes: Mapping[AccountId, int],
    cost: tuple[int, int],
) -> SlotRecord:
    week = world.profiles.week(world.scenario.week)
    column = week.column(start_of(slot))
    cash = sums_of([*(clearing.moved if clearing else ()), *settlement.moved])
    metered = {account.account: int(account.metered_wh) for account in settlement.accounts}
    positions = {position.account: int(position.energy_wh) for position in clearing.positions} if clearing else {}
    charges = clearing.grid.charges.total_micro_per_kwh if clearing else PriceMicroPerKwh(0)
    voids = clearing.voids if clearing else ()
    return SlotRecord(
        slot=slot,
        retail_micro_per_kwh=settlement.prices.retail,
        feed_in_micro_per_kwh=settlement.prices.feed_in,
        charge_micro_per_kwh=charges,
        prices=clearing.prices if clearing else (),
        orders=clearing.orders if clearing else (),
        sealed=driver.sealed.get(slot, 0),
        void=sum(1 for _, reason in voids if reason is not VoidReason.SUPERSEDED),
        rounds=driver.rounds.get(slot, 0),
        transactions=cost[0],
        gas=cost[1],
        feeder=driver.feeder[slot],
        homes={
            account: HomeSlot(
                position_wh=positions.get(account, 0),
                metered_wh=metered[account],
                cash_micro=AmountMicro(cash.get(account, 0)),
                consumption_wh=EnergyWh(int(week.consumption_wh[number, column])),
                generation_wh=EnergyWh(int(week.pv_wh[number, column])),
            )
            for account, number in homes.items()
        },
    )


def _costs(market: Market, slots: Iterable[SlotNumber]) -> dict[SlotNumber, tuple[int, int]]:
    """Return transactions and gas of each slot, found by the events that name it."""
    wanted = set(slots)
    slot_of: dict[bytes, SlotNumber] = {}
    for contract, names in _SLOT_EVENTS.items():
        wrapper = market.auction if contract == "DoubleAuction" else market.settlement
        for name in names:
            for record in wrapper.events(name, first=market.first_block):
                slot = SlotNumber(record.values["slot"])
                if slot in wanted:
                    slot_of[record.log.transaction_hash] = slot
    costs: dict[SlotNumber, tuple[int, int]] = {}
    for receipt in market.client.receipts(list(slot_of)):
        if receipt is not None:
            slot = slot_of[receipt.transaction_hash]
            count, gas = costs.get(slot, (0, 0))
            costs[slot] = (count + 1, gas + receipt.gas_used)
    return costs
