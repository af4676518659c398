"""What the auction says of itself: terms, times, events, and what its calls answer.

Paths. Given a market, then its windows, bonds and collateral prices are those of its construction, and those of a class
beyond the last are the last one's. Given a slot, then its times are its start less the windows, and 0 for a slot before
them. Given a transaction, then its event tells all of it. Given a call, then it answers what its event says. Given grid
data that is broken in one place, then the refusal names it. Given no DSO, then nothing clears.
"""

from itertools import product

import pytest
from eth_abi.abi import encode
from eth_hash.auto import keccak

from p2ptrade.chain.packing import OpenedRecord, pack_positions, unpack_positions
from p2ptrade.chain.typed_data import OrderMessage, order_digest
from p2ptrade.domain.grid_data import Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from tests.support.auction import (
    BONDS,
    CLEARED,
    COLLATERAL,
    LAPSED,
    LEADS,
    SETTLE_S,
    Market,
    Slot,
    deploy_market,
    one_zone,
    priced_slot,
    star,
)
from tests.support.chain import CHAIN_ID, reverts
from tests.support.platform import ESCROW

NOBODY = "0x" + "00" * 20
CHARGES = Charges(*(PriceMicroPerKwh(part) for part in (20_000, 5_000, 3_000, 2_000)))


def sealed_slot(market: Market) -> Slot:
    """A slot with a bid and an offer that trade, and the gate closed."""
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot(one_zone(CHARGES))
    slot.relay(buyer, Side.BID, [(1000, 290_000)])
    slot.relay(seller, Side.OFFER, [(1500, 150_000)])
    slot.seal_and_close()
    return slot


# --------------------------------------------------------------------------------------------------------------- terms


def test_the_terms_are_those_of_the_construction(market: Market) -> None:
    auction = market.auction

    assert tuple(auction.call("windows")) == (*LEADS, SETTLE_S)
    assert tuple(auction.call("bondOf", class_) for class_ in range(8)) == tuple(BONDS)
    assert tuple(auction.call("collateralPriceOf", class_) for class_ in range(8)) == tuple(COLLATERAL)
    for beyond in (8, 9, 255):
        assert auction.call("bondOf", beyond) == BONDS[7]
        assert auction.call("collateralPriceOf", beyond) == COLLATERAL[7]
    assert auction.call("dso") == market.dso.address.lower()
    assert auction.call("domainSeparator") == market.domain.separator
    assert auction.call("busySlot") == 0


def test_the_lowest_bond_and_collateral_may_be_nothing_and_the_highest_fill_their_field(market: Market) -> None:
    platform = market.platform
    links = (platform.authority, platform.ledger, platform.grid_limits, market.stake)
    numbers = [2**32 - 1, 0, 1, 2**31, 0, 7, 2**32 - 2, 2**32 - 1]

    auction = market.chain.deploy("DoubleAuction", *links, (4, 3, 2, 1, 1), numbers, numbers[::-1])

    assert [auction.call("bondOf", class_) for class_ in range(8)] == numbers
    assert [auction.call("collateralPriceOf", class_) for class_ in range(8)] == numbers[::-1]
    assert tuple(auction.call("windows")) == (4, 3, 2, 1, 1)


@pytest.mark.parametrize("slot", [0, 1, 2, 3, 4, 2_119_436, 2**64 - 1])
def test_times_are_counted_back_from_the_start_and_never_before_time_began(market: Market, slot: int) -> None:
    times = [market.auction.call(name, slot) for name in ("gateOf", "openUntil", "clearUntil")]

    assert times == [max(0, 900 * slot - lead) for lead in LEADS[1:]]


def test_a_digest_is_that_of_python(market: Market) -> None:
    terms = keccak(b"terms")

    digest = market.auction.call("digestOf", 7, 2**32 - 1, terms)

    assert digest == order_digest(market.domain, 7, 2**32 - 1, terms)


# -------------------------------------------------------------------------------------------------------------- events


def test_a_commitment_is_told(market: Market) -> None:
    slot = market.new_slot()
    root = keccak(b"root")

    receipt = market.auction.send("commit", slot.number, root, 7, sender=market.relay.address)

    assert receipt.event(market.auction, "Committed") == {"slot": slot.number, "root": root, "count": 7}
    assert market.auction.call("isRoot", slot.number, root, slot.result)
    assert not market.auction.call("isRoot", slot.number, keccak(b"another"), slot.result)
    assert not market.auction.call("isRoot", slot.number, bytes(32), slot.result)


def test_no_root_is_one_of_a_slot_without_commitment(market: Market) -> None:
    slot = market.new_slot()

    assert not market.auction.call("isRoot", slot.number, bytes(32), slot.result)
    with reverts("EmptyCommitment", slot=slot.number):
        market.auction.send("commit", slot.number, bytes(32), 0, sender=market.relay.address)


