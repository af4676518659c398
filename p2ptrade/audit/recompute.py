"""Clearings, settlements and corrections computed again from what the chain published, beside what cash moved. Pure.

For a clearing: the opened book gives the prices and the fills, these give every payment. For a settlement: the pages,
the tariffs and the rules give every flow; for a correction, the difference that it makes. Where they differ from what
moved, money or energy moved otherwise than by the rules.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.audit.replay import Difference, differences
from p2ptrade.chain.packing import OpenedRecord, unpack_book
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount, SlotTotals
from p2ptrade.domain.money import buyer_pays_rounded_up, seller_receives_rounded_down
from p2ptrade.domain.order import Order, Step, VoidReason
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import RetailPrices, SettlementRules, SystemAccount, settle_correction, settle_slot
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
    ZoneId,
)
from p2ptrade.market import Book, clear
from p2ptrade.transport.book_reading import zone_tree

Entries = Sequence[tuple[AccountId, AmountMicro]]


@dataclass(frozen=True, slots=True)
class PublishedClearing:
    """A clearing as the chain has it; `moved` is all cash that moved in its transactions.

    `at_debt_limit` are the accounts that it left at the limit of their debt, which only happens in pages: cash that
    covered an order went to an earlier slot's settlement before it was locked.
    """

    slot: SlotNumber
    pages: tuple[bytes, ...]
    grid: GridData
    zones: Mapping[AccountId, ZoneId]
    prices: tuple[PriceHalfMicroPerKwh, ...]
    positions: tuple[Position, ...]
    voids: tuple[tuple[AccountId, VoidReason], ...]
    totals: ClearedSlot
    moved: Entries
    at_debt_limit: frozenset[AccountId] = frozenset()

    @property
    def orders(self) -> tuple[Order, ...]:
        """Return the opened orders that were not void, in book order."""
        void = {account for account, reason in self.voids if reason is not VoidReason.SUPERSEDED}
        records = (record for page in self.pages for record in unpack_book(page))
        return tuple(
            self._order(record) for record in records if isinstance(record, OpenedRecord) and record.account not in void
        )

    def _order(self, record: OpenedRecord) -> Order:
        steps = (Step(EnergyWh(energy), PriceMicroPerKwh(limit)) for energy, limit in record.steps)
        return Order(record.account, self.zones[record.account], record.side, tuple(steps))


@dataclass(frozen=True, slots=True)
class PublishedSettlement:
    """A settlement as the chain has it; `moved` is all cash that moved in the transactions of its pages.

    `at_debt_limit` are the accounts that it left at the limit of their debt.
    """

    slot: SlotNumber
    accounts: tuple[MeteredAccount, ...]
    cleared: ClearedSlot
    prices: RetailPrices
    rules: SettlementRules
    moved: Entries
    at_debt_limit: frozenset[AccountId] = frozenset()


@dataclass(frozen=True, slots=True)
class PublishedCorrection:
    """A settled correction as the chain has it: accounts as they were and are; `before` is what stood in the slot."""

    slot: SlotNumber
    version: int
    changes: tuple[tuple[MeteredAccount, MeteredAccount], ...]
    before: Mapping[AccountId, MeteredAccount]
    delivered_wh: EnergyWh
    prices: RetailPrices
    rules: SettlementRules
    moved: Entries
    at_debt_limit: frozenset[AccountId] = frozenset()


def check_clearing(clearing: PublishedClearing) -> list[Difference]:
    """Return what the clearing did otherwise than the auction's rules say."""
    orders = clearing.orders
    charge = clearing.grid.charges.total_micro_per_kwh
    again = clear(Book.of(zone_tree(clearing.grid), charge, orders))
    sign = {order.account: 1 if order.side == 0 else -1 for order in orders}
    fills = {
        order.account: sign[order.account] * int(energy)
        for order, energy in zip(orders, again.order_energy_wh, strict=True)
        if energy
    }
    name = f"slot {clearing.slot}:"
    found = differences(f"{name} price of zone", dict(enumerate(again.prices)), dict(enumerate(clearing.prices)))
    filled = {position.account: int(position.energy_wh) for position in clearing.positions}
    found += differences(f"{name} position of account", fills, filled)
    found += _check_payments(clearing, name)
    return found + _check_locks(clearing, name)


