"""Edges that only mutants stood on: what a change of one thing in a contract did that no other test noticed.

Paths. Given a signature whose s is just above half the order, then it is none, whoever it belongs to; just at half,
then it is one. Given an owner whose address differs in any one bit from who signed, then it is not the owner's. Given a
class above the highest, then bond and collateral are those of the highest, to the micro-credit. Given an order of
several steps, then cash that just covers it suffices. Given one of more than four, or of too much energy, then it is
malformed. Given several reasons to leave an order out, then the first is told. Given any steps, then the nearest of all
bounds the price. Given grid data of any wrong length, or with another hash, or a book that is none of the committed
ones, then it is refused by name, whichever of two hashes is the larger. Given a ledger that refuses, then the auction
says why. Given no cleared slot, then there is nothing to refund. Given a contract that seals, then the seal is its own;
one in between is nobody.
"""

from collections.abc import Callable
from itertools import combinations, count, permutations

import coincurve
import pytest
from eth_hash.auto import keccak

from p2ptrade.chain import signatures
from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.units import ZoneId
from tests.support.auction import BONDS, COLLATERAL, LAPSED, NO_RESULT, SEALING, Market, Slot, Trader, priced_slot, star
from tests.support.auction_pages import PagedClearing
from tests.support.chain import reverts
from tests.support.forwarder import Forwarder
from tests.support.platform import CREDIT

HALF_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141 // 2
R = 0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798  # of a point: the generator
CLASS_MAX = len(BONDS) - 1
# Why an opened order is left out, the first that holds being told (contracts/interfaces/IDoubleAuction.sol)
REASONS = [
    VoidReason.BAD_SIGNATURE,
    VoidReason.ACCOUNT_NOT_ACTIVE,
    VoidReason.ZONE_EXCLUDED,
    VoidReason.MALFORMED,
    VoidReason.INSOLVENT,
]
HASH_BYTES = 31  # of a commitment that the contract keeps


# ---------------------------------------------------------------------------------------------------------- signatures


def written(s: int) -> bytes:
    """Return a signature with this s, low or not, of whom `signer` says."""
    assert s < 2**255
    return R.to_bytes(32, "big") + s.to_bytes(32, "big")


def signer(digest: bytes, signature: bytes) -> str:
    """Return whose signature it is, low or not: for any r and s there is a key that could have made it."""
    key = coincurve.PublicKey.from_signature_and_message(signature + b"\0", digest, hasher=None)
    return signatures.address_of(key)


def admit_owner(market: Market, owner: str) -> int:
    """Admit an owner whose key nobody knows, with cash."""
    admission = (owner, 0, 30, keccak(owner.encode()), market.chain.address(f"gateway of {owner}"))
    account = market.platform.ledger.call("lastAccount") + 1
    market.platform.registry.send("admitMany", [admission], sender=market.platform.holder("REGISTRAR"))
    market.give({account: 100 * CREDIT})
    return int(account)


@pytest.mark.parametrize(("s", "voids"), [(HALF_ORDER, []), (HALF_ORDER + 1, [VoidReason.BAD_SIGNATURE])])
def test_an_order_is_signed_with_the_lower_of_the_two_forms(market: Market, s: int, voids: list[VoidReason]) -> None:
    slot = market.new_slot()
    (seller,) = market.admit([0])
    slot.relay(seller, Side.OFFER, [(500, 100_000)])
    account = market.platform.ledger.call("lastAccount") + 1
    order = slot.order(Trader("nobody", market.relay, account), Side.BID, [(500, 200_000)])
    owner = signer(order.digest(market.domain), written(s))
    assert admit_owner(market, owner) == account
    slot.relayed[account] = (order, written(s))
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(account, reason) for reason in voids]


def test_a_verdict_has_all_its_64_bytes_and_no_more(market: Market) -> None:
    slot = priced_slot(market)
    prices = list(slot.expected().prices)
    submissions = (slot.submission(prices=prices, envelopeRoot=root.to_bytes(32, "big")) for root in count())
    *fields, verdict = next(each for each in submissions if each[-1].endswith(b"\0"))

    for wrong in (b"", verdict[:-1], verdict + b"\0"):
        with reverts("NotTheDsosVerdict"):
            slot.clear([*fields, wrong])
    slot.clear([*fields, verdict])


