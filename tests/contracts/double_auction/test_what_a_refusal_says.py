"""The values in the errors of the auction: where, what was found, and what was needed.

Paths. Given a book that is cut off, has a record of no kind, or does not rise, then the refusal says at which byte and
for which account. Given entries or own seals that are not the sealed ones, then it has both. Given a call out of its
time, then it has the time.
"""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.packing import OpenedRecord, OwnSeal, SupersededRecord, UnopenedRecord
from p2ptrade.domain.order import Side
from p2ptrade.domain.units import AccountId
from tests.support.auction import CLEARED, Market, Slot, Trader
from tests.support.auction_pages import PagedClearing
from tests.support.chain import reverts

HASH_MASK = 2**248 - 1
HEAD, STEP, SALT, SIGNATURE, ARRIVAL, HASH = 5, 8, 16, 64, 2, 32
TWO_STEPS = HEAD + 2 * STEP + SALT + SIGNATURE
ONE_STEP = HEAD + STEP + SALT + SIGNATURE


@pytest.fixture
def slot(market: Market) -> Slot:
    """A slot with three relayed orders, the first of two steps, sealed and closed."""
    traders = market.admit([0, 0, 0])
    slot = market.new_slot()
    slot.relay(traders[0], Side.BID, [(700, 250_000), (100, 200_000)])
    slot.relay(traders[1], Side.OFFER, [(1500, 150_000)])
    slot.relay(traders[2], Side.BID, [(600, 251_000)])
    slot.seal_and_close()
    return slot


def packed(slot: Slot) -> list[bytes]:
    records = [record.pack() for record in slot.records()]
    assert [len(record) for record in records] == [TWO_STEPS, ONE_STEP, ONE_STEP]
    return records


def test_how_much_of_a_book_is_missing(slot: Slot) -> None:
    book = slot.book()
    ends = [TWO_STEPS, TWO_STEPS + ONE_STEP, TWO_STEPS + 2 * ONE_STEP]

    for length in (1, 4, 5, 6, 100, 102, 106, 193, 195, 286):
        with reverts("TruncatedBook", length=length, needed=min(end for end in ends if end > length)):
            slot.clear(book=book[:length], prices=[0])


@pytest.mark.parametrize(("arrival", "length"), [(None, HEAD + HASH), (0, HEAD + ARRIVAL + HASH)])
def test_that_the_last_seal_of_an_account_is_missing(market: Market, arrival: int | None, length: int) -> None:
    (trader,) = market.admit([0])
    slot = market.new_slot()
    slot.seal_and_close()
    replaced = SupersededRecord(AccountId(trader.account), keccak(b"replaced"), arrival).pack()

    with reverts("TruncatedBook", length=length, needed=length + 1):
        slot.clear(book=replaced, prices=[0])


def test_where_a_record_of_no_kind_is(slot: Slot) -> None:
    first = packed(slot)[0]

    for kind in (0x21, 0x42, 0x80, 0xFF):
        with reverts("BadRecord", offset=TWO_STEPS, kind=kind):
            slot.clear(book=first + bytes([kind]) + (2**32 - 1).to_bytes(4, "big") + bytes(200), prices=[0])


def test_which_account_does_not_rise(slot: Slot) -> None:
    records, accounts = packed(slot), sorted(slot.relayed)

    for order, offset in (((0, 0), TWO_STEPS), ((1, 0), ONE_STEP), ((0, 2, 1), TWO_STEPS + ONE_STEP)):
        account, previous = accounts[order[-1]], accounts[order[-2]]
        with reverts("AccountsMustRise", offset=offset, account=account, previous=previous):
            slot.clear(book=b"".join(records[index] for index in order), prices=[0])


def test_which_account_has_a_record_too_many(slot: Slot) -> None:
    records, account = packed(slot), min(slot.relayed)
    own = OpenedRecord(AccountId(account), Side.BID, ((1, 1),), bytes(16), None, 0).pack()

    with reverts("NotSuperseded", account=account):
        slot.clear(book=records[0] + own, prices=[0])


def test_an_account_is_told_in_full_however_high(market: Market) -> None:
    highest = AccountId(2**32 - 1)  # nobody's
    slot = market.new_slot()
    order = slot.order(Trader("nobody", market.relay, highest), Side.BID, [(1, 1)])
    opened = OpenedRecord(highest, Side.BID, ((1, 1),), order.salt, arrival=0)
    unopened = UnopenedRecord(highest, order.digest(market.domain), arrival=0)
    replaced = [SupersededRecord(highest, order.digest(market.domain), arrival).pack() for arrival in (0, 1)]
    (trader,) = market.admit([0])
    slot.seal(trader, Side.BID, [(1, 1)])
    slot.seal_and_close()
    paged = PagedClearing.of(slot)

    lower = AccountId(highest - 1)
    with reverts("AccountsMustRise", account=lower, previous=highest):
        slot.clear(book=opened.pack() + replace(opened, account=lower).pack(), prices=[0])
    with reverts("NotSuperseded", account=highest):
        slot.clear(book=opened.pack() * 2, prices=[0])
    for arrival in (0, 1):
        with reverts("NotTheLastSeal", account=highest, arrival=arrival):
            slot.clear(book=replaced[arrival] + opened.pack(), prices=[0])
        paged.judge(book=replaced[arrival], seals=b"", state=b"", call=0)
        with reverts("NotTheLastSeal", account=highest, arrival=arrival):
            paged.judge(book=opened.pack(), seals=b"", state=paged.states[-1], call=0)
    with reverts("OwnersMayStillOpen", account=highest):
        slot.clear(book=unopened.pack(), prices=[0])
    relayed = replace(opened, arrival=None)
    market.auction.send("open", slot.number, relayed.opening(), sender=market.relay.address)
    with reverts("WasOpened", account=highest):
        slot.clear(book=unopened.pack(), prices=[0])


