"""Two sessions on one ledger, as day-ahead and intraday will be: what the one's pages mean for the other.

Paths. Given a session in the middle of a clearing in pages, when another begins one: then it waits, by name, until the
first is through. When another clears in one call: then both come to what Python says of them, no money is made or lost,
and an account that covered both with the same cash owes what is missing; what exceeds its debt limit the retailer
carries, as at any settlement. Given the other one was first: then the cash is gone, and its order in the pages is void.
"""

from dataclasses import dataclass

import pytest

from p2ptrade.domain.order import Side, VoidReason
from tests.support.auction import CLEARED, Market, Slot, Trader, deploy_market
from tests.support.auction_pages import PagedClearing, commit_in_chunks
from tests.support.chain import reverts
from tests.support.platform import CREDIT, DEBT_LIMIT, ESCROW, RETAILER

PRICE = 500_000  # half a credit a kWh


@dataclass
class TwoSessions:
    """The same slot in two sessions: a buyer wants the same energy in both, from a seller in each."""

    buyer: Trader
    sellers: tuple[Trader, Trader]
    first: Slot
    second: Slot

    @property
    def cash(self) -> dict[int, int]:
        accounts = (self.buyer.account, *(seller.account for seller in self.sellers), ESCROW, RETAILER)
        return {account: self.first.market.platform.cash(account) for account in accounts}


def play(market: Market, *, cash: int, costs: int) -> TwoSessions:
    """Seal both slots and close them; the buyer has `cash` credits and each of its orders costs `costs`."""
    other = deploy_market(market.platform, relay_name="relay of the other session")
    (buyer,) = market.admit([0], cash_micro=cash * CREDIT)
    sellers = market.admit([0, 0], cash_micro=1000 * CREDIT)
    first = market.new_slot()
    second = Slot(other, first.number, first.grid)
    energy_wh = costs * 2000
    for slot, seller in zip((first, second), sellers, strict=True):
        slot.relay(buyer, Side.BID, [(energy_wh, PRICE)])
        slot.relay(seller, Side.OFFER, [(energy_wh, PRICE)])
    commit_in_chunks(first, 1)
    second.commit()
    market.chain.warp_to(first.gate_s)
    return TwoSessions(buyer, (sellers[0], sellers[1]), first, second)


def paged(slot: Slot) -> PagedClearing:
    return PagedClearing.of(slot, chunk_seals=1, page_records=1)


def test_only_one_session_at_a_time_clears_in_pages(market: Market) -> None:
    both = play(market, cash=100, costs=10)
    first, second = paged(both.first), PagedClearing.of(both.second, page_records=1)
    first.judge()

    with reverts("LedgerHeld", holder=market.auction.address, until=both.first.clear_until_s):
        second.judge()
    first.judge_all()
    with reverts("LedgerHeld", holder=market.auction.address, until=both.first.start_s):
        second.judge()
    first.fill_all()
    expected = both.second.expected()
    second.run()

    assert second.positions == expected.positions
    assert len(second.positions) == 2


@pytest.mark.parametrize(("costs", "owes", "carried"), [(40, 20, 0), (58, 50, 6)])
def test_a_clearing_in_one_call_takes_the_cash_that_covers_anothers_pages(
    market: Market, costs: int, owes: int, carried: int
) -> None:
    both = play(market, cash=60, costs=costs)
    in_pages, at_once = both.first.expected(), both.second.expected()
    before = both.cash
    pages = paged(both.first)
    pages.judge_all()

    both.second.clear()
    pages.fill_all()

    after = both.cash
    assert pages.positions == in_pages.positions
    assert both.second.cleared_by is not None
    assert [position.energy_wh for position in at_once.positions] == [costs * 2000, -costs * 2000]
    assert sum(after.values()) == sum(before.values())
    assert after[ESCROW] - before[ESCROW] == in_pages.escrow_micro + at_once.escrow_micro
    assert after[both.buyer.account] == -owes * CREDIT
    assert after[RETAILER] == before[RETAILER] - carried * CREDIT
    assert owes * CREDIT <= DEBT_LIMIT


def test_what_another_session_took_before_covers_no_page(market: Market) -> None:
    both = play(market, cash=60, costs=40)
    pages = paged(both.first)
    both.second.clear()
    expected = both.first.expected()
    pages = paged(both.first)
    pages.run()

    assert pages.voids == expected.voids == ((both.buyer.account, VoidReason.INSOLVENT),)
    assert not pages.positions
    assert both.cash[both.buyer.account] == 20 * CREDIT
    assert market.auction.call("phaseOf", both.first.number) == CLEARED
