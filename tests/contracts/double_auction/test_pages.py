"""Clearing in pages: the same result as in one call, whoever sends which page when, and nothing else.

Paths. Given a book, when it is judged in any split of pages and chunks and then filled: then positions, voids, totals
and cash are those of one call and of Python. Given a clearing in the middle, when a page is skipped, repeated, swapped,
changed, or sent for another clearing or slot: then it is refused by name and the right page still goes through. Given
the window closes before the last page: then the slot has lapsed, nothing moved, and nothing is held up. Given an
accepted clearing: then anybody fills it, at any time, and until that the slot is neither settled nor refunded.
"""

from dataclasses import dataclass, field, replace
from functools import partial
from random import Random
from typing import Any

import pytest

from p2ptrade.chain.clearing_pages import Outcome
from p2ptrade.chain.packing import positions_hash
from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.units import PriceHalfMicroPerKwh
from tests.support.auction import CLEARED, LAPSED, OPENING, Market, Slot, Trader, star
from tests.support.auction_pages import PagedClearing, close_in_chunks, signed
from tests.support.chain import reverts
from tests.support.platform import BONDS, CREDIT, ESCROW

FILLING = 7


def mixed_slot(market: Market, orders: int = 9, *, zones: int = 2) -> Slot:
    """Return a slot with orders of one step and of two, own seals, replaced ones, a stranger's, silent owners."""
    slot = market.new_slot(star([(400, 300)] * (zones - 1)))
    traders = market.admit([number % zones for number in range(orders)])
    for number, trader in enumerate(traders):
        side = Side(number % 2)
        step = 1000 * number
        steps = [(700 + number, 240_000 - step), (50, 90_000)] if side is Side.BID else [(600, 130_000 + step)]
        if number % 4 == 3:
            slot.seal(trader, side, steps)
        else:
            slot.relay(trader, side, steps)
    slot.seal(traders[3], Side.OFFER, [(350, 140_000)])
    slot.seal(Trader("stranger", market.chain.key("stranger"), 0), Side.BID, [(1, 1)])
    for energy in (111, 222, 333):
        slot.seal(traders[4], Side.BID, [(energy, 260_000)])
    slot.unopened = {traders[1].account, traders[7].account}
    return slot


def check(slot: Slot, paged: PagedClearing, before: dict[int, int]) -> None:
    """Compare all that a clearing in pages did with what Python says of the book."""
    market, expected = slot.market, slot.expected()
    assert paged.cleared is not None
    assert tuple(paged.cleared["prices"]) == expected.prices
    assert paged.positions == expected.positions
    assert paged.voids == expected.voids
    totals = (expected.network_micro, expected.fee_micro, expected.rent_micro, expected.bought_wh)
    assert tuple(paged.cleared["result"][:5]) == (positions_hash(expected.positions), *totals)
    locked: dict[int, int] = {position.account: position.locked_micro for position in expected.positions}
    for account, cash in before.items():
        gone = {ESCROW: -expected.escrow_micro, BONDS: -sum(expected.forfeited.values())}.get(
            account, locked.get(account, 0) + expected.forfeited.get(account, 0)
        )
        assert market.platform.cash(account) == cash - gone
    assert market.auction.call("phaseOf", slot.number) == CLEARED


def cash_of(slot: Slot) -> dict[int, int]:
    accounts = {*slot.relayed, *(trader.account for trader, _ in slot.own if trader.account), ESCROW, BONDS}
    return {account: slot.market.platform.cash(account) for account in accounts}


def simple_slot(market: Market, slot: Slot | None = None, orders: int = 6) -> Slot:
    """Return a slot, a new one unless told, of relayed orders, in chunks of two, closed."""
    slot = slot or market.new_slot()
    for number, trader in enumerate(market.admit([0] * orders)):
        limit = 180_000 + 1000 * number if number % 2 else 220_000 - 1000 * number
        slot.relay(trader, Side(number % 2), [(500 + number, limit)])
    close_in_chunks(slot, 2)
    return slot


def two_slots(market: Market) -> tuple[Slot, Slot]:
    """Return a slot as `simple_slot` does, and the one after it, committed."""
    slot = market.new_slot()
    later = market.slot_after(slot)
    for number, trader in enumerate(market.admit([0, 0])):
        later.relay(trader, Side(number % 2), [(10, 200_000)])
    later.commit()
    return simple_slot(market, slot), later


def paged_of(slot: Slot) -> PagedClearing:
    return PagedClearing.of(slot, chunk_seals=2)


# ------------------------------------------------------------------------------------------------ the same as one call


