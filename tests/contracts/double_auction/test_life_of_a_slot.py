"""A slot from seal to hand-over, both ways of sealing, against what Python says of the same book.

Paths. Given sealed orders, when the slot is cleared: then prices, positions, voids and totals are Python's, and cash
moves accordingly; both ways of sealing feed one book; the last own seal counts. Given nobody clears in time: then the
slot has lapsed and nothing was locked. Given a cleared slot: then it is handed over once, or refunded after the
deadline, never both.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import count
from typing import Any

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.packing import pack_positions, positions_hash, unpack_positions, unpack_voids
from p2ptrade.chain.typed_data import OrderMessage, sign
from p2ptrade.domain.grid_data import Charges
from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AmountMicro, PriceMicroPerKwh, ZoneId
from tests.support.auction import (
    BONDS,
    CLEARED,
    CLEARING,
    LAPSED,
    NO_RESULT,
    OPENING,
    REFUNDED,
    SEALING,
    SETTLE_S,
    SETTLING,
    Market,
    Slot,
    Trader,
    deploy_market,
    one_zone,
    star,
)
from tests.support.chain import Receipt, reverts
from tests.support.platform import BONDS as BONDS_ACCOUNT
from tests.support.platform import CREDIT, ESCROW, unpack_moved

CHARGES = Charges(*(PriceMicroPerKwh(part) for part in (20_000, 5_000, 3_000, 2_000)))


def clear_and_check(slot: Slot) -> Receipt:
    """Clear a slot and compare everything with Python; return the receipt."""
    market = slot.market
    accounts = sorted({*slot.relayed, *(trader.account for trader, _ in slot.own)})
    before = {account: market.platform.cash(account) for account in accounts}
    escrow, bonds = market.platform.cash(ESCROW), market.platform.cash(BONDS_ACCOUNT)
    expected = slot.expected()
    receipt = slot.clear()
    cleared = receipt.event(market.auction, "Cleared")
    assert tuple(cleared["prices"]) == expected.prices
    assert tuple(unpack_positions(cleared["positions"])) == expected.positions
    assert tuple(unpack_voids(cleared["voids"])) == expected.voids
    totals = (expected.network_micro, expected.fee_micro, expected.rent_micro, expected.bought_wh)
    assert slot.result == (positions_hash(expected.positions), *totals, slot.root())
    assert market.auction.call("isResult", slot.number, slot.result)
    locked: dict[int, int] = {position.account: position.locked_micro for position in expected.positions}
    for account, cash in before.items():
        assert market.platform.cash(account) == cash - locked.get(account, 0) - expected.forfeited.get(account, 0)
    assert market.platform.cash(ESCROW) == escrow + expected.escrow_micro
    assert market.platform.cash(BONDS_ACCOUNT) == bonds + sum(expected.forfeited.values())
    moved = [(account, -amount) for account, amount in (*locked.items(), *expected.forfeited.items())]
    moved += [(ESCROW, expected.escrow_micro), (BONDS_ACCOUNT, sum(expected.forfeited.values()))]
    events = receipt.events(market.platform.ledger, "Moved")
    told = [entry for event in events for entry in unpack_moved(event["entries"])]
    assert sorted(told) == sorted((account, delta) for account, delta in moved if delta)
    return receipt


def test_what_sellers_lock_is_added_up_to_the_micro_credit(market: Market) -> None:
    other = deploy_market(market.platform, relay_name="another relay", collateral=[12_345] * 8)
    buyer, first, second = market.admit([0, 0, 0])
    slot = other.new_slot()
    slot.relay(buyer, Side.BID, [(3000, 250_000)])
    slot.relay(first, Side.OFFER, [(1000, 150_000)])
    slot.relay(second, Side.OFFER, [(2000, 150_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(other.auction, "Cleared")

    locked = [position.locked_micro for position in unpack_positions(cleared["positions"])]
    assert locked == [3 * 150_000 + 3 * 50_000, 12_345, 2 * 12_345]


def test_nothing_is_moved_where_nothing_trades(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 150_000)])
    slot.relay(seller, Side.OFFER, [(1000, 250_000)])
    slot.seal_and_close()

    receipt = clear_and_check(slot)

    assert receipt.events(market.platform.ledger, "Moved") == []


def test_a_relayed_bid_and_offer_trade_at_the_middle(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.relay(seller, Side.OFFER, [(1500, 150_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    # One Wh more is offered than bid for: the price is the offer's, whose step is the marginal one.
    assert list(cleared["prices"]) == [300_000]
    assert [(p.account, p.energy_wh) for p in unpack_positions(cleared["positions"])] == [
        (buyer.account, 1000),
        (seller.account, -1000),
    ]


def test_charges_and_rounding_are_those_of_python(market: Market) -> None:
    traders = market.admit([0] * 6)
    slot = market.new_slot(one_zone(CHARGES))
    for trader, side, steps in zip(
        traders,
        [Side.BID, Side.OFFER] * 3,
        [
            [(333, 271_829), (1, 200_001)],
            [(7, 99_999), (1001, 141_421), (3, 250_000)],
            [(1013, 231_406)],
            [(17, 173_205)],
            [(5, 29_999)],  # below the charge: it can trade at no price
            [(4, 10), (4, 11), (4, 12), (400, 161_803)],
        ],
        strict=True,
    ):
        slot.relay(trader, side, steps)
    slot.seal_and_close()

    clear_and_check(slot)


def test_own_seals_and_relayed_ones_feed_one_book_and_the_last_own_seal_counts(market: Market) -> None:
    relayed, own, both = market.admit([0, 0, 0])
    slot = market.new_slot()
    slot.relay(relayed, Side.BID, [(500, 200_000)])
    slot.relay(both, Side.BID, [(500, 300_000)])
    slot.seal(both, Side.BID, [(111, 111_000)])
    slot.seal(own, Side.OFFER, [(900, 100_000)])
    slot.seal(both, Side.BID, [(222, 222_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    assert [(p.account, p.energy_wh) for p in unpack_positions(cleared["positions"])] == [
        (relayed.account, 500),
        (own.account, -722),
        (both.account, 222),
    ]
    assert unpack_voids(cleared["voids"]) == [(both.account, VoidReason.SUPERSEDED)] * 2


def test_a_contract_wallet_trades_through_its_own_transaction(market: Market) -> None:
    # Any sender may be a contract: the seal is bound to msg.sender and asks for no signature.
    wallet, seller = market.admit([0, 0])
    market.chain.rpc.call("anvil_setCode", wallet.key.address, "0x00")
    slot = market.new_slot()
    slot.seal(wallet, Side.BID, [(800, 240_000)])
    slot.relay(seller, Side.OFFER, [(800, 120_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    assert [p.energy_wh for p in unpack_positions(cleared["positions"])] == [800, -800]


def test_a_full_line_separates_prices_and_leaves_congestion_rent(market: Market) -> None:
    cheap, dear = market.admit([1, 0])
    slot = market.new_slot(star([(400, 300)], CHARGES))
    slot.relay(cheap, Side.OFFER, [(1000, 50_000)])
    slot.relay(dear, Side.BID, [(1000, 250_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    # 300 Wh over the line, bought at 250,000 with 30,000 of charge in it, sold at 50,000.
    assert list(cleared["prices"]) == [2 * 220_000, 2 * 50_000]
    assert slot.result[3] == 300 * (220_000 - 50_000) // 1000


def test_a_book_that_does_not_cross_clears_with_no_trade(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 100_000)])
    slot.relay(seller, Side.OFFER, [(1000, 200_000)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    assert list(cleared["prices"]) == [300_000]
    assert cleared["positions"] == b""


def test_an_empty_slot_can_be_cleared(market: Market) -> None:
    slot = market.new_slot()
    slot.seal_and_close()

    clear_and_check(slot)

    assert market.auction.call("phaseOf", slot.number) == CLEARED


def test_every_reason_to_be_void_is_recorded_and_the_rest_clears(market: Market) -> None:
    zones = [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    traders = market.admit(zones)
    buyer, seller, forger, inactive, poor, outside, malformed, silent, own_silent, both = traders
    slot = market.new_slot(star([(10_000, 10_000)]))
    for trader in (buyer, forger, inactive, poor, outside, silent, both):
        slot.relay(trader, Side.BID, [(1000, 300_000)])
    slot.relay(seller, Side.OFFER, [(5000, 100_000)])
    order, signature = slot.relayed[forger.account]
    slot.relayed[forger.account] = (order, bytes([signature[0] ^ 1]) + signature[1:])
    bad = slot.order(malformed, Side.BID, [(1, 5), (1, 6)])  # rising prices in a bid
    slot.relayed[malformed.account] = (bad, sign_order(slot, malformed, bad))
    slot.seal(own_silent, Side.BID, [(1000, 300_000)])
    slot.seal(both, Side.OFFER, [(1000, 100_000)])
    slot.unopened = {silent.account, own_silent.account}
    market.platform.registry.send("suspend", inactive.account, sender=market.platform.holder("REGISTRAR"))
    market.give({poor.account: -(100 * CREDIT - BONDS[0] - 300_000 + 1)})
    slot.seal_and_close()
    grid = slot.grid.tightened(slot.grid.zones, frozenset({ZoneId(1)}))

    receipt = slot.clear(grid=grid)

    cleared = receipt.event(market.auction, "Cleared")
    expected = slot.expected(grid=grid)
    assert dict(unpack_voids(cleared["voids"])) == {
        forger.account: VoidReason.BAD_SIGNATURE,
        inactive.account: VoidReason.ACCOUNT_NOT_ACTIVE,
        poor.account: VoidReason.INSOLVENT,
        malformed.account: VoidReason.MALFORMED,
        outside.account: VoidReason.ZONE_EXCLUDED,
        silent.account: VoidReason.UNOPENED,
        own_silent.account: VoidReason.UNOPENED,
        both.account: VoidReason.SUPERSEDED,
    }
    assert tuple(unpack_voids(cleared["voids"])) == expected.voids
    assert [p.account for p in unpack_positions(cleared["positions"])] == [buyer.account, seller.account, both.account]
    for unopened in (silent, own_silent):
        assert market.platform.cash(unopened.account) == 100 * CREDIT - BONDS[0]


def sign_order(slot: Slot, trader: Trader, order: OrderMessage) -> bytes:
    return sign(order, slot.market.domain, trader.key)


def test_cash_that_just_covers_bond_and_order_suffices(market: Market) -> None:
    buyer, seller = market.admit([0, 0], cash_micro=0)
    slot = market.new_slot(one_zone(CHARGES))
    slot.relay(buyer, Side.BID, [(1001, 250_001), (3, 99_999)])
    slot.relay(seller, Side.OFFER, [(1000, 100_000)])
    cover = -(-1001 * 250_001 // 1000) + -(-3 * 99_999 // 1000)
    market.give({buyer.account: BONDS[0] + cover, seller.account: BONDS[0] + 100_000})
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    assert cleared["voids"] == b""
    assert len(unpack_positions(cleared["positions"])) == 2


def test_a_micro_credit_less_than_bond_and_order_does_not_suffice(market: Market) -> None:
    buyer, seller, other = market.admit([0, 0, 0], cash_micro=0)
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1, 1)])  # a thousandth of a micro-credit, rounded up to one
    slot.relay(seller, Side.OFFER, [(1, 0)])  # a hundredth of a credit per kWh, times one Wh
    slot.relay(other, Side.OFFER, [(1001, 5)])
    market.give({buyer.account: BONDS[0], seller.account: BONDS[0] + 99, other.account: BONDS[0] + 100_099})
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    accounts = (buyer.account, seller.account, other.account)
    assert unpack_voids(cleared["voids"]) == [(account, VoidReason.INSOLVENT) for account in accounts]


def test_the_smallest_trade_is_rounded_up_for_the_buyer_and_down_for_the_seller(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1, 1)])
    slot.relay(seller, Side.OFFER, [(1, 0)])
    slot.seal_and_close()

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    # Half a micro-credit per kWh, times one Wh: the buyer pays one, the seller gets nothing but its collateral back.
    bought, sold = unpack_positions(cleared["positions"])
    assert list(cleared["prices"]) == [1]
    assert (bought.locked_micro, bought.release_micro) == (1, 0)
    assert sold.release_micro == sold.locked_micro == 100
    assert slot.result[3] == 1


@pytest.mark.parametrize(
    "windows",
    [
        (1800, 1800, 1200, 600, 60),
        (3600, 1200, 1200, 600, 60),
        (3600, 1800, 600, 600, 60),
        (3600, 1800, 1200, 600, 0),
    ],
)
def test_windows_that_do_not_shrink_towards_delivery_are_refused(market: Market, windows: tuple[int, ...]) -> None:
    platform = market.platform
    links = (platform.authority, platform.ledger, platform.grid_limits, market.stake)

    with reverts("BadWindows"):
        market.chain.deploy("DoubleAuction", *links, windows, [0] * 8, [0] * 8)


def test_phases_follow_the_clock_to_the_second(market: Market) -> None:
    slot = market.new_slot()
    seen = []

    for second in (
        slot.gate_s - 1,
        slot.gate_s,
        slot.open_until_s - 1,
        slot.open_until_s,
        slot.clear_until_s - 1,
        slot.clear_until_s,
    ):
        market.chain.warp_to(second)
        seen.append(market.auction.call("phaseOf", slot.number))

    assert seen == [SEALING, OPENING, OPENING, CLEARING, CLEARING, LAPSED]


def test_a_slot_that_nobody_clears_lapses_with_all_cash_free(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.relay(seller, Side.OFFER, [(1500, 150_000)])
    slot.seal_and_close()
    submission = slot.submission()

    market.chain.next_block_at(slot.clear_until_s)
    with reverts("WindowClosed", slot=slot.number, closedAt=slot.clear_until_s):
        slot.clear(submission)

    assert market.auction.call("phaseOf", slot.number) == LAPSED
    for trader in (buyer, seller):
        assert market.platform.cash(trader.account) == 100 * CREDIT
        market.platform.ledger.send("requestWithdrawal", trader.account, 100 * CREDIT, sender=trader.key.address)


def test_the_settlement_takes_a_slot_over_once(market: Market) -> None:
    slot = traded_slot(market)
    settlement = market.platform.holder("MARKET")

    receipt = market.auction.send("handOver", slot.number, slot.result, sender=settlement)

    assert receipt.event(market.auction, "HandedOver")["phase"] == CLEARED
    assert market.auction.call("phaseOf", slot.number) == SETTLING
    assert market.auction.call("isResult", slot.number, slot.result)
    with reverts("NotCleared", slot=slot.number, phase=SETTLING):
        market.auction.send("handOver", slot.number, slot.result, sender=settlement)
    market.chain.warp_to(slot.start_s + 900 + SETTLE_S)
    with reverts("NotCleared", slot=slot.number, phase=SETTLING):
        market.auction.send("refund", slot.number, b"", slot.result, sender=settlement)


def test_only_the_appointed_settlement_takes_slots_over(market: Market) -> None:
    slot = traded_slot(market)
    admin, settlement = market.platform.admin, market.platform.holder("MARKET")
    other, nobody = market.chain.address("another settlement"), "0x" + "00" * 20
    assert market.auction.call("settlement") == settlement.lower()

    for caller in (other, admin):
        with reverts("NotTheSettlement", caller=caller.lower(), settlement=settlement.lower()):
            market.auction.send("handOver", slot.number, slot.result, sender=caller)
    with reverts("AccessManagedUnauthorized", caller=other.lower()):
        market.auction.send("appointSettlement", other, sender=other)
    market.auction.send("appointSettlement", nobody, sender=admin)
    with reverts("NotTheSettlement", caller=settlement.lower(), settlement=nobody):
        market.auction.send("handOver", slot.number, slot.result, sender=settlement)
    receipt = market.auction.send("appointSettlement", other, sender=admin)
    market.auction.send("handOver", slot.number, slot.result, sender=other)

    assert receipt.event(market.auction, "SettlementAppointed") == {"settlement": other.lower()}
    assert market.auction.call("phaseOf", slot.number) == SETTLING


def test_a_lapsed_slot_is_handed_over_as_such_and_an_open_one_is_not(market: Market) -> None:
    slot = market.new_slot()
    settlement = market.platform.holder("MARKET")
    with reverts("NotCleared", slot=slot.number, phase=SEALING):
        market.auction.send("handOver", slot.number, slot.result, sender=settlement)
    market.chain.warp_to(slot.clear_until_s)

    receipt = market.auction.send("handOver", slot.number, slot.result, sender=settlement)

    assert receipt.event(market.auction, "HandedOver")["phase"] == LAPSED
    assert market.auction.call("phaseOf", slot.number) == LAPSED


def altered(result: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Return results that differ from the slot's in one field each, and the one of a slot that was not cleared."""
    for place, value in enumerate(result):
        yield (*result[:place], value + 1 if isinstance(value, int) else keccak(value), *result[place + 1 :])
    yield NO_RESULT