def test_who_signs_has_every_bit_of_the_owners_address(market: Market) -> None:
    slot = market.new_slot()
    key = market.chain.key("somebody")
    first = market.platform.ledger.call("lastAccount") + 1
    owners = [f"0x{int(key.address, 16) ^ 1 << bit:040x}" for bit in range(160)]
    admissions = [(owner, 0, 30, keccak(owner.encode()), market.chain.address(owner)) for owner in owners]
    market.platform.registry.send("admitMany", admissions, sender=market.platform.holder("REGISTRAR"))
    accounts = range(first, first + len(owners))
    market.give(dict.fromkeys(accounts, 100 * CREDIT))
    for account in accounts:
        slot.relay(Trader("somebody", key, account), Side.BID, [(500, 200_000)])
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(account, VoidReason.BAD_SIGNATURE) for account in accounts]


@pytest.mark.parametrize(("s", "is_signed"), [(HALF_ORDER, True), (HALF_ORDER + 1, False)])
def test_a_verdict_is_signed_with_the_lower_of_the_two_forms(market: Market, s: int, is_signed: bool) -> None:
    slot = priced_slot(market)
    fields = slot.submission()
    digest = slot.verdict_digest(fields)
    market.auction.send("appointDso", signer(digest, written(s)), sender=market.platform.admin)

    if is_signed:
        slot.clear([*fields[:-1], written(s)])
    else:
        with reverts("NotTheDsosVerdict"):
            slot.clear([*fields[:-1], written(s)])


# -------------------------------------------------------------------------------------------------- what covers orders


@pytest.mark.parametrize("class_", [CLASS_MAX - 1, CLASS_MAX, CLASS_MAX + 1, 100, 255])
@pytest.mark.parametrize("lacks_micro", [0, 1])
def test_the_highest_classes_have_the_bond_and_collateral_of_the_highest(
    market: Market, class_: int, lacks_micro: int
) -> None:
    buyer, seller = market.admit([0, 0], cash_micro=0)
    ranked = min(class_, CLASS_MAX)
    cash = {buyer.account: BONDS[ranked] + 200_000, seller.account: BONDS[ranked] + COLLATERAL[ranked]}
    market.give({account: amount - lacks_micro for account, amount in cash.items()})
    classes = b"".join(account.to_bytes(4, "big") + bytes([class_]) for account in cash)
    market.platform.ledger.send("setReputationClasses", classes, sender=market.platform.holder("SCORER"))
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 200_000)])
    slot.relay(seller, Side.OFFER, [(1000, 100_000)])
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(account, VoidReason.INSOLVENT) for account in cash if lacks_micro]
    locked = [position.locked_micro for position in unpack_positions(cleared["positions"])]
    assert locked == ([] if lacks_micro else [150_000, COLLATERAL[ranked]])


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("lacks_micro", [0, 1])
def test_cash_that_just_covers_every_step_suffices(market: Market, count: int, lacks_micro: int) -> None:
    (buyer,) = market.admit([0], cash_micro=0)
    steps = [(1000, 200_000 - number) for number in range(count)]
    cover = sum(energy * price // 1000 for energy, price in steps)  # without a remainder
    market.give({buyer.account: BONDS[0] + cover - lacks_micro})
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, steps)
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(buyer.account, VoidReason.INSOLVENT)] * lacks_micro


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("count", range(8))
def test_an_order_has_one_to_four_steps(market: Market, side: Side, count: int) -> None:
    (trader,) = market.admit([0])
    slot = market.new_slot()
    worse = -1 if side is Side.BID else 1
    slot.relay(trader, side, [(10 + number, 150_000 + worse * number) for number in range(count)])
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    is_one = 1 <= count <= 4
    assert unpack_voids(cleared["voids"]) == ([] if is_one else [(trader.account, VoidReason.MALFORMED)])


@pytest.mark.parametrize("side", list(Side))
def test_of_several_reasons_to_leave_an_order_out_the_first_is_told(market: Market, side: Side) -> None:
    reasons = [set(chosen) for count in range(6) for chosen in combinations(REASONS, count)]
    slot = market.new_slot(star([(10_000, 10_000)]))
    traders = market.admit([int(VoidReason.ZONE_EXCLUDED in each) for each in reasons])
    for trader, each in zip(traders, reasons, strict=True):
        slot.relay(trader, side, [(1000, 150_000)] * (2 if VoidReason.MALFORMED in each else 1))
        if VoidReason.BAD_SIGNATURE in each:
            slot.relayed[trader.account] = (slot.relayed[trader.account][0], bytes(64))
        if VoidReason.ACCOUNT_NOT_ACTIVE in each:
            market.platform.registry.send("suspend", trader.account, sender=market.platform.holder("REGISTRAR"))
        if VoidReason.INSOLVENT in each:
            market.give({trader.account: -100 * CREDIT})
    slot.seal_and_close()
    grid = slot.grid.tightened(slot.grid.zones, frozenset({ZoneId(1)}))

    cleared = slot.clear(grid=grid).event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [
        (trader.account, min(each, key=REASONS.index)) for trader, each in zip(traders, reasons, strict=True) if each
    ]


