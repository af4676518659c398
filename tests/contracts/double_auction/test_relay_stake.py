"""The relay's stake answers for its receipts.

Paths. Given a receipt for a seal, when the relay committed it: then a claim is answered and the claimant pays the bond.
When the relay dropped it, or committed nothing: then nobody can answer and the stake goes to the claimant. When a
receipt is forged, late, for another seal, slot or session, or claimed by somebody else, too early or too late: then
there is no claim. Given a stake, when it is asked back: then the relay cannot commit, and gets it when no receipt can
be claimed any more.
"""

from typing import Any

import pytest

from p2ptrade.chain.packing import running_hash
from p2ptrade.chain.typed_data import OrderMessage
from p2ptrade.domain.order import Side
from tests.support.auction import ANSWER_S, CHALLENGE_BOND, CLAIM_S, NO_RESULT, STAKE, Market, Slot, Trader
from tests.support.chain import Receipt, reverts
from tests.support.platform import CREDIT, STAKES


def sealed(market: Market, trader: Trader) -> tuple[Slot, OrderMessage, bytes]:
    """Return a slot with one relayed order and the relay's receipt for it."""
    slot = market.new_slot()
    order = slot.relay(trader, Side.BID, [(1000, 250_000)])
    return slot, order, slot.receipt(order, slot.gate_s - 1)


def challenge(
    slot: Slot,
    trader: Trader,
    order: OrderMessage,
    receipt: bytes,
    *,
    at_s: int | None = None,
    sender: str | None = None,
) -> Receipt:
    """Claim that the relay dropped an order."""
    market = slot.market
    digest = order.digest(market.domain)
    received_at = slot.gate_s - 1 if at_s is None else at_s
    return market.stake.send(
        "challenge",
        market.auction,
        slot.number,
        order.account,
        digest,
        received_at,
        receipt,
        sender=sender or trader.key.address,
    )


def claim_of(slot: Slot, order: OrderMessage) -> tuple[object, ...]:
    return (slot.auction, slot.number, order.account, order.digest(slot.market.domain))


def answer(
    slot: Slot,
    order: OrderMessage,
    pages: list[bytes],
    *,
    signature: bytes | None = None,
    result: tuple[Any, ...] | None = None,
) -> Receipt:
    """Show that an order is in the commitment, with the signature that the relay took it with."""
    market = slot.market
    signed = slot.signatures[order.account] if signature is None else signature
    shown = (*claim_of(slot, order), signed, pages, result or slot.result)
    return market.stake.send("answer", *shown, sender=market.chain.address("anybody"))


def test_a_dropped_order_costs_the_relay_its_stake(market: Market) -> None:
    victim, other = market.admit([0, 0])
    slot, order, receipt = sealed(market, victim)
    del slot.relayed[victim.account]
    slot.relay(other, Side.BID, [(500, 200_000)])
    slot.seal_and_close()

    challenge(slot, victim, order, receipt)
    assert market.platform.cash(victim.account) == 100 * CREDIT - CHALLENGE_BOND
    with reverts("EntryMissing", account=victim.account):
        answer(slot, order, [slot.entries()])
    with reverts("MayStillAnswer"):
        market.stake.send("slash", *claim_of(slot, order), sender=victim.key.address)
    market.chain.warp_to(slot.gate_s + ANSWER_S + 10)
    market.stake.send("slash", *claim_of(slot, order), sender=market.chain.address("anybody"))

    assert market.platform.cash(victim.account) == 100 * CREDIT + STAKE
    assert market.stake.call("relayState")[2] == 0
    assert not market.stake.call("mayCommit", market.relay.address)
    with reverts("NoChallenge"):
        market.stake.send("slash", *claim_of(slot, order), sender=victim.key.address)


def test_a_relay_that_commits_nothing_is_slashed_for_its_receipts(market: Market) -> None:
    (victim,) = market.admit([0])
    slot, order, receipt = sealed(market, victim)
    market.chain.warp_to(slot.gate_s)

    challenge(slot, victim, order, receipt)
    with reverts("WrongEntries"):
        answer(slot, order, [slot.entries()])
    market.chain.warp_to(slot.gate_s + ANSWER_S + 10)
    market.stake.send("slash", *claim_of(slot, order), sender=victim.key.address)

    assert market.platform.cash(victim.account) == 100 * CREDIT + STAKE


