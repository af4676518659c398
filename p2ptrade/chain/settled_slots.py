"""Settled slots read back from the chain as a whole: accounts, prices, rules and corrections, up to one block."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.settlement import rules_of
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.settled_pages import page_in, transaction_inputs
from p2ptrade.chain.settlement_page import unpack_corrections, unpack_slot
from p2ptrade.domain.guarantee import SettledSlot
from p2ptrade.domain.units import SlotNumber

_SLOTS_AT_ONCE: Final = 96


@dataclass(frozen=True, slots=True)
class PublishedSlot:
    """A settled slot, the last transaction that settled a page of it, and that of each of its corrections."""

    settled: SettledSlot
    transaction: bytes
    correction_transactions: tuple[bytes, ...]


def published_slots(
    market: Market, slots: range, *, first: Block | None = None, last: Block = LATEST
) -> Iterator[PublishedSlot]:
    """Return those of `slots` whose settlement was complete at block `last`, in order, with the corrections until then.

    `first` is a block before which none of them was settled, that of the deployment if it is not given.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction that it has the events of.
    """
    since = market.first_block if first is None else first
    records = market.settlement.events(("PageSettled", "Settled", "Corrected"), first=since, last=last)
    named: defaultdict[str, defaultdict[SlotNumber, list[EventRecord]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if record.values["slot"] in slots:
            named[record.name][SlotNumber(record.values["slot"])].append(record)
    complete = sorted(named["Settled"])
    for start in range(0, len(complete), _SLOTS_AT_ONCE):
        some = complete[start : start + _SLOTS_AT_ONCE]
        pages = {slot: [record.log.transaction_hash for record in named["PageSettled"][slot]] for slot in some}
        hashes = [each for slot in some for each in pages[slot]]
        inputs = dict(zip(hashes, transaction_inputs(market.client, hashes), strict=True))
        # Neither changes for a slot that is over, so no node needs to keep the state of block `last`.
        prices = market.tariffs.prices(some)
        rules = market.settlement.read_many("rulesAt", [(slot,) for slot in some])
        for slot, priced, ruled in zip(some, prices, rules, strict=True):
            corrected = [
                (change, record.log.transaction_hash)
                for record in named["Corrected"][slot]
                for change in unpack_corrections(record.values["corrections"])
            ]
            accounts = unpack_slot([page_in(inputs[each]) for each in pages[slot]])
            changes = tuple(change for change, _ in corrected)
            settled = SettledSlot(slot, accounts, priced, rules_of(ruled), changes)
            yield PublishedSlot(settled, pages[slot][-1], tuple(transaction for _, transaction in corrected))