def test_no_other_result_than_the_slots_is_handed_over_or_refunded(market: Market) -> None:
    slot = traded_slot(market)
    settlement = market.platform.holder("MARKET")
    positions = pack_positions(slot_positions(market, slot))
    wrong = list(altered(slot.result))

    for result in wrong:
        assert not market.auction.call("isResult", slot.number, result)
        with reverts("WrongResult", slot=slot.number):
            market.auction.send("handOver", slot.number, result, sender=settlement)
    market.chain.warp_to(slot.start_s + 900 + SETTLE_S)
    for result in wrong:
        with reverts("WrongResult", slot=slot.number):
            market.auction.send("refund", slot.number, positions, result, sender=settlement)


def test_a_slot_that_lapsed_has_no_result_but_nothing(market: Market) -> None:
    cleared = traded_slot(market)
    lapsed = market.new_slot()
    (trader,) = market.admit([0])
    lapsed.relay(trader, Side.BID, [(1000, 250_000)])
    lapsed.commit()
    market.chain.warp_to(lapsed.clear_until_s)

    for result in (cleared.result, *altered(NO_RESULT)):
        if result != NO_RESULT:
            with reverts("WrongResult", slot=lapsed.number):
                market.auction.send("handOver", lapsed.number, result, sender=market.platform.holder("MARKET"))
    market.auction.send("handOver", lapsed.number, NO_RESULT, sender=market.platform.holder("MARKET"))