def test_a_committed_order_is_shown_and_the_claimant_pays_the_bond(market: Market) -> None:
    trader, other = market.admit([0, 0])
    slot, order, receipt = sealed(market, trader)
    slot.relay(other, Side.BID, [(500, 200_000)])
    slot.seal_and_close()
    relay_cash = market.platform.cash(market.relay_account)

    challenge(slot, trader, order, receipt)
    slot.clear()  # an open claim does not stop the slot
    answer(slot, order, [slot.entries()])

    assert market.platform.cash(market.relay_account) == relay_cash + CHALLENGE_BOND
    assert market.platform.cash(STAKES) == STAKE
    with reverts("AlreadyChallenged"):
        challenge(slot, trader, order, receipt)


def test_once_cleared_the_commitment_is_shown_in_the_slots_result(market: Market) -> None:
    victim, other = market.admit([0, 0])
    slot, order, receipt = sealed(market, victim)
    dropped = slot.relayed.pop(victim.account)
    slot.relay(other, Side.BID, [(500, 200_000)])
    slot.seal_and_close()
    slot.clear()
    honest = slot.result
    challenge(slot, victim, order, receipt)
    slot.relayed[victim.account] = dropped

    # The list that the relay should have committed to, with results that would bear it out.
    for result in (honest, (*honest[:-1], slot.root()), NO_RESULT, (*NO_RESULT[:-1], slot.root())):
        with reverts("WrongEntries", slot=slot.number):
            answer(slot, order, [slot.entries()], result=result)


def test_a_relay_that_committed_another_signature_cannot_answer(market: Market) -> None:
    # Nobody else can make an order void: what the relay commits to binds the signature that it gave a receipt for.
    (victim,) = market.admit([0])
    slot, order, receipt = sealed(market, victim)
    good = slot.signatures[victim.account]
    bad = bytes([good[0] ^ 1]) + good[1:]
    slot.relayed[victim.account] = (order, bad)
    slot.seal_and_close()

    challenge(slot, victim, order, receipt)

    with reverts("EntryMissing", account=victim.account):
        answer(slot, order, [slot.entries()])
    with reverts("NotTheOwner", account=victim.account):
        answer(slot, order, [slot.entries()], signature=bad)


def test_entries_in_several_pages_answer_a_claim(market: Market) -> None:
    trader, other = market.admit([0, 0])
    slot, order, receipt = sealed(market, trader)
    slot.relay(other, Side.BID, [(500, 200_000)])
    entries = slot.entries()
    pages = [entries[:36], entries[36:]]
    market.auction.send("commit", slot.number, running_hash(pages), 2, sender=market.relay.address)
    market.chain.warp_to(slot.gate_s)
    challenge(slot, trader, order, receipt)

    with reverts("WrongEntries"):
        answer(slot, order, [entries])
    answer(slot, order, pages)


def test_only_a_true_receipt_can_be_claimed_by_its_owner_and_in_time(market: Market) -> None:
    trader, other = market.admit([0, 0])
    slot, order, receipt = sealed(market, trader)

    market.chain.next_block_at(slot.gate_s - 1)
    with reverts("GateStillOpen", closesAt=slot.gate_s):
        challenge(slot, trader, order, receipt)
    market.chain.warp_to(slot.gate_s)
    with reverts("NotTheOwner", account=trader.account, caller=other.key.address):
        challenge(slot, trader, order, receipt, sender=other.key.address)
    forged = slot.receipt(order, slot.gate_s - 1, key=trader.key)
    another = slot.receipt(slot.order(trader, Side.BID, [(1, 1)]), slot.gate_s - 1)
    for wrong in (forged, another, receipt[:63], b""):
        with reverts("NotTheRelaysReceipt", relay=market.relay.address):
            challenge(slot, trader, order, wrong)
    with reverts("ReceivedTooLate", receivedAt=slot.gate_s):
        challenge(slot, trader, order, slot.receipt(order, slot.gate_s), at_s=slot.gate_s)
    market.chain.next_block_at(slot.gate_s + CLAIM_S)
    with reverts("TooLate", until=slot.gate_s + CLAIM_S):
        challenge(slot, trader, order, receipt)


