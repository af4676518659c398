"""The reputation counts of a day, from what the chain shows of its slots: books, voids, settled pages."""

from collections.abc import Iterable, Sequence

from p2ptrade.chain.contracts.double_auction import ClearedSlot
from p2ptrade.chain.contracts.tariffs import SLOTS_PER_DAY
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.packing import unpack_book, unpack_voids
from p2ptrade.chain.settled_pages import settled_accounts, transaction_inputs
from p2ptrade.domain.day_counts import SlotFacts, counts_of_day
from p2ptrade.domain.order import VoidReason
from p2ptrade.domain.reputation import pack_day
from p2ptrade.domain.units import AccountId, SlotNumber


def day_slots(day: int, first_priced: SlotNumber | None) -> list[SlotNumber]:
    """Return the slots of a UTC day that count: those from the first with a tariff on."""
    if first_priced is None:
        return []
    first = day * SLOTS_PER_DAY
    return [SlotNumber(slot) for slot in range(max(first, first_priced), first + SLOTS_PER_DAY)]


def counts_on_chain(market: Market, accounts: Iterable[AccountId], slots: Sequence[SlotNumber]) -> bytes:
    """Return the packed counts of a day's participants; all of its slots have come to their end.

    Raises:
        ChainError: the node has lost a transaction.
    """
    deviation = market.settlement.rules(slots[-1]).deviation
    return pack_day(counts_of_day(accounts, [_facts(market, slot) for slot in slots], deviation))


def _facts(market: Market, slot: SlotNumber) -> SlotFacts:
    first = market.first_block
    cleared = market.auction.cleared(slot, first=first)
    settled = settled_accounts(market.settlement, slot, first=first)
    if cleared is None:
        return SlotFacts(frozenset(), frozenset(), settled)
    voids = unpack_voids(cleared.voids)
    unopened = frozenset(account for account, reason in voids if reason is VoidReason.UNOPENED)
    return SlotFacts(_sealed(market, cleared), unopened, settled)


def _sealed(market: Market, cleared: ClearedSlot) -> frozenset[AccountId]:
    """Return who had an order in the book of a slot, which is in the data of the transaction that cleared it."""
    (data,) = transaction_inputs(market.client, [cleared.transaction_hash])
    (submission,) = market.auction.abi.function("clear").inputs.decode(data[4:])
    return frozenset(record.account for record in unpack_book(submission[1]))