def test_own_seals_are_told_and_chained(market: Market) -> None:
    trader, other = market.admit([0, 0])
    slot = market.new_slot()
    assert market.auction.call("ownChainOf", slot.number) == bytes(32)
    running = bytes(32)

    for sender, digest in ((trader, keccak(b"1")), (other, keccak(b"2")), (trader, keccak(b"3"))):
        receipt = market.auction.send("seal", slot.number, digest, sender=sender.key.address)
        owner = bytes.fromhex(sender.key.address[2:])
        running = keccak(running + owner + digest)

        sealed = receipt.event(market.auction, "Sealed")
        assert list(sealed.values()) == [slot.number, sender.key.address.lower(), digest]
        assert market.auction.call("ownChainOf", slot.number) == running


def test_who_is_the_dso_is_told_and_without_one_nothing_clears(market: Market) -> None:
    slot = sealed_slot(market)
    honest = slot.submission()

    receipt = market.auction.send("appointDso", NOBODY, sender=market.platform.admin)

    assert list(receipt.event(market.auction, "DsoAppointed").values()) == [NOBODY]
    for verdict in (honest[-1], b"", bytes(64), b"\xff" * 64):
        with reverts("NotTheDsosVerdict", dso=NOBODY):
            slot.clear([*honest[:-1], verdict])
    market.auction.send("appointDso", market.dso, sender=market.platform.admin)
    slot.clear(honest)


def test_what_is_kept_of_a_result_is_bound_to_all_of_it_by_248_bits(market: Market) -> None:
    slot = priced_slot(market)
    slot.clear()

    kept = {
        market.chain.rpc.call("eth_getStorageAt", market.auction.address, "0x" + keccak(key).hex(), "latest")
        for key in (encode(["uint64", "uint256"], [slot.number, position]) for position in range(10))
    }

    result_hash = keccak(encode(["bytes32", "uint64", "uint64", "uint64", "uint56", "bytes32"], slot.result))
    assert "0x01" + result_hash[1:].hex() in kept  # 1: cleared


def test_a_refund_is_told(market: Market) -> None:
    slot = sealed_slot(market)
    cleared = slot.clear().event(market.auction, "Cleared")
    positions = unpack_positions(cleared["positions"])
    due = slot.start_s + 900 + SETTLE_S
    locked = market.platform.cash(ESCROW)
    market.chain.next_block_at(due)

    receipt = market.auction.send(
        "refund", slot.number, pack_positions(positions), slot.result, sender=market.chain.address("anybody")
    )

    assert list(receipt.event(market.auction, "Refunded").values()) == [slot.number, locked]
    assert locked == sum(position.locked_micro for position in positions) > 0
    # what the slot came to is still known, and what was committed to it
    assert market.auction.call("isResult", slot.number, slot.result)
    assert market.auction.call("isRoot", slot.number, slot.root(), slot.result)


def test_a_refund_of_positions_that_end_inside_a_record_is_refused(market: Market) -> None:
    slot = sealed_slot(market)
    positions = slot.clear().event(market.auction, "Cleared")["positions"]
    market.chain.warp_to(slot.start_s + 900 + SETTLE_S)

    for broken in (positions[:-1], positions + b"\0"):
        with reverts("BadList", length=len(broken)):
            market.auction.send("refund", slot.number, broken, slot.result, sender=market.chain.address("anybody"))


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("count", range(8))
def test_every_form_of_order_is_opened_by_its_own_digest(market: Market, side: Side, count: int) -> None:
    slot = market.new_slot()
    steps = tuple((2**32 - 1 - step, step) for step in range(count))
    domain_steps = tuple(Step(EnergyWh(energy), PriceMicroPerKwh(price)) for energy, price in steps)
    order = OrderMessage(slot.number, 2**32 - 1, side, domain_steps, bytes(range(16)))
    record = OpenedRecord(AccountId(order.account), side, steps, order.salt).opening()
    market.chain.next_block_at(slot.open_until_s - 1)

    receipt = market.auction.send("open", slot.number, record, sender=market.chain.address("anybody"))

    digest = order.digest(market.domain)
    opened = receipt.event(market.auction, "Opened")
    assert (opened["slot"], opened["digest"], opened["record"]) == (slot.number, digest, record)
    assert market.auction.call("isOpened", digest)


def test_what_is_no_opening_is_refused_with_what_it_lacks(market: Market) -> None:
    slot, anybody = market.new_slot(), market.chain.address("anybody")
    market.chain.warp_to(slot.gate_s)

    for kind in (0x10, 0x1F, 0x20, 0x40, 0xFF):
        with reverts("BadRecord", offset=0, kind=kind):
            market.auction.send("open", slot.number, bytes([kind]) + bytes(100), sender=anybody)
    for record, needed in ((b"", 21), (bytes(20), 21), (bytes(22), 21), (b"\x0a" + bytes(37), 37), (b"\7", 77)):
        with reverts("TruncatedBook", length=len(record), needed=needed):
            market.auction.send("open", slot.number, record, sender=anybody)