def test_which_account_must_come_next(slot: Slot) -> None:
    records, accounts = packed(slot), sorted(slot.relayed)
    replaced = SupersededRecord(AccountId(accounts[0]), keccak(b"replaced")).pack()

    with reverts("AccountsMustRise", offset=HEAD + HASH, account=accounts[1], previous=accounts[0]):
        slot.clear(book=replaced + records[1], prices=[0])
    with reverts("AccountsMustRise", offset=HEAD + HASH, account=accounts[0], previous=accounts[0]):
        slot.clear(book=replaced + records[0], prices=[0])


def test_what_was_committed_and_what_was_found(slot: Slot) -> None:
    records, (first, *_) = packed(slot), sorted(slot.relayed)
    committed = int.from_bytes(slot.root(), "big") & HASH_MASK
    del slot.relayed[first]

    with reverts("WrongEntries", slot=slot.number, committed=committed, found=slot.root()):
        slot.clear(book=b"".join(records[1:]), prices=[0])
    with reverts("WrongEntries", slot=slot.number, committed=committed, found=bytes(32)):
        slot.clear(book=b"", prices=[0])


def test_which_own_seals_are_missing(market: Market) -> None:
    one, two = market.admit([0, 0])
    slot = market.new_slot()
    for trader in (one, two):
        slot.seal(trader, Side.BID, [(1, 1)])
    chains = [bytes(32)]
    for trader, order in slot.own:
        seal = OwnSeal(trader.key.address, order.digest(market.domain))
        chains.append(keccak(chains[-1] + bytes.fromhex(seal.owner[2:]) + seal.digest))
    slot.seal_and_close()
    first, second = (record.pack() for record in slot.records())

    for book, found in ((b"", chains[0]), (first, chains[1])):
        with reverts("WrongOwnSeals", slot=slot.number, needed=chains[2], found=found):
            slot.clear(book=book, prices=[1])
    slot.clear(book=first + second)


def test_when_it_was_too_early_and_when_too_late(market: Market) -> None:
    slot = market.new_slot()
    submission = slot.submission()
    gate, open_until, clear_until = slot.gate_s, slot.open_until_s, slot.clear_until_s

    market.chain.next_block_at(gate - 1)
    with reverts("GateStillOpen", slot=slot.number, closesAt=gate, now_=gate - 1):
        slot.clear(submission)
    market.chain.next_block_at(gate)
    with reverts("GateClosed", slot=slot.number, closedAt=gate, now_=gate):
        market.auction.send("seal", slot.number, keccak(b"late"), sender=market.relay.address)
    for late in (open_until, open_until + 1):
        market.chain.next_block_at(late)
        with reverts("WindowClosed", slot=slot.number, closedAt=open_until, now_=late):
            market.auction.send("open", slot.number, bytes(37), sender=market.relay.address)
    before = market.chain.dev.snapshot()
    market.chain.next_block_at(clear_until)
    with reverts("WindowClosed", slot=slot.number, closedAt=clear_until, now_=clear_until):
        slot.clear(submission)
    market.chain.dev.revert(before)
    slot.clear(submission)

    assert market.auction.call("phaseOf", slot.number) == CLEARED
    with reverts("AlreadyCleared", slot=slot.number):
        slot.clear(submission)


def test_what_is_missing_or_wrong_far_inside_a_long_book(market: Market) -> None:
    slot = market.new_slot()
    slot.seal_and_close()
    book = b"".join(b"\1" + account.to_bytes(4, "big") + bytes(ONE_STEP - HEAD) for account in range(16, 56))

    for length in (ONE_STEP * 39 + 1, ONE_STEP * 40 - 1):
        with reverts("TruncatedBook", length=length, needed=ONE_STEP * 40):
            slot.clear(book=book[:length], prices=[0])
    with reverts("BadRecord", offset=ONE_STEP * 40, kind=0x80):
        slot.clear(book=book + b"\x80" + bytes(100), prices=[0])
    with reverts("AccountsMustRise", offset=ONE_STEP * 40, account=16, previous=55):
        slot.clear(book=book + book[:ONE_STEP], prices=[0])
