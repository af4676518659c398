"""Ledger: amounts and times at their limits, one unit before and one beyond.

Paths:
  withdraw   given nothing free, since cash is owed, is what must stay, or is less: refused; from a system account other
             than the retailer's everything is free, whatever others owe; of nothing: not announced
  held       given a contract that holds the ledger until a time, then at that time it is free for all
  move       a participant in debt may occur with nothing; no account leaves int64, and each may reach its ends
  settle     the retailer's debt is none of the participants'; it carries what several owe beyond their limits
"""

import pytest

from tests.support.chain import Chain, reverts
from tests.support.platform import (
    BONDS,
    CREDIT,
    DEBT_LIMIT,
    DSO,
    RESERVE,
    RETAILER,
    REWARDS,
    WITHDRAWAL_DELAY_S,
    Platform,
    pack_entries,
)

INT64_MAX, INT64_MIN = 2**63 - 1, -(2**63)


def apply(platform: Platform, function: str, *moves: tuple[int, int]) -> None:
    platform.ledger.send(function, pack_entries(*moves), sender=platform.holder("MARKET"))


@pytest.mark.parametrize(
    ("cash", "leaves", "kept"),
    [(RESERVE - 1, False, RESERVE), (RESERVE, False, RESERVE), (0, True, 0), (-1, True, 0), (-1, False, RESERVE)],
)
def test_where_nothing_is_free_nothing_is_withdrawn(
    platform: Platform, chain: Chain, cash: int, leaves: bool, kept: int
) -> None:
    alice, owner = platform.admit("alice"), chain.address("alice")
    apply(platform, "settle", (alice, cash), (RETAILER, -cash))
    platform.ledger.send("requestWithdrawal", alice, CREDIT, sender=owner)
    if leaves:
        platform.ledger.send("leaveMarket", alice, sender=owner)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)

    with reverts("LedgerNothingToWithdraw", account=alice, cash=cash, kept=kept):
        platform.ledger.send("withdraw", alice, sender=owner)


def test_one_above_the_reserve_is_free(platform: Platform, chain: Chain) -> None:
    alice, owner = platform.admit("alice", cash_micro=RESERVE + 1), chain.address("alice")
    receipt = platform.ledger.send("requestWithdrawal", alice, CREDIT, sender=owner)
    announced = receipt.event(platform.ledger, "WithdrawalRequested")
    chain.warp_to(announced["availableAt"])

    receipt = platform.ledger.send("withdraw", alice, sender=owner)

    assert (announced["account"], announced["amount"]) == (alice, CREDIT)
    assert receipt.event(platform.ledger, "Withdrawn") == {"account": alice, "to": owner.lower(), "amount": 1}
    assert platform.ledger.call("withdrawalOf", alice) == (0, 0)


@pytest.mark.parametrize("account", [DSO, BONDS, REWARDS])
def test_only_the_retailer_backs_the_debts_of_others(platform: Platform, chain: Chain, account: int) -> None:
    alice, owner = platform.admit("alice"), chain.address("owner")
    platform.ledger.send("setSystemOwner", account, owner, sender=platform.admin)
    platform.credits.send("setSystemHolder", owner, True, sender=platform.admin)
    platform.fund(account, 10)
    apply(platform, "settle", (alice, -7), (RETAILER, 7))
    platform.ledger.send("requestWithdrawal", account, 10, sender=owner)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)

    platform.ledger.send("withdraw", account, sender=owner)

    assert platform.cash(account) == 0


def test_a_withdrawal_of_nothing_is_not_announced(platform: Platform, chain: Chain) -> None:
    alice = platform.admit("alice", cash_micro=CREDIT)

    with reverts("LedgerZeroAmount"):
        platform.ledger.send("requestWithdrawal", alice, 0, sender=chain.address("alice"))


def test_when_the_time_is_over_the_ledger_is_held_no_longer(platform: Platform, chain: Chain) -> None:
    alice, owner = platform.admit("alice", cash_micro=9 * CREDIT), chain.address("alice")
    holder, other = platform.holder("MARKET"), chain.address("another market")
    platform.let_move(other)
    platform.ledger.send("requestWithdrawal", alice, CREDIT, sender=owner)
    chain.warp_to(chain.now_s() + WITHDRAWAL_DELAY_S)
    until = chain.now_s() + 600
    receipt = platform.ledger.send("hold", until, sender=holder)
    assert receipt.event(platform.ledger, "Held") == {"holder": holder.lower(), "until": until}

    chain.next_block_at(until - 1)
    with reverts("LedgerHeld", holder=holder, until=until):
        platform.ledger.send("hold", until + 600, sender=other)
    before = chain.dev.snapshot()
    chain.next_block_at(until)
    platform.ledger.send("withdraw", alice, sender=owner)
    chain.dev.revert(before)
    chain.next_block_at(until)
    platform.ledger.send("hold", until + 600, sender=other)

    with reverts("LedgerHeld", holder=other, until=until + 600):
        platform.ledger.send("withdraw", alice, sender=owner)


@pytest.mark.parametrize("function", ["move", "settle"])
def test_who_owes_may_occur_with_nothing(platform: Platform, function: str) -> None:
    alice = platform.admit("alice")
    apply(platform, "settle", (alice, -DEBT_LIMIT), (RETAILER, DEBT_LIMIT))

    apply(platform, function, (alice, 0))

    assert platform.cash(alice) == -DEBT_LIMIT


def test_cash_reaches_both_ends_of_int64_and_no_further(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])

    apply(platform, "settle", (alice, INT64_MAX), (bob, 1), (RETAILER, INT64_MIN))

    assert (platform.cash(alice), platform.cash(RETAILER)) == (INT64_MAX, INT64_MIN)
    with reverts("LedgerCashOverflow", account=RETAILER, cash=INT64_MIN, delta=-1):
        apply(platform, "settle", (RETAILER, -1), (bob, 1))
    with reverts("LedgerCashOverflow", account=alice, cash=INT64_MAX, delta=1):
        apply(platform, "settle", (alice, 1), (bob, -1))


def test_what_the_retailer_owes_is_no_debt_that_it_backs(platform: Platform) -> None:
    alice, bob = platform.admit_many(["alice", "bob"])

    apply(platform, "settle", (alice, -(DEBT_LIMIT + 7)), (bob, DEBT_LIMIT + 7))
    apply(platform, "settle", (RETAILER, -3), (bob, 3))

    assert platform.cash(RETAILER) == -10
    assert platform.ledger.call("totalDebt") == DEBT_LIMIT
    apply(platform, "settle", (RETAILER, 10), (bob, -10))
    assert platform.ledger.call("totalDebt") == DEBT_LIMIT


def test_the_retailer_carries_the_sum_of_all_that_is_beyond_the_debt_limits(platform: Platform) -> None:
    alice, bob, carol = platform.admit_many(["alice", "bob", "carol"])
    platform.fund(RETAILER, CREDIT)

    apply(platform, "settle", (alice, -DEBT_LIMIT - 7), (bob, 2 * DEBT_LIMIT + 12), (carol, -DEBT_LIMIT - 5))

    assert [platform.cash(account) for account in (alice, carol)] == [-DEBT_LIMIT] * 2
    assert platform.cash(RETAILER) == CREDIT - 12