def test_nothing_is_committed_to_a_slot_that_was_cleared(market: Market) -> None:
    empty = market.new_slot()
    market.chain.warp_to(empty.gate_s)
    empty.clear()

    for slot in (empty, traded_slot(market)):
        with reverts("GateClosed", slot=slot.number):
            market.auction.send("commit", slot.number, keccak(b"late"), 1, sender=market.relay.address)
        assert market.auction.call("isRoot", slot.number, slot.root(), slot.result) == bool(slot.relayed)


def wrong_positions(positions: Sequence[Position], right: bytes) -> Iterator[list[Position]]:
    """Return positions with another amount locked, first with a smaller hash than the right one, then with a larger."""
    first, *others = positions
    for is_larger in (False, True):
        altered = ([replace(first, locked_micro=AmountMicro(amount)), *others] for amount in count(1))
        yield next(each for each in altered if (positions_hash(each) > right) is is_larger and each != positions)


def test_a_slot_that_is_never_settled_gives_back_what_it_locked(market: Market) -> None:
    slot = traded_slot(market)
    listed = slot_positions(market, slot)
    positions = pack_positions(listed)
    due = slot.start_s + 900 + SETTLE_S
    anybody = market.chain.address("anybody")

    market.chain.next_block_at(due - 1)
    with reverts("TooEarly", slot=slot.number, due=due, now_=due - 1):
        market.auction.send("refund", slot.number, positions, slot.result, sender=anybody)
    needed = slot.result[0]
    for later, wrong in enumerate(([], listed[:1], *wrong_positions(listed, needed))):
        market.chain.next_block_at(due + later)
        with reverts("WrongPositions", slot=slot.number, needed=needed, found=positions_hash(wrong)):
            market.auction.send("refund", slot.number, pack_positions(wrong), slot.result, sender=anybody)
    market.auction.send("refund", slot.number, positions, slot.result, sender=anybody)

    assert market.auction.call("phaseOf", slot.number) == REFUNDED
    assert market.platform.cash(ESCROW) == 0
    for position in listed:
        assert market.platform.cash(position.account) == 100 * CREDIT
    with reverts("NotCleared", slot=slot.number, phase=REFUNDED):
        market.auction.send("refund", slot.number, positions, slot.result, sender=anybody)


