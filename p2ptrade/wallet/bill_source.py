"""Where a bill's numbers come from: the clearings and settlements on the chain, each computed again from public data.

Nobody is asked but the chain. The settled pages are in the data of the transactions that settled them; with the tariffs
and the rules every flow of the account follows from them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.double_auction import SlotResult
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.chain.settled_pages import page_in, transaction_inputs
from p2ptrade.chain.settlement_page import unpack_corrections, unpack_slot
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.settlement import (
    settle_correction,
    settle_slot,
)
from p2ptrade.domain.units import AccountId, AmountMicro, PriceHalfMicroPerKwh, PriceMicroPerKwh, SlotNumber
from p2ptrade.wallet.bill import BillLine, Metered, Trade, bill_line


@dataclass(frozen=True, slots=True)
class _Settled:
    """A settled slot: all accounts of its pages, and the last transaction that settled one."""

    accounts: tuple[MeteredAccount, ...]
    transaction: str


def read_bill_lines(market: Market, account: AccountId, first: SlotNumber, last: SlotNumber) -> list[BillLine]:
    """Return the lines of the slots from `first` to `last` of which the chain knows something for `account`.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction that it has the events of.
    """
    clearings = _by_slot(market.auction.clearings(first=market.first_block), first, last)
    settled = _settled_slots(market, first, last)
    charges = _charges(market, clearings)
    zone = market.ledger.accounts([account])[account].zone
    lines: list[BillLine] = []
    for slot in sorted(clearings.keys() | settled.keys()):
        records = clearings.get(slot, [])
        trade = _trade(records[-1], account, zone, charges[slot]) if records else None
        cleared = SlotResult.of(records[-1].values["result"]).totals if records else ClearedSlot()
        metered = _metered(market, slot, account, settled[slot], cleared) if slot in settled else None
        line = bill_line(slot, trade, metered)
        if line is not None:
            lines.append(line)
    return lines


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


def _settled_slots(market: Market, first: SlotNumber, last: SlotNumber) -> dict[SlotNumber, _Settled]:
    """Return the slots whose settlement is complete."""
    complete = _by_slot(market.settlement.events("Settled", first=market.first_block), first, last)
    pages = _by_slot(market.settlement.events("PageSettled", first=market.first_block), first, last)
    return {
        slot: _Settled(_accounts(market, records), _hex(records[-1].log.transaction_hash))
        for slot, records in pages.items()
        if slot in complete
    }


def _accounts(market: Market, pages: Sequence[EventRecord]) -> tuple[MeteredAccount, ...]:
    inputs = transaction_inputs(market.client, [record.log.transaction_hash for record in pages])
    return unpack_slot([page_in(data) for data in inputs])


def _metered(
    market: Market, slot: SlotNumber, account: AccountId, settled: _Settled, cleared: ClearedSlot
) -> Metered | None:
    """Return how the account was settled, computed again; nothing if it is not among the metered accounts."""
    readings = {reading.account: reading for reading in settled.accounts}
    if account not in readings:
        return None
    (prices,) = market.tariffs.prices([slot])
    rules = market.settlement.rules(slot)
    whole = settle_slot(settled.accounts, cleared, prices, rules)
    own = next(each for each in whole.accounts if each.account == account)
    stands, corrected, corrected_by = readings[account], 0, None
    for record in market.settlement.events("Corrected", first=market.first_block, where={"slot": slot}):
        for before, after in unpack_corrections(record.values["corrections"]):
            if before.account == account:
                corrected += settle_correction(before, after, prices, rules)
                stands, corrected_by = after, _hex(record.log.transaction_hash)
    return Metered(stands, own, prices, settled.transaction, AmountMicro(corrected), corrected_by)


def _hex(data: bytes) -> str:
    return "0x" + data.hex()