def check_settlement(settlement: PublishedSettlement) -> list[Difference]:
    """Return every flow that is not the one that the settlement's rules give."""
    due = settle_slot(settlement.accounts, settlement.cleared, settlement.prices, settlement.rules).flows
    moved = sums_of(settlement.moved)
    what = f"slot {settlement.slot}: settlement of account"
    return differences(what, _with_carried(due, moved, settlement.at_debt_limit), moved)


def check_correction(correction: PublishedCorrection) -> list[Difference]:
    """Return what a correction replaced that was not settled, and every flow that is not the difference it makes."""
    name = f"slot {correction.slot}, version {correction.version}:"
    replaced = {int(old.account): int(old.metered_wh) for old, _ in correction.changes}
    stood = {account: int(correction.before[AccountId(account)].metered_wh) for account in replaced}
    due: defaultdict[int, int] = defaultdict(int)
    for old, new in correction.changes:
        more = settle_correction(old, new, correction.prices, correction.rules)
        due[int(new.account)] += more
        due[SystemAccount.RETAILER] -= more
    after = {**correction.before, **{new.account: new for _, new in correction.changes}}
    delivered = SlotTotals.of(after.values()).delivered_wh
    moved = sums_of(correction.moved)
    carried = _with_carried({each: amount for each, amount in due.items() if amount}, moved, correction.at_debt_limit)
    return [
        *differences(f"{name} corrected energy of account", replaced, stood),
        *differences(name, {"delivered Wh": delivered}, {"delivered Wh": correction.delivered_wh}),
        *differences(f"{name} correction of account", carried, moved),
    ]


def _with_carried(due: Mapping[int, int], moved: Mapping[int, int], at_debt_limit: Iterable[int]) -> dict[int, int]:
    """Return what is due when the retailer carries what accounts at the debt limit could not pay: a rule too."""
    carried_too = dict(due)
    for account in at_debt_limit:
        carried = max(0, moved.get(account, 0) - due.get(account, 0))
        carried_too[account] = carried_too.get(account, 0) + carried
        carried_too[SystemAccount.RETAILER] = carried_too.get(SystemAccount.RETAILER, 0) - carried
    return carried_too


def sums_of(entries: Iterable[tuple[AccountId, AmountMicro]]) -> dict[int, int]:
    """Return what each account got in all, accounts that got nothing left out."""
    sums: defaultdict[int, int] = defaultdict(int)
    for account, delta in entries:
        sums[account] += delta
    return {account: amount for account, amount in sums.items() if amount}


def _check_payments(clearing: PublishedClearing, name: str) -> list[Difference]:
    """Compare what buyers gave and sellers will get with price times energy, and both with the totals."""
    charge = clearing.grid.charges.total_micro_per_kwh
    due: dict[AccountId, int] = {}
    agreed: dict[AccountId, int] = {}
    for position in clearing.positions:
        price = clearing.prices[clearing.zones[position.account]]
        if position.bought_wh:
            due[position.account] = buyer_pays_rounded_up(position.bought_wh, price, charge)
            agreed[position.account] = position.locked_micro
        else:
            due[position.account] = seller_receives_rounded_down(position.sold_wh, price)
            agreed[position.account] = position.revenue_micro
    found = differences(f"{name} amount of account", due, agreed)
    bought = sum(position.bought_wh for position in clearing.positions)
    sold = sum(position.sold_wh for position in clearing.positions)
    paid = sum(position.locked_micro for position in clearing.positions if position.bought_wh)
    revenue = sum(position.revenue_micro for position in clearing.positions)
    shares = clearing.totals.network_micro + clearing.totals.fee_micro + clearing.totals.rent_micro
    found += differences(
        name, {"energy sold": sold, "payments": paid}, {"energy sold": bought, "payments": revenue + shares}
    )
    return found


def _check_locks(clearing: PublishedClearing, name: str) -> list[Difference]:
    """Compare the cash that moved with what the positions lock; the rest may only be bonds of unopened orders."""
    locked = {int(position.account): -int(position.locked_micro) for position in clearing.positions}
    due = {account: amount for account, amount in locked.items() if amount}
    unopened = {int(account) for account, reason in clearing.voids if reason is VoidReason.UNOPENED}
    moved = sums_of(clearing.moved)
    bonds = {account: moved[account] for account in unopened if account in moved and account not in due}
    due |= bonds
    due |= {SystemAccount.ESCROW: -sum(locked.values()), SystemAccount.BONDS: -sum(bonds.values())}
    due = {account: amount for account, amount in due.items() if amount}
    return differences(f"{name} lock of account", _with_carried(due, moved, clearing.at_debt_limit), moved)
