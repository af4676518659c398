"""A slot from seal to hand-over, both ways of sealing, against what Python says of the same book."""

from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.order import Side
from tests.support.auction import Market


def test_a_relayed_bid_and_offer_trade_at_the_middle(market: Market) -> None:
    buyer, seller = market.admit([0, 0])
    slot = market.new_slot()
    slot.relay(buyer, Side.BID, [(1000, 250_000)])
    slot.relay(seller, Side.OFFER, [(1500, 150_000)])
    slot.seal_and_close()
    expected = slot.expected()

    receipt = slot.clear()

    cleared = receipt.event(market.auction, "Cleared")
    assert tuple(cleared["prices"]) == expected.prices == (300_000,)
    assert tuple(unpack_positions(cleared["positions"])) == expected.positions
    assert [position.energy_wh for position in expected.positions] == [1000, -1000]
    assert unpack_voids(cleared["voids"]) == []
