"""Pitfall "unbounded loops": the dearest page of 1,000 orders stays within a block, a transaction and a pool's limit.

Four steps each, every order trades, every step at the margin of one of 32 zones or better: more than any real book has.
"""

from p2ptrade.chain.packing import unpack_positions
from p2ptrade.domain.order import Side
from tests.support.auction import Market, star

ORDERS = 1_000
ZONES = 32
TRANSACTION_GAS = 16_777_216
BLOCK_GAS = 30_000_000
POOL_BYTES = 128 * 1024


def test_the_dearest_page_of_1000_orders_fits(market: Market) -> None:
    traders = market.admit([number % ZONES for number in range(ORDERS)])
    slot = market.new_slot(star([(2**31, 2**31)] * (ZONES - 1)), ahead_s=4 * 3600)
    for number, trader in enumerate(traders):
        bid = number // ZONES % 2 == 0
        prices = (203_000, 202_000, 201_000, 200_000) if bid else (197_000, 198_000, 199_000, 200_000)
        slot.relay(trader, Side.BID if bid else Side.OFFER, [(100, price) for price in prices])
    slot.seal_and_close()
    submission = slot.submission()

    receipt = slot.clear(submission)

    positions = unpack_positions(receipt.event(market.auction, "Cleared")["positions"])
    data = market.auction.data("clear", tuple(submission))
    assert len(positions) == ORDERS
    assert receipt.gas_used < TRANSACTION_GAS
    assert receipt.gas_used < 0.8 * BLOCK_GAS
    assert len(data) < POOL_BYTES