@pytest.mark.parametrize("page_records", [1, 2, 3, 5, 8, 100])
def test_any_size_of_pages_gives_what_one_call_gives(market: Market, page_records: int) -> None:
    slot = mixed_slot(market)
    slot.seal_and_close()
    before = cash_of(slot)
    at_once = market.auction.call("clear", tuple(slot.submission()), sender=market.chain.address("anybody"))
    expected = slot.expected()

    paged = PagedClearing.of(slot, page_records=page_records)
    paged.run()

    assert paged.cleared is not None
    assert paged.cleared["result"] == at_once
    assert {reason for _, reason in expected.voids} == {VoidReason.SUPERSEDED, VoidReason.UNOPENED}
    assert (paged.positions, paged.voids) == (expected.positions, expected.voids)
    moved = {account: cash - market.platform.cash(account) for account, cash in before.items()}
    assert sum(moved.values()) == 0
    assert moved[BONDS] == -sum(expected.forfeited.values())


@pytest.mark.parametrize("chunk_seals", [1, 2, 4])
@pytest.mark.parametrize("page_records", [2, 3, 50])
def test_chunks_of_the_commitment_end_anywhere_in_the_book(market: Market, chunk_seals: int, page_records: int) -> None:
    slot = mixed_slot(market)
    close_in_chunks(slot, chunk_seals)
    before = cash_of(slot)
    paged = PagedClearing.of(slot, chunk_seals=chunk_seals, page_records=page_records)
    expected = slot.expected()

    paged.run()

    assert paged.cleared is not None
    assert paged.cleared["result"][0] == positions_hash(expected.positions)
    assert market.platform.cash(ESCROW) == before[ESCROW] + expected.escrow_micro


def test_own_seals_may_come_in_calls_of_their_own(market: Market) -> None:
    slot = mixed_slot(market)
    slot.seal_and_close()
    paged = PagedClearing.of(slot, page_records=4, call_bytes=300)
    assert any(not call.book for call in paged.calls)
    expected = slot.expected()

    paged.run()

    assert paged.positions == expected.positions


def test_one_owners_flood_of_seals_may_fill_whole_pages(market: Market) -> None:
    flooder, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(flooder, Side.BID, [(7, 300_000)])
    slot.relay(seller, Side.OFFER, [(1000, 100_000)])
    for energy in range(1, 12):
        slot.seal(flooder, Side.BID, [(energy, 200_000)])
    slot.seal_and_close()
    paged = PagedClearing.of(slot, page_records=3)
    expected = slot.expected()

    paged.run()

    assert len(paged.outcomes) == 5
    assert paged.positions == expected.positions
    assert [position.energy_wh for position in paged.positions] == [11, -11]
    assert len(paged.voids) == 11


def test_a_page_cannot_begin_with_a_seal_that_came_before_the_last_one(market: Market) -> None:
    (owner,) = market.admit([0])
    slot = market.new_slot()
    for energy in (1, 2):
        slot.seal(owner, Side.BID, [(energy, 200_000)])
    slot.seal_and_close()
    slot.own.reverse()
    records = slot.records()
    slot.own.reverse()
    paged = PagedClearing.of(slot, page_records=1)
    swapped = [replace(record, arrival=1 - number).pack() for number, record in enumerate(records)]
    paged.judge(book=swapped[0])

    with reverts("NotTheLastSeal", account=owner.account, arrival=1):
        paged.judge(book=swapped[1])


def test_an_own_seal_that_is_left_out_doubled_or_a_strangers_is_noticed(market: Market) -> None:
    slot = mixed_slot(market)
    slot.seal_and_close()
    paged = PagedClearing.of(slot, page_records=100)
    seals = paged.calls[0].seals
    each = [seals[at : at + 53] for at in range(0, len(seals), 53)]

    paged.judge(seals=b"".join(each[:-1]))
    assert not paged.fill_states
    with reverts("NotAStranger"):
        paged.judge(0, state=b"", seals=b"".join([b"\x01" + each[0][1:], *each[1:]]))
    with reverts("WrongOwnSeals"):
        known_stranger = next(at for at, seal in enumerate(each) if seal[0])
        each[known_stranger] = b"\x00" + each[known_stranger][1:]
        paged.judge(0, state=b"", seals=b"".join(each))
    with reverts("BadList"):
        paged.judge(0, state=b"", seals=seals[:-1])


def test_a_book_with_an_own_record_too_many_is_refused(market: Market) -> None:
    first, second = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(first, Side.BID, [(10, 200_000)])
    slot.seal(second, Side.BID, [(10, 200_000)])
    slot.seal_and_close()
    one = PagedClearing.of(slot)
    slot.own.append((second, slot.order(second, Side.BID, [(5, 200_000)])))
    more = PagedClearing.of(slot)

    with reverts("WrongOwnSeals"):
        more.judge(seals=one.calls[0].seals)