@pytest.mark.parametrize("class_", [0, 3, CLASS_MAX, CLASS_MAX + 1, 255])
@pytest.mark.parametrize("is_own", [False, True])
def test_who_does_not_open_loses_the_bond_of_its_class(market: Market, class_: int, is_own: bool) -> None:
    (silent,) = market.admit([0])
    given = silent.account.to_bytes(4, "big") + bytes([class_])
    market.platform.ledger.send("setReputationClasses", given, sender=market.platform.holder("SCORER"))
    slot = market.new_slot()
    (slot.seal if is_own else slot.relay)(silent, Side.BID, [(1000, 200_000)])
    slot.unopened = {silent.account}
    slot.seal_and_close()

    slot.clear()

    assert market.platform.cash(silent.account) == 100 * CREDIT - BONDS[min(class_, CLASS_MAX)]


@pytest.mark.parametrize("cash", [-CREDIT, 0, BONDS[0] - 1, BONDS[0], BONDS[0] + 1])
def test_who_has_less_than_the_bond_loses_what_there_is(market: Market, cash: int) -> None:
    (silent,) = market.admit([0], cash_micro=0)
    market.give({silent.account: cash})
    slot = market.new_slot()
    slot.relay(silent, Side.BID, [(1000, 200_000)])
    slot.unopened = {silent.account}
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(silent.account, VoidReason.UNOPENED)]
    assert market.platform.cash(silent.account) == min(cash, max(cash - BONDS[0], 0))


@pytest.mark.parametrize(("energy_wh", "voids"), [(2**31 - 1, []), (2**31, [VoidReason.MALFORMED])])
def test_an_order_is_of_less_than_2_to_31_wh_whoever_could_pay_more(
    market: Market, energy_wh: int, voids: list[VoidReason]
) -> None:
    (buyer,) = market.admit([0], cash_micro=2**50)
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(energy_wh, 100_000)])
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(buyer.account, reason) for reason in voids]


# ------------------------------------------------------------------------------------------------------- prices beside


Steps = list[tuple[int, int]]


def traded(rank: int) -> tuple[Steps, Steps]:
    return [(100, 260_000 + 10_000 * rank)], [(100, 140_000 - 10_000 * rank)]


def traded_second(rank: int) -> tuple[Steps, Steps]:
    bid, offer = traded(rank)
    return [(50, 300_000), *bid], [(50, 100_000), *offer]


def not_traded(rank: int) -> tuple[Steps, Steps]:
    return [(100, 140_000 - 10_000 * rank)], [(100, 260_000 + 10_000 * rank)]


def not_traded_second(rank: int) -> tuple[Steps, Steps]:
    bid, offer = not_traded(rank)
    return [(50, 300_000), *bid], [(50, 100_000), *offer]


@pytest.mark.parametrize("steps", [traded, traded_second, not_traded, not_traded_second])
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_the_nearest_step_on_either_side_bounds_the_price_wherever_in_the_book_it_is(
    market: Market, steps: Callable[[int], tuple[Steps, Steps]], order: tuple[int, ...]
) -> None:
    traders = market.admit([0] * 8)
    slot = market.new_slot()
    slot.relay(traders[0], Side.BID, [(100, 300_000)])
    slot.relay(traders[1], Side.OFFER, [(100, 100_000)])
    for index, rank in enumerate(order):
        bid, offer = steps(rank)
        slot.relay(traders[2 + index], Side.BID, bid)
        slot.relay(traders[5 + index], Side.OFFER, offer)
    slot.seal_and_close()

    slot.clear()

    # Everything between 140 and 260 balances, so the price is the middle, 200, in halves of a micro-credit.
    assert slot.cleared_by is not None
    assert slot.cleared_by.event(market.auction, "Cleared")["prices"] == (400_000,)


def test_each_side_shares_what_trades_at_the_price_by_its_own_running_total(market: Market) -> None:
    # Three bids share two Wh in book order, floor(2 x total / 3) at each: nothing, then 1, then 2. The offer between
    # them trades wholly and is not counted among them.
    slot = market.new_slot()
    first, seller, second, third = market.admit([0] * 4)
    for bidder in (first, second, third):
        slot.relay(bidder, Side.BID, [(1, 200_000)])
    slot.relay(seller, Side.OFFER, [(2, 200_000)])
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    traded = {position.account: position.energy_wh for position in unpack_positions(cleared["positions"])}
    assert traded == {seller.account: -2, second.account: 1, third.account: 1}


# -------------------------------------------------------------------------------------------------- what is none of it