@pytest.mark.parametrize("when", ["before the gate", "before the clearing", "after the clearing"])
def test_a_withdrawal_announced_at_any_phase_does_not_stop_the_clearing(market: Market, when: str) -> None:
    # Pitfall "escrow withdrawn between commit and clear": leaving takes two steps, hours apart.
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.relay(seller, Side.OFFER, [(1500, 150_000)])
    withdraw = ("requestWithdrawal", buyer.account, 100 * CREDIT)
    if when == "before the gate":
        market.platform.ledger.send(*withdraw, sender=buyer.key.address)
    slot.seal_and_close()
    if when == "before the clearing":
        market.platform.ledger.send(*withdraw, sender=buyer.key.address)
    with reverts("LedgerNoWithdrawal" if when == "after the clearing" else "LedgerWithdrawalTooEarly"):
        market.platform.ledger.send("withdraw", buyer.account, sender=buyer.key.address)

    cleared = clear_and_check(slot).event(market.auction, "Cleared")

    assert len(unpack_positions(cleared["positions"])) == 2


def traded_slot(market: Market) -> Slot:
    """Return a cleared slot with three positions."""
    traders = market.admit([0, 0, 0])
    slot = market.new_slot(one_zone(CHARGES))
    slot.relay(traders[0], Side.BID, [(700, 250_000)])
    slot.relay(traders[1], Side.OFFER, [(1500, 150_000)])
    slot.relay(traders[2], Side.BID, [(600, 251_000)])
    slot.seal_and_close()
    clear_and_check(slot)
    return slot


def slot_positions(market: Market, slot: Slot) -> list[Position]:
    """Return the positions of a cleared slot, from its event."""
    topics = [market.auction.abi.events["Cleared"].topic]
    logs = market.chain.rpc.call(
        "eth_getLogs",
        {"address": market.auction.address, "topics": ["0x" + bytes(topics[0]).hex()], "fromBlock": "0x0"},
    )
    event = market.auction.abi.events["Cleared"]
    for log in logs:
        topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
        values = event.decode(topics, bytes.fromhex(log["data"][2:]))
        if values["slot"] == slot.number:
            return unpack_positions(values["positions"])
    raise AssertionError("the slot was not cleared")