# --------------------------------------------------------------------------------------------------- pages out of turn


def test_a_page_out_of_turn_is_refused_and_the_right_one_still_goes_through(market: Market) -> None:
    slot = simple_slot(market)
    paged = paged_of(slot)
    paged.judge()
    with reverts("UnknownState"):
        paged.judge(1, state=paged.states[1][:-1] + b"\x01")
    with reverts("AlreadyJudged"):
        paged.judge(0, state=b"")
    with reverts("AccountsMustRise"):
        paged.judge(0, state=paged.states[1])
    paged.judge()
    with reverts("AlreadyJudged"):
        paged.judge(1, state=paged.states[1])
    with reverts("NotAccepted", slot=slot.number, phase=OPENING):
        paged.fill(0, state=paged.states[2], outcome=paged.outcomes[0])

    paged.run()

    assert paged.positions == slot.expected().positions


def test_a_skipped_page_leads_nowhere(market: Market) -> None:
    slot = simple_slot(market)
    paged, other = paged_of(slot), paged_of(slot)
    other.judge()
    other.judge(2, state=other.states[1])

    with reverts("AccountsMustRise"):
        other.judge(1, state=other.states[2])
    paged.states.append(other.states[1])
    paged.outcomes.append(other.outcomes[0])
    paged.run()

    assert paged.positions == slot.expected().positions


def test_pages_of_one_clearing_are_none_of_another(market: Market) -> None:
    slot = simple_slot(market)
    paged = paged_of(slot)
    paged.judge()
    for name, value in (
        ("prices", (paged.clearing.prices[0] + 2,)),
        ("book_hash", bytes(31) + b"\x01"),
        ("envelope_root", bytes(31) + b"\x01"),
        ("verdict", bytes(64)),
    ):
        change: dict[str, Any] = {name: value}
        changed = replace(paged, clearing=replace(paged.clearing, **change), states=list(paged.states))
        with reverts("UnknownState"):
            changed.judge()
        with reverts("NotTheDsosVerdict"):
            changed.judge(0, state=b"")
    foreign = simple_slot(market)
    with reverts("UnknownState"):
        replace(paged_of(foreign), states=list(paged.states)).judge(1)


def test_a_clearing_whose_pages_are_not_the_announced_book_is_never_accepted(market: Market) -> None:
    slot = simple_slot(market, orders=4)
    paged = paged_of(slot)
    book = bytearray(paged.calls[1].book)
    book[-65] ^= 1  # a salt

    paged.judge()
    paged.judge(book=bytes(book))

    assert not paged.fill_states
    paged.judge(1)
    assert paged.fill_states


def test_a_book_that_is_not_the_committed_one_is_refused_with_its_last_page(market: Market) -> None:
    slot = simple_slot(market, orders=4)
    slot.relayed.pop(max(slot.relayed))
    paged = paged_of(slot)
    paged.judge()

    with reverts("WrongEntries", slot=slot.number):
        paged.judge()


def test_a_wrong_certificate_is_refused_with_the_last_page(market: Market) -> None:
    slot = simple_slot(market, orders=4)
    paged = paged_of(slot)
    prices = (PriceHalfMicroPerKwh(paged.clearing.prices[0] + 2),)
    paged.clearing = signed(slot, replace(paged.clearing, prices=prices))
    paged.judge()

    with reverts("DoesNotBalance", zone=0):
        paged.judge()


def test_there_is_no_clearing_of_an_empty_book(market: Market) -> None:
    slot = simple_slot(market, orders=2)
    paged = paged_of(slot)
    paged.clearing = signed(slot, replace(paged.clearing, book_hash=bytes(32)))

    with reverts("EmptyBook", slot=slot.number):
        paged.judge(book=b"")


def test_a_page_is_filled_once_in_its_turn_and_as_it_was_judged(market: Market) -> None:
    slot = simple_slot(market)
    paged = paged_of(slot)
    paged.judge_all()
    expected = slot.expected()
    first, second, _ = paged.outcomes
    for wrong in (second, Outcome(first.trades[:-13], first.voids), Outcome(first.trades, bytes(5)), Outcome(b"", b"")):
        with reverts("WrongOutcome", slot=slot.number, page=0):
            paged.fill(outcome=wrong)
    with reverts("UnknownState"):
        paged.fill(state=paged.states[-1])
    other = replace(paged, clearing=replace(paged.clearing, envelope_root=bytes(31) + b"\x01"))
    with reverts("UnknownState"):
        other.fill()
    paged.fill()
    with reverts("UnknownState"):
        paged.fill(0)

    paged.fill_all()

    assert paged.positions == expected.positions
    with reverts("NotAccepted", slot=slot.number, phase=CLEARED):
        paged.fill(2)