# -------------------------------------------------------------------------------------------------------------- answers


def test_clearing_answers_with_the_result(market: Market) -> None:
    slot = sealed_slot(market)
    submission = slot.submission()

    answer = market.auction.call("clear", tuple(submission), sender=market.chain.address("anybody"))

    slot.clear(submission)
    assert tuple(answer) == slot.result
    networks, fees = 1000 * 28_000 // 1000, 1000 * 2_000 // 1000
    assert slot.result[1:3] == (networks, fees)


def test_handing_over_answers_with_the_phase(market: Market) -> None:
    settlement = market.platform.holder("MARKET")
    slot = sealed_slot(market)
    lapsed = Slot(market, SlotNumber(slot.number + 1), one_zone())
    slot.clear()

    assert market.auction.call("handOver", slot.number, slot.result, sender=settlement) == CLEARED
    market.chain.warp_to(lapsed.clear_until_s)
    assert market.auction.call("handOver", lapsed.number, lapsed.result, sender=settlement) == LAPSED


def test_nobody_else_takes_a_slot_over(market: Market) -> None:
    slot = sealed_slot(market)
    slot.clear()

    with reverts("NotTheSettlement", caller=market.relay.address):
        market.auction.send("handOver", slot.number, slot.result, sender=market.relay.address)
    with reverts("AccessManagedUnauthorized", caller=market.relay.address):
        market.auction.send("appointDso", market.relay, sender=market.relay.address)


def test_two_auctions_on_one_ledger_have_domains_of_their_own(market: Market) -> None:
    other = deploy_market(market.platform, relay_name="another relay")

    separators = {other.auction.call("domainSeparator"), market.auction.call("domainSeparator")}

    assert separators == {other.domain.separator, market.domain.separator}
    assert len(separators) == 2
    assert market.domain.chain_id == CHAIN_ID


# ------------------------------------------------------------------------------------------------------------ grid data


def test_grid_data_that_is_no_tree_is_refused_where_it_is_none(market: Market) -> None:
    slot = market.new_slot(star([(400, 300), (50, 60)]))
    published = slot.grid.pack()
    zone_at = [21 + 9 * index for index in range(len(slot.grid.zones))]
    market.chain.warp_to(slot.gate_s)

    def changed(start: int, replacement: bytes) -> bytes:
        return published[:start] + replacement + published[start + len(replacement) :]

    for broken, place in (
        (published[:21], 0),
        (published[:29], 0),
        (published + bytes(9), 0),
        (bytes([33]) + published[1:21] + bytes(33 * 9), 0),
        (changed(1, (1 << 3).to_bytes(4, "big")), 3),
        (changed(1, (1 << 31).to_bytes(4, "big")), 3),
        (changed(zone_at[1], b"\1"), 1),
        (changed(zone_at[2], b"\2"), 2),
        (changed(zone_at[2], b"\xff"), 2),
    ):
        with reverts("BadGridData", zone=place):
            slot.clear(prices=[0, 0, 0], gridData=broken, published=published)


def test_what_loosens_grid_data_is_named(market: Market) -> None:
    grid = star([(400, 300), (50, 60)], CHARGES)
    slot = market.new_slot(GridData((*grid.zones, ZoneLimits(ZoneId(1), EnergyWh(7), EnergyWh(8))), CHARGES))
    published = slot.grid.pack()
    market.chain.warp_to(slot.gate_s)

    for place in range(5, 21):  # the charges
        loosened = bytearray(published)
        loosened[place] ^= 1
        with reverts("NotTightened", zone=0):
            slot.clear(prices=[0] * 4, gridData=bytes(loosened), published=published)
    for zone, field in product((0, 1, 2), (1, 5)):
        end = 21 + 9 * zone + field + 4
        limit = int.from_bytes(published[end - 4 : end], "big")
        with reverts("NotTightened", zone=zone):
            slot.clear(
                prices=[0] * 4,
                gridData=published[: end - 4] + (limit + 1).to_bytes(4, "big") + published[end:],
                published=published,
            )
    for parent in (0, 2):  # of the third zone, which is below the second
        with reverts("NotTightened", zone=3):
            slot.clear(
                prices=[0] * 4,
                gridData=published[: 21 + 9 * 3] + bytes([parent]) + published[21 + 9 * 3 + 1 :],
                published=published,
            )
    slot.clear(published=published)


def test_every_zone_may_be_left_out_and_the_last_of_32_exists(market: Market) -> None:
    grid = star([(0, 0)] * 31)
    slot = market.new_slot(grid)
    packed = grid.pack()
    market.chain.warp_to(slot.gate_s)

    slot.clear(prices=[0] * 32, gridData=packed[:1] + b"\xff" * 4 + packed[5:], published=packed)

    assert market.auction.call("phaseOf", slot.number) == CLEARED
