"""Clearing a measured slot in pages: the calls, what each used, and how long it was."""

from p2ptrade.bench.gas_world import CHAIN_ID, GasWorld
from p2ptrade.chain.clearing_pages import CallPlan, Clearing, plan_calls
from p2ptrade.chain.contracts.auction_pages import AuctionPages
from p2ptrade.chain.contracts.double_auction import Submission
from p2ptrade.chain.packing import OpenedRecord, running_hash, ticket, unpack_book
from p2ptrade.chain.typed_data import auction_domain
from p2ptrade.domain.units import SlotNumber
from p2ptrade.transport.book_reading import opened_digest


def sent_call(world: GasWorld, data: bytes) -> tuple[int, int]:
    """Send a call to the auction and return its gas and its length in bytes."""
    (receipt,) = world.send_all([(world.keys["relay"].address, world.auction.address, data)])
    return receipt.gas_used, len(data)


def planned(world: GasWorld, slot: SlotNumber, book: bytes) -> tuple[CallPlan, ...]:
    """Return the calls that judge a book of relayed orders, given as one page."""
    domain = auction_domain(CHAIN_ID, world.auction.address)
    records = [record for record in unpack_book(book) if isinstance(record, OpenedRecord)]
    tickets = {
        record.account: ticket(opened_digest(record, slot, domain), record.signature)
        for record in records
        if record.signature is not None
    }
    return plan_calls(records, tickets, ())


def clear_in_pages(world: GasWorld, submission: Submission) -> dict[str, list[tuple[int, int]]]:
    """Clear a slot and return gas and length of every call, by phase."""
    pages, first = AuctionPages(world.client, world.auction.address), world.client.head().number
    calls = planned(world, submission.slot, submission.book)
    clearing = Clearing(
        submission.slot,
        running_hash(call.book for call in calls),
        submission.prices,
        submission.grid_data,
        submission.published,
        submission.envelope_root,
        submission.verdict,
    )
    judged: list[tuple[int, int]] = []
    state = b""
    for call in calls:
        judged.append(sent_call(world, pages.judge_data(clearing, call, state)))
        state = pages.judged_states(clearing, first=first)[-1]
    filled: list[tuple[int, int]] = []
    while (accepted := pages.accepted(submission.slot, first=first)) is not None:
        filled.append(sent_call(world, pages.fill_data(accepted)))
    return {"judge": judged, "fill": filled}
