"""What the chain shows of each clearing, in one call or in pages: book, result, and the cash that moved. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.audit.evidence import ChainEvent, Evidence
from p2ptrade.audit.recompute import PublishedClearing
from p2ptrade.chain import abi
from p2ptrade.chain.clearing_pages import Checkpoint, Clearing
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.double_auction import SlotResult, whole_clearings
from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.units import AccountId, PriceHalfMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.errors import ChainError

Inputs = Callable[[bytes], bytes]
_START: Final = Checkpoint().book_hash


def published_clearings(
    evidence: Evidence, inputs: Inputs, zones: Mapping[AccountId, ZoneId]
) -> Iterator[PublishedClearing]:
    """Return every clearing; `inputs` gives the input of a transaction by its hash.

    Raises:
        ChainError: a page of a book is missing on the chain.
    """
    judged, filled = _by_slot(evidence, "PageJudged"), _by_slot(evidence, "PageFilled")
    accepted = _by_slot(evidence, "Accepted")
    names = ("Cleared", "PageFilled")
    records = (each for each in evidence.events if each.contract == "DoubleAuction" and each.name in names)
    for event in whole_clearings(EventRecord(each.name, each.values, each.log) for each in records):
        slot = SlotNumber(event.values["slot"])
        transactions = {event.log.transaction_hash} | {each.log.transaction_hash for each in filled[slot]}
        if accepted[slot]:
            grid = Clearing.of(accepted[slot][0].values["clearing"]).grid_data
            pages = judged_book(judged[slot], event.values["bookHash"], inputs)
        else:
            (fields,) = (
                abi.load("DoubleAuction").function("clear").inputs.decode(inputs(event.log.transaction_hash)[4:])
            )
            _, book, _, grid, *_ = fields
            pages = (book,)
        yield PublishedClearing(
            slot=slot,
            pages=pages,
            grid=GridData.unpack(grid),
            zones=zones,
            prices=tuple(PriceHalfMicroPerKwh(price) for price in event.values["prices"]),
            positions=tuple(unpack_positions(event.values["positions"])),
            voids=tuple(unpack_voids(event.values["voids"])),
            totals=SlotResult.of(event.values["result"]).totals,
            moved=evidence.moved_in(transactions),
            at_debt_limit=evidence.at_debt_limit(transactions) if accepted[slot] else frozenset(),
        )


def judged_book(events: Iterable[ChainEvent], book_hash: bytes, inputs: Inputs) -> tuple[bytes, ...]:
    """Return the pages of the book with this hash, in order; `events` are the slot's `PageJudged`.

    Others may have judged other pages beside it: what counts is what the hash was made of.

    Raises:
        ChainError: a page is missing among the events.
    """
    function = abi.load("DoubleAuction").function("judgePage")
    before_page: dict[bytes, tuple[bytes, bytes]] = {}
    for event in events:
        _, (book, *_), state = function.inputs.decode(inputs(event.log.transaction_hash)[4:])
        if book:
            before = Checkpoint.in_state(state).book_hash if state else _START
            before_page[keccak(before + keccak(book))] = (before, book)
    pages: list[bytes] = []
    while book_hash != _START:
        if book_hash not in before_page:
            raise ChainError("a page of a book that was cleared is missing on the chain: audit with another node")
        book_hash, page = before_page[book_hash]
        pages.append(page)
    return tuple(reversed(pages))


def _by_slot(evidence: Evidence, name: str) -> defaultdict[SlotNumber, list[ChainEvent]]:
    events: defaultdict[SlotNumber, list[ChainEvent]] = defaultdict(list)
    for event in evidence.named("DoubleAuction", name):
        events[SlotNumber(event.values["slot"])].append(event)
    return events