@dataclass
class Model:
    """What a clearing in three pages must do, said without its contract: how far it is, what a call may do then."""

    judged: int = 0
    filled: int = 0
    pages: int = 3
    branches: set[tuple[int, int]] = field(default_factory=set)

    @property
    def accepted(self) -> bool:
        return self.judged == self.pages

    def judge(self, page: int, after: int) -> str | None:
        """Return the error of judging `page` from the state after `after` pages."""
        if self.accepted:
            return "AlreadyCleared"
        if page < after:
            return "AccountsMustRise"
        if (page == after and page < self.judged) or (page, after) in self.branches:
            return "AlreadyJudged"
        return None

    def fill(self, outcome: int, after: int) -> str | None:
        """Return the error of filling with the outcome of a page from the state after `after` filled pages."""
        if not self.accepted or self.filled == self.pages:
            return "NotAccepted"
        if after != self.filled:
            return "UnknownState"
        return None if outcome == after else "WrongOutcome"


@pytest.mark.parametrize("seed", range(12))
def test_no_sequence_of_pages_clears_a_slot_otherwise(market: Market, seed: int) -> None:
    random, model = Random(seed), Model()
    slot = simple_slot(market)
    expected = slot.expected()
    paged, other = paged_of(slot), PagedClearing.of(slot, chunk_seals=2, page_records=1)
    other.judge()
    refused = 0
    error: str | None
    while model.filled < model.pages:
        kind = random.choice(["judge", "judge", "fill", "fill", "foreign", "header"])
        if kind == "foreign":
            error = "AlreadyCleared" if model.accepted else "UnknownState"
            call = partial(replace(paged, states=list(paged.states)).judge, 0, state=other.states[1])
        elif kind == "header":
            error = "AlreadyCleared" if model.accepted else "UnknownState" if model.judged else "NotTheDsosVerdict"
            header = replace(paged.clearing, envelope_root=bytes(31) + b"\x01")
            call = partial(replace(paged, clearing=header, states=list(paged.states)).judge, 0, state=paged.states[-1])
        elif kind == "judge":
            page, after = random.randrange(3), random.randrange(min(model.judged, 2) + 1)
            error = model.judge(page, after)
            on_the_way = error is None and page == after
            branch = paged if on_the_way else replace(paged, states=list(paged.states), outcomes=list(paged.outcomes))
            call = partial(branch.judge, page, state=paged.states[after])
            if on_the_way:
                model.judged += 1
            elif error is None:
                model.branches.add((page, after))
        else:
            if not paged.outcomes:
                continue
            outcome = random.randrange(len(paged.outcomes))
            after = random.randrange(max(1, len(paged.fill_states)))
            error = model.fill(outcome, after)
            state = paged.fill_states[after] if paged.fill_states else b""
            call = partial(paged.fill, state=state, outcome=paged.outcomes[outcome])
            model.filled += error is None
        if error is None:
            call()
        else:
            refused += 1
            with reverts(error):
                call()

    assert paged.positions == expected.positions
    assert refused > 0


# ------------------------------------------------------------------------------------------------------ clock and cash


def test_a_slot_whose_last_page_comes_too_late_lapses_and_nothing_has_moved(market: Market) -> None:
    slot = simple_slot(market)
    before = cash_of(slot)
    paged = paged_of(slot)
    paged.judge()
    market.chain.warp_to(slot.clear_until_s)

    with reverts("WindowClosed"):
        paged.judge()

    assert market.auction.call("phaseOf", slot.number) == LAPSED
    assert cash_of(slot) == before


def test_an_accepted_slot_is_filled_after_its_window_and_cleared_with_the_last_page(market: Market) -> None:
    slot = simple_slot(market)
    before, expected = cash_of(slot), slot.expected()
    paged = paged_of(slot)
    paged.judge_all()
    paged.fill()
    market.chain.warp_to(slot.start_s + 1800)
    settlement = market.platform.holder("MARKET")
    nothing = (bytes(32), 0, 0, 0, 0, bytes(32))

    assert market.auction.call("phaseOf", slot.number) == FILLING
    with reverts("NotCleared", slot=slot.number, phase=FILLING):
        market.auction.send("handOver", slot.number, nothing, sender=settlement)
    with reverts("NotCleared", slot=slot.number, phase=FILLING):
        market.auction.send("refund", slot.number, b"", nothing, sender=settlement)
    paged.fill_all()

    assert paged.positions == expected.positions
    assert cash_of(slot)[ESCROW] == before[ESCROW] + expected.escrow_micro
    assert paged.cleared is not None
    market.auction.send("handOver", slot.number, paged.cleared["result"], sender=settlement)


