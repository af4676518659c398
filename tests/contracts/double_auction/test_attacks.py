"""Each pitfall of sealed auctions on a chain, and each fault found in earlier ones, tried on this one.

Paths. Given a sealed book, when the relay drops, alters, doubles, reorders or adds a record: then the clearing reverts.
When a seal is copied, replayed to another slot, contract or chain, or opened by somebody else: then it opens nothing.
When a signature is written in another way: then it is none. When somebody acts at the wrong time: then it is refused
to the second. When the DSO did not sign exactly this result: then there is none.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import product
from random import Random
from typing import Any

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.packing import (
    OpenedRecord,
    OwnSeal,
    SealEntry,
    UnopenedRecord,
    pack_entries,
    pack_strangers,
    running_hash,
    ticket,
    unpack_positions,
    unpack_voids,
)
from p2ptrade.chain.typed_data import OrderMessage, TermsMessage, auction_domain, order_digest, sign
from p2ptrade.domain.grid_data import Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step, VoidReason
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, ZoneId
from tests.support.auction import BONDS, LAPSED, Market, Slot, Trader, deploy_market, one_zone, star
from tests.support.chain import CHAIN_ID, reverts
from tests.support.platform import CREDIT, RETAILER

ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


@pytest.fixture
def slot(market: Market) -> Slot:
    """A slot with three relayed orders that trade, sealed and closed."""
    slot = open_slot(market)
    slot.seal_and_close()
    return slot


def open_slot(market: Market) -> Slot:
    traders = market.admit([0, 0, 0])
    slot = market.new_slot()
    slot.relay(traders[0], Side.BID, [(700, 250_000), (100, 200_000)])
    slot.relay(traders[1], Side.OFFER, [(1500, 150_000)])
    slot.relay(traders[2], Side.BID, [(600, 251_000)])
    return slot


def clear_records(slot: Slot, records: list[bytes]) -> None:
    """Clear with a book of these records, at the prices of the honest one, signed by a DSO who does not look."""
    slot.clear(book=b"".join(records), prices=list(slot.expected().prices))


# ---------------------------------------------------------------------------------------- the relay and its commitment


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_book_without_one_of_the_committed_orders_is_refused(slot: Slot, index: int) -> None:
    records = [record.pack() for record in slot.records()]

    with reverts("WrongEntries", slot=slot.number):
        clear_records(slot, records[:index] + records[index + 1 :])


@pytest.mark.parametrize("index", [0, 1, 2])
def test_an_order_taken_twice_is_refused(slot: Slot, index: int) -> None:
    records = [record.pack() for record in slot.records()]

    with reverts("AccountsMustRise"):
        clear_records(slot, records[: index + 1] + records[index:])


@pytest.mark.parametrize("order", [(1, 0, 2), (0, 2, 1), (2, 0, 1), (2, 1, 0)])
def test_orders_in_another_order_are_refused(slot: Slot, order: tuple[int, ...]) -> None:
    records = [record.pack() for record in slot.records()]

    with reverts("AccountsMustRise"):
        clear_records(slot, [records[index] for index in order])


def test_every_byte_of_an_opening_is_bound_by_the_seal(slot: Slot) -> None:
    records = [record.pack() for record in slot.records()]
    first = records[0]
    opening_bytes = len(first) - 64

    for position in range(1, opening_bytes):
        altered = first[:position] + bytes([first[position] ^ 1]) + first[position + 1 :]
        with pytest.raises(Exception, match=r"WrongEntries|AccountsMustRise"):
            clear_records(slot, [altered, *records[1:]])


def test_an_order_that_nobody_sealed_is_refused(market: Market, slot: Slot) -> None:
    (late,) = market.admit([0])
    slot.relay(late, Side.BID, [(600, 251_000)])

    with reverts("WrongEntries", slot=slot.number):
        slot.clear()


def test_a_relay_cannot_void_an_order_by_exchanging_its_signature(market: Market, slot: Slot) -> None:
    records = [record.pack() for record in slot.records()]

    for position in (-64, -32, -1):
        altered = bytearray(records[0])
        altered[position] ^= 1
        with reverts("WrongEntries", slot=slot.number):
            clear_records(slot, [bytes(altered), *records[1:]])


def test_a_relay_cannot_burn_bonds_with_seals_of_its_own_making(market: Market) -> None:
    slot = open_slot(market)
    (victim,) = market.admit([0])
    forged = slot.order(victim, Side.BID, [(600, 251_000)])
    slot.relayed[victim.account] = (forged, sign(forged, market.domain, market.relay))
    slot.unopened = {victim.account}
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(victim.account, VoidReason.BAD_SIGNATURE)]
    assert market.platform.cash(victim.account) == 100 * CREDIT


def test_a_relay_cannot_burn_a_bond_with_a_seal_of_an_earlier_slot(market: Market) -> None:
    (victim,) = market.admit([0])
    earlier = market.new_slot(ahead_s=6000)
    old = earlier.order(victim, Side.BID, [(600, 251_000)])
    signature = sign(old, market.domain, victim.key)
    slot = open_slot(market)
    slot.relayed[victim.account] = (old, signature)
    # The relay commits the old digest; the contract derives the digest from slot, account and terms.
    slot.commit()
    market.chain.warp_to(slot.open_until_s)
    slot.unopened = {victim.account}

    with reverts("WrongEntries", slot=slot.number):
        slot.clear()


def test_a_relay_that_withholds_an_opening_can_clear_only_after_the_owner_had_time_to_open(market: Market) -> None:
    slot = open_slot(market)
    withheld = min(slot.relayed)
    slot.commit()
    slot.unopened = {withheld}

    market.chain.warp_to(slot.gate_s)
    with reverts("OwnersMayStillOpen", slot=slot.number, account=withheld, until=slot.open_until_s):
        slot.clear()
    order, _ = slot.relayed[withheld]
    record = OpenedRecord(AccountId(withheld), order.side, ((700, 250_000), (100, 200_000)), order.salt)
    receipt = market.auction.send("open", slot.number, record.opening(), sender=market.chain.address("anybody"))
    market.chain.warp_to(slot.open_until_s)

    opened = receipt.event(market.auction, "Opened")
    assert opened["digest"] == order.digest(market.domain)
    assert opened["record"] == record.opening()
    with reverts("WasOpened", slot=slot.number, account=withheld):
        slot.clear()
    slot.unopened = set()
    assert len(unpack_positions(slot.clear().event(market.auction, "Cleared")["positions"])) == 3


def test_an_own_opening_is_taken_from_the_gate_until_its_window_ends(market: Market) -> None:
    slot = open_slot(market)
    order, _ = slot.relayed[min(slot.relayed)]
    record = OpenedRecord(AccountId(order.account), order.side, ((700, 250_000), (100, 200_000)), order.salt)
    call = ("open", slot.number, record.opening())

    market.chain.next_block_at(slot.gate_s - 1)
    with reverts("GateStillOpen", closesAt=slot.gate_s):
        market.auction.send(*call, sender=market.relay.address)
    market.chain.next_block_at(slot.open_until_s)
    with reverts("WindowClosed", closedAt=slot.open_until_s):
        market.auction.send(*call, sender=market.relay.address)
    assert not market.auction.call("isOpened", order.digest(market.domain))


@pytest.mark.parametrize("record", [b"", bytes([0x11]) + bytes(28), bytes([0x20]) + bytes(36), bytes(20), bytes(22)])
def test_what_is_no_opening_opens_nothing(market: Market, record: bytes) -> None:
    slot = market.new_slot()
    market.chain.warp_to(slot.gate_s)

    with pytest.raises(Exception, match=r"BadRecord|TruncatedBook"):
        market.auction.send("open", slot.number, record, sender=market.relay.address)


def test_only_the_relay_commits_once_and_before_the_gate(market: Market) -> None:
    slot = open_slot(market)
    root = running_hash([slot.entries()])
    relay = market.relay.address

    with reverts("NotTheRelay", caller=market.chain.address("anybody")):
        market.auction.send("commit", slot.number, root, 3, sender=market.chain.address("anybody"))
    with reverts("EmptyCommitment", slot=slot.number):
        market.auction.send("commit", slot.number, bytes(32), 0, sender=relay)
    slot.commit()
    with reverts("AlreadyCommitted", slot=slot.number):
        market.auction.send("commit", slot.number, keccak(b"other"), 3, sender=relay)
    late = market.new_slot()
    market.chain.next_block_at(late.gate_s)
    with reverts("GateClosed", slot=late.number, closedAt=late.gate_s):
        market.auction.send("commit", late.number, root, 3, sender=relay)


@pytest.mark.parametrize("shift", [-15, -1, 0, 1, 15])
def test_a_seal_is_taken_to_the_second_before_the_gate_and_no_later(market: Market, shift: int) -> None:
    # Pitfall "timestamp moved by validators": a second decides nothing but whether one seal is in or out.
    (trader,) = market.admit([0])
    slot = market.new_slot()

    market.chain.next_block_at(slot.gate_s + shift)

    if shift < 0:
        slot.seal(trader, Side.BID, [(1, 1)])
        assert market.auction.call("ownChainOf", slot.number) != bytes(32)
    else:
        with reverts("GateClosed", slot=slot.number, closedAt=slot.gate_s, now_=slot.gate_s + shift):
            slot.seal(trader, Side.BID, [(1, 1)])


@pytest.mark.parametrize("shift", [-15, -1, 0, 1, 15])
def test_a_clearing_is_taken_between_gate_and_its_window_end(market: Market, shift: int) -> None:
    slot = open_slot(market)
    slot.commit()
    submission = slot.submission()

    if shift < 0:
        market.chain.next_block_at(slot.gate_s + shift)
        with reverts("GateStillOpen", slot=slot.number, closesAt=slot.gate_s):
            slot.clear(submission)
    market.chain.next_block_at(slot.clear_until_s + shift)
    if shift < 0:
        slot.clear(submission)
    else:
        with reverts("WindowClosed", slot=slot.number, closedAt=slot.clear_until_s):
            slot.clear(submission)


# --------------------------------------------------------------------------------------------------------- own seals


def test_seals_of_strangers_stop_nobody_and_bind_nobody(market: Market) -> None:
    # A seal costs whom it comes from, not the slot: who has no account stands beside the book, in the place of arrival.
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    strangers = [Trader(name, market.chain.key(name), 0) for name in ("stranger", "another")]
    for trader in (strangers[0], buyer, strangers[1], strangers[0], seller, strangers[0]):
        slot.seal(trader, Side.OFFER if trader is seller else Side.BID, [(500, 200_000)])
    slot.seal_and_close()
    listed = slot.strangers()
    seals = [listed[at : at + 54] for at in range(0, len(listed), 54)]
    assert len(seals) == 4
    exchanged = seals[0][:2] + seals[1][2:] + seals[1][:2] + seals[0][2:]
    forged = seals[0][:2] + keccak(b"nobody")[:20] + seals[0][22:]
    far = b"\xff\xff" + seals[3][2:]

    for wrong in (
        b"",
        listed[54:],
        listed + seals[0],
        exchanged + listed[108:],
        forged + listed[54:],
        listed[:162] + far,
    ):
        with reverts("WrongOwnSeals", slot=slot.number):
            slot.clear(strangers=wrong)
    with reverts("BadList", length=215, recordLength=54):
        slot.clear(strangers=listed[:-1])
    cleared = slot.clear(strangers=b"".join(reversed(seals))).event(market.auction, "Cleared")

    assert [p.energy_wh for p in unpack_positions(cleared["positions"])] == [500, -500]


def test_a_participants_seal_cannot_be_passed_off_as_a_strangers(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    for trader, side in ((buyer, Side.BID), (seller, Side.OFFER)):
        slot.seal(trader, side, [(500, 200_000)])
    slot.seal_and_close()
    dropped = pack_strangers({0: OwnSeal(buyer.key.address, slot.own[0][1].digest(market.domain))})
    kept = slot.records()[1].pack()

    with reverts("NotAStranger", sender=buyer.key.address):
        slot.clear(book=kept, strangers=dropped, prices=[0])
    with reverts("NotAStranger", sender=buyer.key.address):
        slot.clear(strangers=dropped)


@pytest.mark.parametrize("is_the_retailers", [False, True])
def test_who_owns_an_account_of_the_platform_does_not_seal_with_it(market: Market, is_the_retailers: bool) -> None:
    # The owner of the retailer's account trades with an account of its own: no book can make that seal the retailer's,
    # even if the order says so.
    (trader,) = market.admit([0])
    market.platform.ledger.send("setSystemOwner", RETAILER, trader.key.address, sender=market.platform.admin)
    slot = market.new_slot()
    slot.seal(replace(trader, account=RETAILER) if is_the_retailers else trader, Side.BID, [(500, 200_000)])
    slot.seal_and_close()
    ((_, order),) = slot.own
    market.chain.warp_to(slot.open_until_s)
    kept = UnopenedRecord(AccountId(trader.account), order.digest(market.domain), arrival=0)
    opened = OpenedRecord(AccountId(RETAILER), Side.BID, ((500, 200_000),), order.salt, arrival=0)
    unopened = UnopenedRecord(AccountId(RETAILER), order.digest(market.domain), arrival=0)

    for record in (opened, unopened):
        with reverts("WrongOwnSeals", slot=slot.number):
            slot.clear(book=record.pack(), prices=[0])
    slot.clear(book=kept.pack(), prices=[0])


def test_a_stranger_who_is_admitted_in_time_stands_in_the_book(market: Market) -> None:
    key = market.chain.key(f"trader {market._names}")
    slot = market.new_slot()
    slot.seal(Trader("early", key, 0), Side.BID, [(500, 200_000)])
    (admitted,) = market.admit([0])
    assert admitted.key.address == key.address
    slot.seal_and_close()
    with reverts("NotAStranger", sender=key.address):
        slot.clear()
    slot.own[0] = (admitted, slot.own[0][1])
    market.chain.warp_to(slot.open_until_s)
    digest = slot.own[0][1].digest(market.domain)
    unopened = UnopenedRecord(AccountId(admitted.account), digest, arrival=0).pack()

    slot.clear(book=unopened)

    assert market.platform.cash(admitted.account) == 100 * CREDIT - BONDS[0]


def test_a_copied_seal_opens_for_its_owner_only_and_costs_the_copier_a_bond(market: Market) -> None:
    # a16z OverCollateralizedAuction: a copied commitment opened for the copier once the victim had revealed.
    owner, copier, seller = market.admit([0, 0, 0])
    slot = market.new_slot()
    slot.seal(owner, Side.BID, [(500, 200_000)])
    (_, order) = slot.own[0]
    slot.relay(seller, Side.OFFER, [(500, 100_000)])
    digest = order.digest(market.domain)
    market.auction.send("seal", slot.number, digest, sender=copier.key.address)
    slot.seal_and_close()
    market.chain.warp_to(slot.open_until_s)
    honest = [record.pack() for record in slot.records()]
    steps = ((500, 200_000),)
    copied = OpenedRecord(AccountId(copier.account), Side.BID, steps, order.salt, arrival=1).pack()
    unopened = UnopenedRecord(AccountId(copier.account), digest, arrival=1).pack()
    prices = [2 * 150_000]

    with reverts("WrongOwnSeals", slot=slot.number):
        slot.clear(book=honest[0] + copied + honest[1], prices=prices)
    slot.clear(book=honest[0] + unopened + honest[1], prices=prices)

    assert market.platform.cash(copier.account) == 100 * CREDIT - BONDS[0]
    assert market.platform.cash(owner.account) == 100 * CREDIT - 500 * 150


def test_own_seals_left_out_or_given_another_place_are_refused(market: Market) -> None:
    traders = market.admit([0, 0])
    slot = market.new_slot()
    for trader in (traders[1], traders[0], traders[1]):
        slot.seal(trader, Side.BID, [(500, 200_000)])
    slot.seal_and_close()
    first, replaced, last = (record.pack() for record in slot.records())

    def at(record: bytes, arrival: int) -> bytes:
        return record[:5] + arrival.to_bytes(2, "big") + record[7:]

    for book in (first, first + last, at(first, 0) + at(replaced, 1) + last, at(first, 700) + replaced + last, b""):
        with reverts("WrongOwnSeals", slot=slot.number):
            slot.clear(book=book, prices=[0])
    with reverts("NotTheLastSeal", account=traders[1].account, arrival=2):
        slot.clear(book=first + at(replaced, 2) + at(last, 0), prices=[0])
    with reverts("AccountsMustRise"):
        slot.clear(book=replaced + first + last, prices=[0])
    with reverts("TruncatedBook"):
        slot.clear(book=first + replaced, prices=[0])
    slot.clear()


def test_what_a_book_left_in_memory_does_not_stand_for_an_own_seal(market: Market) -> None:
    # The book is hashed in memory that the list of own seals is taken from later. A place that no record fills must be
    # empty: else a relay could write the seal that it drops into bad records, and have an unsealed order in its place.
    victim, cheat, seller = market.admit([0, 0, 0])
    slot = market.new_slot()
    slot.seal(victim, Side.BID, [(500, 200_000)])
    slot.seal(seller, Side.OFFER, [(500, 100_000)])
    kept = slot.records()[1].pack()
    unsealed = OpenedRecord(AccountId(cheat.account), Side.BID, ((500, 200_000),), market.next_salt(), arrival=1).pack()
    dropped = (bytes.fromhex(victim.key.address[2:]) + slot.own[0][1].digest(market.domain)) * 2
    bad = [UnopenedRecord(AccountId(10**6 + n), dropped[:32], dropped[32:96]) for n in range(400)]
    book = unsealed + kept + b"".join(record.pack() for record in bad)
    digests = [order_digest(market.domain, slot.number, record.account, record.sealed) for record in bad]
    entries = [
        SealEntry(record.account, ticket(digest, dropped[32:96])) for record, digest in zip(bad, digests, strict=True)
    ]
    root = running_hash([pack_entries(entries)])
    market.auction.send("commit", slot.number, root, len(entries), sender=market.relay.address)
    market.chain.warp_to(slot.gate_s)
    seal = bytes.fromhex(seller.key.address[2:]) + slot.own[1][1].digest(market.domain)

    with reverts("WrongOwnSeals", slot=slot.number, found=keccak(keccak(bytes(32 + 52)) + seal)):
        slot.clear(book=book, prices=[0])


def test_a_relayed_seal_cannot_stand_beside_a_live_own_one(market: Market) -> None:
    (both,) = market.admit([0])
    slot = market.new_slot()
    slot.relay(both, Side.BID, [(500, 300_000)])
    relayed = slot.records()[0].pack()
    slot.seal(both, Side.BID, [(111, 111_000)])
    slot.seal_and_close()
    own = slot.records()[1].pack()

    with reverts("NotSuperseded", account=both.account):
        slot.clear(book=relayed + own, prices=[0])


# --------------------------------------------------------------------------------------- replay, guessing, ambiguity


def test_orders_of_one_slot_open_nothing_in_the_next(market: Market) -> None:
    slot = open_slot(market)
    following = Slot(market, type(slot.number)(slot.number + 1), slot.grid)
    market.platform.grid_limits.send(
        "publish", following.number, slot.grid.pack(), sender=market.platform.holder("DSO")
    )
    for each in (slot, following):
        market.auction.send("commit", each.number, running_hash([slot.entries()]), 3, sender=market.relay.address)
    market.chain.warp_to(following.gate_s)
    prices = list(slot.expected().prices)

    with reverts("WrongEntries", slot=following.number):
        following.clear(book=slot.book(), prices=prices)
    slot.clear()
    with reverts("AlreadyCleared", slot=slot.number):
        slot.clear(book=slot.book(), prices=prices)


def test_orders_for_another_contract_or_chain_open_nothing(market: Market) -> None:
    (trader,) = market.admit([0])
    slot = market.new_slot()
    order = slot.order(trader, Side.BID, [(500, 200_000)])
    other_session = deploy_market_again(market)
    foreign = (other_session.domain, auction_domain(CHAIN_ID + 1, market.auction.address))

    digests = {order.digest(domain) for domain in (market.domain, *foreign)}

    assert len(digests) == 3
    assert market.auction.call("digestOf", slot.number, trader.account, order.terms_hash) == order.digest(market.domain)
    slot.relayed[trader.account] = (order, sign(order, foreign[1], trader.key))
    slot.seal_and_close()
    cleared = slot.clear().event(market.auction, "Cleared")
    assert unpack_voids(cleared["voids"]) == [(trader.account, VoidReason.BAD_SIGNATURE)]


def deploy_market_again(market: Market) -> Market:
    return deploy_market(market.platform, relay_name="second relay")


def test_salt_zero_can_be_guessed_and_a_random_one_cannot(market: Market) -> None:
    # Pitfall "low-entropy salt": the dictionary of a poor market has 20 x 50 orders.
    (trader,) = market.admit([0])
    slot = market.new_slot()
    steps = (Step(EnergyWh(700), PriceMicroPerKwh(33_000)),)
    careless = TermsMessage(Side.BID, steps, bytes(16)).struct_hash()
    careful = TermsMessage(Side.BID, steps, market.next_salt()).struct_hash()

    dictionary = {
        TermsMessage(Side.BID, (Step(EnergyWh(energy), PriceMicroPerKwh(price)),), bytes(16)).struct_hash()
        for energy, price in product(range(100, 2100, 100), range(1000, 51_000, 1000))
    }

    assert careless in dictionary
    assert careful not in dictionary
    same_again = {slot.order(trader, Side.BID, [(700, 33_000)]).digest(market.domain) for _ in range(2)}
    assert len(same_again) == 2


def test_different_orders_never_share_a_digest(market: Market) -> None:
    # Pitfall "packed-encoding ambiguity": neighbours that differ by where one number ends, in the contract's own hash.
    random = Random(5)
    salt = bytes(16)
    found: dict[bytes, set[tuple[object, ...]]] = {}
    for _ in range(2000):
        steps = tuple(
            Step(EnergyWh(random.choice((1, 11, 0x0101, 0x010101))), PriceMicroPerKwh(random.choice((1, 11, 0x0101))))
            for _ in range(random.randint(0, 4))
        )
        order = OrderMessage(random.choice((1, 11)), random.choice((1, 11)), random.choice(list(Side)), steps, salt)
        key = (order.slot, order.account, order.side, order.steps)
        found.setdefault(order.digest(market.domain), set()).add(key)

    assert all(len(orders) == 1 for orders in found.values())


# ---------------------------------------------------------------------------------------------------------- signatures


def twin(signature: bytes) -> bytes:
    """Return the other signature of the same message: s -> n - s, parity flipped, as far as it can be written."""
    word = int.from_bytes(signature[32:], "big")
    parity, s = word >> 255, word & (2**255 - 1)
    return signature[:32] + ((ORDER_OF_CURVE - s) & (2**255 - 1) | (1 - parity) << 255).to_bytes(32, "big")


def flipped(signature: bytes) -> bytes:
    return signature[:32] + bytes([signature[32] ^ 0x80]) + signature[33:]


@pytest.mark.parametrize("change", [twin, flipped, lambda _: bytes(64), lambda _: b"\xff" * 64])
def test_an_order_signed_in_another_way_is_not_signed(market: Market, change: Callable[[bytes], bytes]) -> None:
    slot = open_slot(market)
    account = min(slot.relayed)
    order, signature = slot.relayed[account]
    slot.relayed[account] = (order, change(signature))
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(account, VoidReason.BAD_SIGNATURE)]


def test_nobody_signs_for_an_account_that_does_not_exist(market: Market) -> None:
    # Pitfall "ecrecover 0": a signature that recovers to the zero address against an empty account word.
    slot = open_slot(market)
    nobody = 4_000_000_000
    order = slot.order(Trader("nobody", market.relay, nobody), Side.BID, [(500, 200_000)])
    slot.relayed[nobody] = (order, bytes(64))
    slot.seal_and_close()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert unpack_voids(cleared["voids"]) == [(nobody, VoidReason.BAD_SIGNATURE)]


def test_only_the_dsos_signature_over_exactly_this_result_clears(market: Market, slot: Slot) -> None:
    honest = slot.submission()
    verdict = honest[-1]
    other = slot.submission(envelopeRoot=keccak(b"envelopes"))[-1]
    stranger = slot.verdict(honest, market.relay)

    for wrong in (b"", verdict[:63], verdict + b"\0", twin(verdict), flipped(verdict), bytes(64), other, stranger):
        with reverts("NotTheDsosVerdict", dso=market.dso.address):
            slot.clear([*honest[:-1], wrong])
    slot.clear(honest)


def test_a_dso_that_never_signs_lets_the_slot_lapse_and_locks_nothing(market: Market, slot: Slot) -> None:
    # Pitfall "DSO veto abuse": the veto is a missing signature; it can stop a trade, not take or hold money.
    market.chain.warp_to(slot.clear_until_s)

    assert market.auction.call("phaseOf", slot.number) == LAPSED
    assert all(market.platform.cash(account) == 100 * CREDIT for account in slot.relayed)


# ----------------------------------------------------------------------------------------------------------- grid data


def test_only_published_grid_data_or_a_tighter_form_of_it_is_kept(market: Market) -> None:
    charges = Charges(*(PriceMicroPerKwh(part) for part in (20, 5, 3, 2)))
    slot = market.new_slot(star([(400, 300), (50, 60)], charges))
    zones = slot.grid.zones

    def with_zone(index: int, **limits: int) -> tuple[ZoneLimits, ...]:
        changed: dict[str, Any] = dict(limits)
        return (*zones[:index], replace(zones[index], **changed), *zones[index + 1 :])

    market.chain.warp_to(slot.gate_s)
    loosened = [
        GridData(with_zone(1, import_wh=401), charges),
        GridData(with_zone(2, export_wh=61), charges),
        GridData(with_zone(2, parent=1), charges),
        GridData(zones[:2], charges),
        GridData(zones, Charges(*(PriceMicroPerKwh(part) for part in (20, 5, 3, 3)))),
    ]
    for grid in loosened:
        with reverts("NotTightened"):
            slot.clear(grid=grid, prices=[0] * len(grid.zones))
    with reverts("WrongGridData"):
        slot.clear(prices=[0, 0, 0], gridData=loosened[0].pack())
    with reverts("WrongGridData"):
        slot.clear(prices=[0, 0, 0], published=loosened[0].pack())
    for broken in (b"", slot.grid.pack()[:-1], bytes([0]) + slot.grid.pack()[1:], bytes([4]) + slot.grid.pack()[1:]):
        with reverts("BadGridData"):
            slot.clear(prices=[0, 0, 0], gridData=broken, published=slot.grid.pack())
    tighter = GridData(with_zone(1, import_wh=399, export_wh=0), charges, frozenset({ZoneId(2)}))
    slot.clear(grid=tighter)


def test_zones_left_out_once_stay_left_out(market: Market) -> None:
    base = star([(400, 300)])
    slot = market.new_slot(GridData(base.zones, base.charges, frozenset({ZoneId(1)})))
    market.chain.warp_to(slot.gate_s)

    with reverts("NotTightened"):
        slot.clear(grid=base, prices=[0, 0])


def test_a_slot_without_grid_data_cannot_be_cleared(market: Market) -> None:
    published = market.new_slot()
    slot = Slot(market, type(published.number)(published.number + 5), one_zone())
    market.chain.warp_to(slot.gate_s)

    with reverts("GridDataMissing", slot=slot.number):
        slot.clear(prices=[0])


# -------------------------------------------------------------------------------------------------------- broken books


@pytest.mark.parametrize("kind", [0x21, 0x28, 0x60, 0x70, 0x41, 0x80, 0x90, 0xFF])
def test_a_record_of_an_unknown_kind_is_refused(market: Market, kind: int) -> None:
    slot = market.new_slot()
    slot.seal_and_close()

    with reverts("BadRecord", kind=kind):
        slot.clear(book=bytes([kind]) + (16).to_bytes(4, "big") + bytes(300), prices=[0])


def test_a_book_cut_short_anywhere_is_refused(slot: Slot) -> None:
    book = slot.book()
    ends = {len(b"".join(record.pack() for record in slot.records()[:count])) for count in range(4)}
    prices = list(slot.expected().prices)

    for length in range(1, len(book), 7):
        if length not in ends:
            with reverts("TruncatedBook"):
                slot.clear(book=book[:length], prices=prices)


def test_numbers_at_the_end_of_their_widths_neither_overflow_nor_stop_the_others(market: Market) -> None:
    # Pitfall "price x quantity overflow": the largest order is refused for energy or cash, the next largest clears.
    rich = 2**58
    traders = market.admit([0, 0, 0, 0, 0], cash_micro=0)
    market.give({traders[0].account: rich, traders[1].account: rich // 4})
    slot = market.new_slot()
    largest, highest = 2**31 - 1, 2**32 - 1
    slot.relay(traders[0], Side.BID, [(largest, highest)])
    slot.relay(traders[1], Side.OFFER, [(largest - 1, highest - 1), (1, highest)])
    slot.relay(traders[2], Side.BID, [(2**32 - 1, highest)] * 1)
    slot.relay(traders[3], Side.OFFER, [(2**31, 1)])
    slot.relay(traders[4], Side.BID, [(largest, highest)])
    slot.seal_and_close()
    expected = slot.expected()

    cleared = slot.clear().event(market.auction, "Cleared")

    assert tuple(unpack_positions(cleared["positions"])) == expected.positions
    assert [p.energy_wh for p in expected.positions] == [largest, -largest]
    assert dict(unpack_voids(cleared["voids"])) == {
        traders[2].account: VoidReason.MALFORMED,
        traders[3].account: VoidReason.MALFORMED,
        traders[4].account: VoidReason.INSOLVENT,
    }


def test_entries_of_another_form_are_no_commitment(slot: Slot, market: Market) -> None:
    entries = [SealEntry(AccountId(account), b"\0" * 32) for account in slot.relayed]

    assert not market.auction.call("isRoot", slot.number, running_hash([pack_entries(entries)]), slot.result)
    assert market.auction.call("isRoot", slot.number, running_hash([slot.entries()]), slot.result)
