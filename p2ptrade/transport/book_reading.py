"""From the bytes of a book to the market's book: which orders take part, and why the others do not.

The relay, the grid operator and any other solver read a book by this one function, which says of every record what the
contract will say. It needs public data only: the book, the ledger's accounts, the cover rules and the grid data.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.packing import BookRecord, OpenedRecord, SupersededRecord, UnopenedRecord, unpack_book
from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import Domain, Message, TermsMessage, order_digest
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.order import Order, Side, Step, VoidReason
from p2ptrade.domain.participant import AccountState, CoverRules, why_void
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.market import Book, ZoneTree


@dataclass(frozen=True, slots=True)
class BookContext:
    """What a book is read against: slot, EIP-712 domain of the auction, ledger accounts, cover rules, grid data."""

    slot: SlotNumber
    domain: Domain
    accounts: Mapping[AccountId, AccountState]
    rules: CoverRules
    grid: GridData


@dataclass(frozen=True, slots=True)
class ReadBook:
    """The market's book of the orders that take part, and the orders that do not, in book order."""

    book: Book
    orders: tuple[Order, ...]
    voids: tuple[tuple[AccountId, VoidReason], ...]


@dataclass(frozen=True)
class _AnyTerms(Message):
    """The terms of an order that need not be canonical: a book may hold what no wallet of ours would sign."""

    TYPE = TermsMessage.TYPE
    FIELDS = TermsMessage.FIELDS

    side: Side
    energies_wh: tuple[int, ...]
    limit_prices_micro_per_kwh: tuple[int, ...]
    salt: bytes


def read_book(pages: Iterable[bytes], context: BookContext) -> ReadBook:
    """Return the book that the pages hold.

    Raises:
        InputError: the bytes are no book.
    """
    orders: list[Order] = []
    voids: list[tuple[AccountId, VoidReason]] = []
    for page in pages:
        for record in unpack_book(page):
            judged = judge_record(record, context)
            if isinstance(judged, Order):
                orders.append(judged)
            else:
                voids.append((record.account, judged))
    charge = context.grid.charges.total_micro_per_kwh
    return ReadBook(Book.of(zone_tree(context.grid), charge, orders), tuple(orders), tuple(voids))


def judge_record(record: BookRecord, context: BookContext) -> Order | VoidReason:
    """Return the order of a record, or why it is void; of several reasons the first in the contract's order."""
    if isinstance(record, SupersededRecord):
        return VoidReason.SUPERSEDED
    account = context.accounts.get(record.account)
    if record.signature is not None:
        signer = recover(_digest(record, context), record.signature)
        if signer is None or account is None or signer != account.owner:
            return VoidReason.BAD_SIGNATURE
    if isinstance(record, UnopenedRecord):
        return VoidReason.UNOPENED
    if account is None:
        return VoidReason.ACCOUNT_NOT_ACTIVE
    # Steps without energy make an order malformed, as no steps at all do.
    whole = all(energy_wh > 0 for energy_wh, _ in record.steps)
    steps = _domain_steps(record.steps) if whole else ()
    reason = why_void(account, record.side, steps, context.rules, context.grid)
    return Order(record.account, account.zone, record.side, steps) if reason is None else reason


def zone_tree(grid: GridData) -> ZoneTree:
    """Return the market's tree of zones with the line limits of the grid data."""
    return ZoneTree.of((zone.parent, zone.import_wh, zone.export_wh) for zone in grid.zones[1:])


def _digest(record: OpenedRecord | UnopenedRecord, context: BookContext) -> bytes:
    """Return the digest that the owner of a relayed order must have signed."""
    if isinstance(record, UnopenedRecord):
        return order_digest(context.domain, context.slot, record.account, record.sealed)
    return opened_digest(record, context.slot, context.domain)


def opened_digest(record: OpenedRecord, slot: SlotNumber, domain: Domain) -> bytes:
    """Return the EIP-712 digest of an order in the clear, whatever its steps are."""
    energies_wh = tuple(energy_wh for energy_wh, _ in record.steps)
    limits = tuple(limit for _, limit in record.steps)
    terms = _AnyTerms(record.side, energies_wh, limits, record.salt)
    return order_digest(domain, slot, record.account, terms.struct_hash())


def _domain_steps(steps: Sequence[tuple[int, int]]) -> tuple[Step, ...]:
    return tuple(Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)) for energy_wh, limit in steps)