def test_two_clearings_of_a_slot_go_on_beside_each_other_until_one_is_accepted(market: Market) -> None:
    slot = simple_slot(market)
    paged, other = paged_of(slot), PagedClearing.of(slot, chunk_seals=2, page_records=1)
    paged.judge()
    other.judge()
    paged.judge_all()

    with reverts("AlreadyCleared", slot=slot.number):
        other.judge()
    with reverts("AlreadyCleared", slot=slot.number):
        slot.clear()


def test_nothing_else_is_cleared_between_the_first_page_and_the_last(market: Market) -> None:
    slot, later = two_slots(market)
    market.chain.warp_to(later.gate_s)
    paged = paged_of(slot)
    paged.judge()

    with reverts("AnotherSlotIsClearing", slot=later.number, other=slot.number):
        later.clear()
    with reverts("AnotherSlotIsClearing", slot=later.number, other=slot.number):
        PagedClearing.of(later, page_records=1).judge()
    paged.judge_all()
    with reverts("AnotherSlotIsClearing", slot=later.number, other=slot.number):
        later.clear()
    paged.fill_all()

    assert market.auction.call("busySlot") == 0
    later.clear()


def test_a_clearing_that_stopped_holds_up_nobody_after_its_window(market: Market) -> None:
    slot, later = two_slots(market)
    paged_of(slot).judge()
    market.chain.warp_to(slot.clear_until_s)

    PagedClearing.of(later, page_records=1).run()

    assert market.auction.call("phaseOf", later.number) == CLEARED
    assert market.auction.call("phaseOf", slot.number) == LAPSED


def test_no_cash_is_withdrawn_between_the_first_page_and_the_last(market: Market) -> None:
    (leaver,) = market.admit([0])
    owner = leaver.key.address
    ledger = market.platform.ledger
    ledger.send("requestWithdrawal", leaver.account, 5 * CREDIT, sender=owner)
    slot = simple_slot(market, market.new_slot(ahead_s=6 * 3600))
    paged = paged_of(slot)
    assert len(paged.calls) == 3
    for _ in paged.calls[:-1]:
        paged.judge()
        with reverts("LedgerHeld", holder=market.auction.address, until=slot.clear_until_s):
            ledger.send("withdraw", leaver.account, sender=owner)
    paged.judge()
    paged.fill()
    with reverts("LedgerHeld", holder=market.auction.address, until=slot.start_s):
        ledger.send("withdraw", leaver.account, sender=owner)

    paged.fill_all()

    ledger.send("withdraw", leaver.account, sender=owner)


def test_a_withdrawal_waits_no_longer_than_for_the_start_of_delivery(market: Market) -> None:
    (leaver,) = market.admit([0])
    ledger = market.platform.ledger
    ledger.send("requestWithdrawal", leaver.account, 5 * CREDIT, sender=leaver.key.address)
    slot = simple_slot(market, market.new_slot(ahead_s=6 * 3600))
    paged = paged_of(slot)
    paged.judge_all()
    market.chain.warp_to(slot.start_s)

    ledger.send("withdraw", leaver.account, sender=leaver.key.address)

    paged.fill_all()


def test_what_an_account_lost_since_it_was_judged_it_owes(market: Market) -> None:
    """Settling an earlier slot between judging and filling ends as it would after a clearing in one call."""
    slot = simple_slot(market, orders=4)
    expected = slot.expected()
    buyer = expected.positions[0]
    assert buyer.bought_wh > 0
    paged = paged_of(slot)
    paged.judge_all()
    cash = market.platform.cash(buyer.account)
    market.give({buyer.account: 1 - cash})

    paged.fill_all()

    assert paged.positions == expected.positions
    assert market.platform.cash(buyer.account) == 1 - buyer.locked_micro


def test_what_changes_of_an_account_after_it_was_judged_changes_nothing(market: Market) -> None:
    """A new zone or reputation class between judging and filling is too late for this slot."""
    slot = simple_slot(market, orders=4)
    expected = slot.expected()
    paged = paged_of(slot)
    paged.judge_all()
    platform = market.platform
    for position in expected.positions:
        platform.ledger.send(
            "setReputationClasses", position.account.to_bytes(4, "big") + b"\x07", sender=platform.holder("SCORER")
        )

    paged.fill_all()

    assert paged.positions == expected.positions