def test_a_receipt_of_one_session_cannot_be_claimed_in_another(market: Market) -> None:
    (trader,) = market.admit([0])
    slot, order, receipt = sealed(market, trader)
    market.chain.warp_to(slot.gate_s)
    # A contract that answers gateOf and is no session: here a second auction over the same stake.
    other = market.chain.deploy(
        "DoubleAuction",
        market.platform.authority,
        market.platform.ledger,
        market.platform.grid_limits,
        market.stake,
        (3600, 1800, 1200, 600, 86_400),
        [CREDIT] * 8,
        [0] * 8,
    )

    with reverts("NotTheRelaysReceipt"):
        market.stake.send(
            "challenge",
            other,
            slot.number,
            order.account,
            order.digest(market.domain),
            slot.gate_s - 1,
            receipt,
            sender=trader.key.address,
        )


def test_the_stake_comes_back_when_nothing_can_be_claimed_any_more(market: Market) -> None:
    relay = market.relay.address
    slot = market.new_slot()
    with reverts("UnstakeNotRequested"):
        market.stake.send("unstake", sender=relay)

    receipt = market.stake.send("requestUnstake", sender=relay)

    due = receipt.event(market.stake, "UnstakeRequested")["availableAt"]
    assert due == market.chain.now_s() + CLAIM_S + ANSWER_S
    assert market.stake.call("relayState")[2] == STAKE
    with reverts("NotTheRelay", caller=relay):
        market.auction.send("commit", slot.number, b"\1" * 32, 1, sender=relay)
    market.chain.next_block_at(due - 1)
    with reverts("StakeIsBound", until=due):
        market.stake.send("unstake", sender=relay)
    market.chain.warp_to(due)
    market.stake.send("unstake", sender=relay)
    assert market.platform.cash(market.relay_account) == 2 * STAKE


def test_an_open_claim_holds_the_stake(market: Market) -> None:
    (trader,) = market.admit([0])
    relay = market.relay.address
    slot, order, receipt = sealed(market, trader)
    market.stake.send("requestUnstake", sender=relay)
    market.chain.warp_to(slot.gate_s)
    challenge(slot, trader, order, receipt)
    market.chain.warp_to(slot.gate_s + CLAIM_S + ANSWER_S + 10_000)

    with reverts("StakeIsBound", openChallenges=1):
        market.stake.send("unstake", sender=relay)
    market.stake.send("slash", *claim_of(slot, order), sender=trader.key.address)

    assert market.platform.cash(trader.account) == 100 * CREDIT + STAKE


def test_a_relay_with_a_stake_cannot_be_replaced(market: Market) -> None:
    with reverts("RelayHasStake", relay=market.relay.address, stakeMicro=STAKE):
        market.stake.send("appoint", market.chain.address("new relay"), 77, sender=market.platform.admin)


def test_too_small_a_stake_does_not_commit(market: Market) -> None:
    relay = market.relay.address
    for function, arguments in (("stake", (1,)), ("requestUnstake", ()), ("unstake", ())):
        with reverts("NotTheRelay"):
            market.stake.send(function, *arguments, sender=market.chain.address("anybody"))
    market.stake.send("requestUnstake", sender=relay)
    market.chain.warp_to(market.chain.now_s() + CLAIM_S + ANSWER_S + 1)
    market.stake.send("unstake", sender=relay)

    market.stake.send("stake", STAKE - 1, sender=relay)
    assert not market.stake.call("mayCommit", relay)
    market.stake.send("stake", 1, sender=relay)
    assert market.stake.call("mayCommit", relay)


@pytest.mark.parametrize("times", [(0, 1), (1, 0)])
def test_times_of_nothing_are_refused(market: Market, times: tuple[int, int]) -> None:
    with reverts("BadTimes"):
        market.chain.deploy("RelayStake", market.platform.authority, market.platform.ledger, 1, 1, *times)
