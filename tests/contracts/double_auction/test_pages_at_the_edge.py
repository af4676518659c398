"""Edges of clearing in pages that only mutants stood on.

Paths. Given own seals, then what their product is taken of is bound to this clearing and to all that arrived. Given
account numbers of any size, then a chunk of the commitment goes on in the next page byte for byte; the last page ends
the last one. Given a superseded
record, then the next one is of the same account, whichever page it is in. Given an accepted slot filled late, then it
leaves turn and ledger to whose they are by then. Given a slot cleared otherwise, then it is in nobody's way.
"""

from dataclasses import replace
from itertools import count

import pytest
from eth_abi.abi import decode, encode
from eth_hash.auto import keccak

from p2ptrade.chain.packing import OpenedRecord, SupersededRecord
from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.units import AccountId
from p2ptrade.errors import TransactionRevertedError
from tests.support.auction import Market, Slot, Trader, priced_slot
from tests.support.auction_pages import PagedClearing, close_in_chunks, signed
from tests.support.chain import reverts

FIELD = 2**256 - 2**32 - 977  # of secp256k1 (SEC 2, 2.4.1)
# Structs of contracts/types/PageTypes.sol
CLEARING = "(uint64,bytes32,uint64[],bytes,bytes,bytes32,bytes)"
JUDGED = "(bytes32,bytes32,bytes32,uint256,uint256,uint256,uint256,uint256[],bytes32[],bytes)"
OWN_CHAIN, OWN_IN_BOOK, OWN_IN_CHAIN = 2, 4, 5
SEAL_BYTES = 53  # known or not, sender, digest


def test_the_product_of_own_seals_is_bound_to_the_clearing_and_to_all_that_arrived(market: Market) -> None:
    slot = market.new_slot()
    for trader in market.admit([0, 0, 0]):
        slot.seal(trader, Side.BID, [(10, 200_000)])
    slot.seal_and_close()
    paged = PagedClearing.of(slot, page_records=2)

    receipts = [paged.judge() for _ in paged.calls]

    clearing_id = receipts[-1].event(market.auction, "PageJudged")["clearing"]
    assert clearing_id == keccak(encode([CLEARING], [paged.clearing.struct()]))
    (judged,) = decode([JUDGED], paged.states[-1])
    challenge = int.from_bytes(keccak(clearing_id + judged[OWN_CHAIN]), "big")
    product = 1
    for arrival, (trader, order) in enumerate(slot.own):
        seal = encode(
            ["uint256", "address", "bytes32"], [arrival, trader.key.address, order.digest(slot.market.domain)]
        )
        product = product * (challenge + int.from_bytes(keccak(seal), "big")) % FIELD
    assert judged[OWN_IN_BOOK] == judged[OWN_IN_CHAIN] == product


def test_own_seals_whose_product_is_larger_or_smaller_than_the_chains_are_refused(market: Market) -> None:
    slot = market.new_slot()
    (trader,) = market.admit([0])
    for sender in (trader, Trader("stranger", market.chain.key("stranger"), 0)):
        slot.seal(sender, Side.BID, [(10, 200_000)])
    slot.seal_and_close()
    paged = PagedClearing.of(slot)
    both = paged.calls[0].seals
    as_if_known = both[:SEAL_BYTES] + b"\0" + both[SEAL_BYTES + 1 :]
    is_larger = set()

    for root in count():
        paged.clearing = signed(slot, replace(paged.clearing, envelope_root=root.to_bytes(32, "big")))
        with pytest.raises(TransactionRevertedError) as refused:
            paged.judge(0, state=b"", seals=as_if_known)
        assert refused.value.error_name == "WrongOwnSeals"
        is_larger.add(refused.value.values["found"] > refused.value.values["needed"])
        if len(is_larger) == 2:
            break


def test_a_chunk_goes_on_in_the_next_page_whatever_its_account_numbers(market: Market) -> None:
    slot = market.new_slot()
    nobodies = [2**32 - 3, 2**32 - 2, 2**32 - 1]
    for nobody in nobodies:
        order = slot.order(Trader("nobody", market.relay, nobody), Side.BID, [(500, 200_000), (1, 100_000)])
        slot.relayed[nobody] = (order, bytes(64))
    close_in_chunks(slot, 100)
    paged = PagedClearing.of(slot, chunk_seals=100, page_records=1)

    paged.run()

    assert paged.voids == tuple((AccountId(nobody), VoidReason.BAD_SIGNATURE) for nobody in nobodies)


def test_the_last_page_ends_the_last_chunk_whether_it_says_so_or_not(market: Market) -> None:
    slot = priced_slot(market)
    paged = PagedClearing.of(slot, page_records=2)
    assert [call.ends_chunk for call in paged.calls] == [False, True]

    paged.judge()
    paged.judge(ends_chunk=False)
    paged.fill_all()

    assert paged.positions == slot.expected().positions


@pytest.mark.parametrize("above", [-1, 1])
def test_a_superseded_record_is_followed_by_one_of_the_same_account(market: Market, above: int) -> None:
    slot = market.new_slot()
    first, second, third = market.admit([0, 0, 0])
    slot.relay(first, Side.BID, [(10, 200_000)])
    slot.relay(second, Side.BID, [(10, 200_000)])
    slot.seal_and_close()
    other = (first, second, third)[1 + above]
    replaced = SupersededRecord(AccountId(second.account), keccak(b"replaced")).pack()
    own = OpenedRecord(AccountId(other.account), Side.BID, ((10, 200_000),), bytes(16), None, 0).pack()
    paged = PagedClearing.of(slot, page_records=1)

    with reverts("AccountsMustRise", account=other.account):
        slot.clear(book=replaced + own, prices=[0])
    paged.judge(book=replaced, seals=b"")
    with reverts("AccountsMustRise", account=other.account):
        paged.judge(book=own, seals=b"")


def two_slots(market: Market) -> tuple[Slot, Slot]:
    """Return two slots in a row that trade, sealed; the first one's gate has closed."""
    first = market.new_slot()
    second = market.slot_after(first)
    for number, trader in enumerate(market.admit([0, 0])):
        second.relay(trader, Side(number), [(10, 200_000)])
    second.commit()
    return priced_slot(market, first), second


def test_a_slot_filled_late_leaves_the_turn_to_another(market: Market) -> None:
    first, second = two_slots(market)
    late, other = PagedClearing.of(first), PagedClearing.of(second, page_records=1)
    late.judge_all()
    market.chain.warp_to(first.start_s)
    other.judge()

    late.fill_all()

    assert market.auction.call("busySlot") == second.number
    other.run()
    assert market.auction.call("busySlot") == 0


def test_a_slot_filled_late_leaves_alone_who_holds_the_ledger_by_then(market: Market) -> None:
    first, second = two_slots(market)
    late, other = PagedClearing.of(first), PagedClearing.of(second)
    late.judge_all()
    market.chain.warp_to(first.start_s)
    other.run()
    until = first.start_s + 3600
    market.platform.ledger.send("hold", until, sender=market.platform.holder("MARKET"))

    late.fill_all()

    assert late.positions == first.expected().positions


def test_a_slot_begun_in_pages_and_cleared_in_one_call_is_in_nobodys_way(market: Market) -> None:
    first, second = two_slots(market)
    market.chain.warp_to(second.gate_s)
    PagedClearing.of(second, page_records=1).judge()
    second.clear()
    assert market.auction.call("busySlot") == second.number
    paged = PagedClearing.of(first)

    paged.judge_all()
    assert market.auction.call("busySlot") == first.number
    paged.fill_all()

    assert paged.positions == first.expected().positions
