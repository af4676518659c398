"""Balances are the sums of events; what the events do not bear out is named with both numbers."""

from p2ptrade.audit.replay import (
    ZERO_ADDRESS,
    CashMoved,
    CreditsTransferred,
    TokensTransferred,
    cash_of,
    credits_of,
    differences,
    minted_by_slot,
    tokens_of,
)
from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber

ALICE, BOB = "0x" + 40 * "a", "0x" + 40 * "b"
SLOT = SlotNumber(7)


def moved(*deltas: tuple[int, int], outside: int = 0) -> CashMoved:
    return CashMoved(tuple((AccountId(a), AmountMicro(d)) for a, d in deltas), AmountMicro(outside))


def test_cash_is_what_came_in_less_what_went_out() -> None:
    events = [moved((16, 500), outside=500), moved((16, -120), (1, 120)), moved((16, -80), outside=-80)]

    assert cash_of(events) == {16: 300, 1: 120}
    assert sum(event.created_micro for event in events) == 0


def test_a_move_that_makes_money_is_seen() -> None:
    assert moved((16, -100), (17, 101)).created_micro == 1


def test_credits_in_hands_are_the_supply() -> None:
    events = [
        CreditsTransferred(ZERO_ADDRESS, ALICE, AmountMicro(900)),
        CreditsTransferred(ALICE, BOB, AmountMicro(350)),
        CreditsTransferred(BOB, ZERO_ADDRESS, AmountMicro(50)),
    ]

    assert credits_of(events) == {ZERO_ADDRESS: -850, ALICE: 550, BOB: 300}


def test_retired_tokens_stay_minted() -> None:
    events = [TokensTransferred(SLOT, ZERO_ADDRESS, ALICE, 40), TokensTransferred(SLOT, ALICE, ZERO_ADDRESS, 15)]

    assert tokens_of(events)[SLOT, ALICE] == 25
    assert minted_by_slot(events) == {SLOT: 40}


def test_a_balance_that_the_events_do_not_bear_out_is_named_with_both_numbers() -> None:
    found = differences("cash of account", {16: 300, 17: 5}, {16: 300, 18: 2})

    assert [str(difference) for difference in found] == [
        "cash of account 17: the events give 5, the chain says 0",
        "cash of account 18: the events give 0, the chain says 2",
    ]
