"""Where a bill's numbers come from: the clearings and settlements on the chain, each computed again from public data.

Nobody is asked but the chain. The settled pages are in the data of the transactions that settled them; with the tariffs
and the rules every flow of the account follows from them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.double_auction import SlotResult
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.chain.settled_slots import PublishedSlot, published_slots
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.metered import ClearedSlot
from p2ptrade.domain.settlement import (
    settle_correction,
    settle_slot,
)
from p2ptrade.domain.units import AccountId, AmountMicro, PriceHalfMicroPerKwh, PriceMicroPerKwh, SlotNumber
from p2ptrade.wallet.bill import BillLine, Metered, Refund, Trade, bill_line

_EPOCH: Final = date(1970, 1, 1)


def read_bill_lines(market: Market, account: AccountId, first: SlotNumber, last: SlotNumber) -> list[BillLine]:
    """Return the lines of the slots from `first` to `last` of which the chain knows something for `account`.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction that it has the events of.
    """
    clearings = _by_slot(market.auction.clearings(first=market.first_block), first, last)
    for slot in _by_slot(market.auction.events("Refunded", first=market.first_block), first, last):
        clearings.pop(slot, None)  # what was locked went back, as if there had been no trade
    settled = {each.settled.slot: each for each in published_slots(market, range(first, last + 1))}
    charges = _charges(market, clearings)
    zone = market.ledger.accounts([account])[account].zone
    lines: list[BillLine] = []
    for slot in sorted(clearings.keys() | settled.keys()):
        records = clearings.get(slot, [])
        trade = _trade(records[-1], account, zone, charges[slot]) if records else None
        cleared = SlotResult.of(records[-1].values["result"]).totals if records else ClearedSlot()
        metered = _metered(account, settled[slot], cleared) if slot in settled else None
        line = bill_line(slot, trade, metered)
        if line is not None:
            lines.append(line)
    return lines


def read_refunds(market: Market, account: AccountId, first: date, last: date) -> list[Refund]:
    """Return what the guarantee refunded `account` for periods whose days lie from `first` to `last`, both included.

    Raises:
        ChainUnreachableError: the node does not answer.
    """
    if market.guarantee is None:
        return []
    rules = market.guarantee.rules()
    found: list[Refund] = []
    for payment in market.guarantee.payments(first=market.first_block):
        days = rules.days(payment.period)
        begin, end = _EPOCH + timedelta(days.start), _EPOCH + timedelta(days.stop - 1)
        if first <= begin and end <= last:
            transaction = _hex(payment.record.log.transaction_hash)
            found += [
                Refund(payment.period, begin, end, amount, transaction)
                for refunded, amount in payment.refunds
                if refunded == account
            ]
    return found


def _by_slot(
    records: Iterable[EventRecord], first: SlotNumber, last: SlotNumber
) -> dict[SlotNumber, list[EventRecord]]:
    grouped: dict[SlotNumber, list[EventRecord]] = defaultdict(list)
    for record in records:
        if first <= record.values["slot"] <= last:
            grouped[SlotNumber(record.values["slot"])].append(record)
    return grouped


def _charges(market: Market, slots: Iterable[SlotNumber]) -> Mapping[SlotNumber, PriceMicroPerKwh]:
    """Return the buyer's charge of each slot; a tightened round changes limits, never charges."""
    published = market.grid_limits.events("LimitsPublished", first=market.first_block)
    wanted = set(slots)
    return {
        SlotNumber(record.values["slot"]): GridData.unpack(record.values["gridData"]).charges.total_micro_per_kwh
        for record in published
        if record.values["slot"] in wanted
    }


def _trade(record: EventRecord, account: AccountId, zone: int, charge: PriceMicroPerKwh) -> Trade | None:
    for position in unpack_positions(record.values["positions"]):
        if position.account == account:
            price = PriceHalfMicroPerKwh(record.values["prices"][zone])
            return Trade(position, price, charge, _hex(record.log.transaction_hash))
    return None


def _metered(account: AccountId, published: PublishedSlot, cleared: ClearedSlot) -> Metered | None:
    """Return how the account was settled, computed again; nothing if it is not among the metered accounts."""
    slot = published.settled
    readings = {reading.account: reading for reading in slot.accounts}
    if account not in readings:
        return None
    whole = settle_slot(slot.accounts, cleared, slot.prices, slot.rules)
    own = next(each for each in whole.accounts if each.account == account)
    stands, corrected, corrected_by = readings[account], 0, None
    for (before, after), transaction in zip(slot.corrections, published.correction_transactions, strict=True):
        if before.account == account:
            corrected += settle_correction(before, after, slot.prices, slot.rules)
            stands, corrected_by = after, _hex(transaction)
    return Metered(stands, own, slot.prices, _hex(published.transaction), AmountMicro(corrected), corrected_by)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
