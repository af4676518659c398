"""Books of thousands of orders: within what a transaction may be, and to the unit what one call gives.

A page of 1,000 orders must stay within 16.7 million gas and 128 KiB, as EIP-7825 and the nodes' pools limit them.
"""

from random import Random

import pytest

from p2ptrade.chain.packing import positions_hash
from p2ptrade.domain.order import Side
from tests.support.auction import Market, Slot, star
from tests.support.auction_pages import PagedClearing, commit_in_chunks

GAS_MAX = 16_700_000
BYTES_MAX = 128 * 1024
pytestmark = pytest.mark.slow


def long_slot(market: Market, orders: int, *, zones: int, steps: int = 1) -> Slot:
    """Return a slot of random relayed orders of which about 60 % trade."""
    random = Random(orders + steps)
    slot = market.new_slot(star([(30 * orders, 30 * orders)] * (zones - 1)), ahead_s=8 * 3600)
    for number, trader in enumerate(market.admit([number % zones for number in range(orders)])):
        side = Side(number % 2)
        first = random.randint(60_000, 260_000)
        worse = 1000 if side is Side.OFFER else -1000
        slot.relay(trader, side, [(random.randint(1, 900), first + worse * step) for step in range(steps)])
    return slot


def assert_every_call_fits(paged: PagedClearing) -> None:
    for receipt in paged.receipts:
        assert receipt.gas_used <= GAS_MAX
    assert max(paged.sizes) <= BYTES_MAX


def test_2500_orders_in_three_pages_are_what_python_and_one_call_say(market: Market) -> None:
    slot = long_slot(market, 2500, zones=2)
    expected = slot.expected()
    rpc = market.chain.client.rpc
    before = rpc.call("evm_snapshot")
    slot.seal_and_close()
    at_once = slot.clear().event(market.auction, "Cleared")
    rpc.call("evm_revert", before)
    commit_in_chunks(slot, 1000)
    market.chain.warp_to(slot.gate_s)

    paged = PagedClearing.of(slot)
    paged.run()

    assert len(paged.outcomes) == 3
    assert paged.cleared is not None
    assert paged.positions == expected.positions
    assert paged.cleared["result"][:5] == at_once["result"][:5]
    assert paged.cleared["result"][0] == positions_hash(expected.positions)
    assert_every_call_fits(paged)


@pytest.mark.parametrize(("zones", "steps"), [(1, 1), (32, 1), (1, 4)])
def test_a_page_of_1000_orders_fits_a_transaction(market: Market, zones: int, steps: int) -> None:
    slot = long_slot(market, 1000, zones=zones, steps=steps)
    expected = slot.expected()
    commit_in_chunks(slot, 1000)
    market.chain.warp_to(slot.gate_s)

    paged = PagedClearing.of(slot)
    paged.run()

    assert paged.positions == expected.positions
    assert_every_call_fits(paged)