def test_grid_data_of_any_other_length_is_refused(market: Market) -> None:
    slot = priced_slot(market)
    whole = slot.grid.pack()

    for length in range(len(whole)):
        with reverts("BadGridData", zone=0):
            slot.clear(gridData=whole[:length], published=whole, prices=[0])


def test_grid_data_with_a_larger_or_a_smaller_hash_is_refused(market: Market) -> None:
    slot = priced_slot(market)
    whole = slot.grid.pack()
    is_larger = set()

    for charge in range(1, 9):
        other = whole[:-10] + bytes([charge]) + whole[-9:]
        is_larger.add(keccak(other) > keccak(whole))
        with reverts("WrongGridData", published=keccak(whole), found=keccak(other)):
            slot.clear(gridData=other, prices=[0])
        with reverts("WrongGridData", published=keccak(whole), found=keccak(other)):
            slot.clear(gridData=whole, published=other, prices=[0])
    assert is_larger == {True, False}


def in_pages(slot: Slot) -> None:
    PagedClearing.of(slot).run()


@pytest.mark.parametrize("clear", [Slot.clear, in_pages])
def test_seals_whose_hash_is_larger_or_smaller_than_the_commitment_are_refused(
    market: Market, clear: Callable[[Slot], object]
) -> None:
    slot = market.new_slot()
    for number, trader in enumerate(market.admit([0] * 3)):
        slot.relay(trader, Side(number % 2), [(500, 200_000 - 50_000 * (number % 2))])
    whole, relayed_by_hash = slot.relayed, {}
    for account in whole:
        slot.relayed = {other: whole[other] for other in whole if other != account}
        relayed_by_hash[slot.root()[-HASH_BYTES:]] = slot.relayed
    smaller, committed, larger = sorted(relayed_by_hash)
    slot.relayed = relayed_by_hash[committed]
    slot.seal_and_close()

    for wrong in (smaller, larger):
        slot.relayed = relayed_by_hash[wrong]
        with reverts("WrongEntries", slot=slot.number, found=slot.root()):
            clear(slot)
    slot.relayed = relayed_by_hash[committed]
    clear(slot)


# ----------------------------------------------------------------------------------------------------- whose turn it is


def test_what_the_ledger_refuses_is_refused_in_its_own_words(market: Market) -> None:
    slot = priced_slot(market)
    market.platform.ledger.send("setMover", market.auction, False, sender=market.platform.admin)

    with reverts("LedgerNotAMover", caller=market.auction.address):
        slot.clear()


def test_a_slot_that_was_not_cleared_has_nothing_to_refund(market: Market) -> None:
    slot, anybody = market.new_slot(), market.chain.address("anybody")

    with reverts("NotCleared", slot=slot.number, phase=SEALING):
        market.auction.send("refund", slot.number, b"", NO_RESULT, sender=anybody)
    market.chain.warp_to(slot.clear_until_s)
    with reverts("NotCleared", slot=slot.number, phase=LAPSED):
        market.auction.send("refund", slot.number, b"", NO_RESULT, sender=anybody)


# ------------------------------------------------------------------------------------------------------------ who calls


def test_a_seal_is_of_the_contract_that_sent_it(market: Market) -> None:
    contract = Forwarder.deploy(market.chain)
    account = admit_owner(market, contract.address)
    (seller,) = market.admit([0])
    slot = market.new_slot()
    slot.relay(seller, Side.OFFER, [(500, 100_000)])
    order = slot.order(Trader("contract", market.relay, account), Side.BID, [(500, 200_000)])
    digest = order.digest(market.domain)

    sealed = contract.send(market.auction, "seal", slot.number, digest, sender=market.chain.address("anybody"))
    slot.own.append((Trader("contract", market.relay, account), order))
    slot.seal_and_close()
    cleared = slot.clear().event(market.auction, "Cleared")

    assert sealed.event(market.auction, "Sealed")["owner"].lower() == contract.address.lower()
    assert {position.account for position in unpack_positions(cleared["positions"])} == {account, seller.account}


def test_relay_and_settlement_are_not_led_through_a_strange_contract(market: Market) -> None:
    contract, relay = Forwarder.deploy(market.chain), market.relay.address
    slot = priced_slot(market)
    slot.clear()
    later = market.new_slot()

    with reverts("NotTheRelay", caller=contract.address):
        contract.send(market.auction, "commit", later.number, b"\1" * 32, 1, sender=relay)
    settlement = market.platform.holder("MARKET")
    with reverts("NotTheSettlement", caller=contract.address, settlement=settlement):
        contract.send(market.auction, "handOver", slot.number, slot.result, sender=settlement)
    with reverts("NotTheRelay", caller=contract.address):
        contract.send(market.stake, "unstake", sender=relay)
