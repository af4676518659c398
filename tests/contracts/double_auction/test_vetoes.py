"""Pitfall "DSO veto abuse": the grid operator may leave zones out of a clearing, and never one side of a trade only.

Paths. Given a sealed book over three zones, when one zone, two or all are left out: then the orders in them are void as
a whole, the others trade, energy and money are conserved. When it is tried again, or late: then it is refused by name.
"""

import pytest

from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.units import ZoneId
from tests.support.auction import Market, priced_slot, star
from tests.support.chain import reverts
from tests.support.platform import ESCROW


@pytest.mark.parametrize("left_out", [{1}, {2}, {1, 2}, {0, 1, 2}])
def test_a_dso_that_leaves_zones_out_cancels_whole_orders_once_and_in_time(market: Market, left_out: set[int]) -> None:
    slot = market.new_slot(star([(4_000, 4_000), (4_000, 4_000)]))
    traders = market.admit([number % 3 for number in range(9)])
    for number, trader in enumerate(traders):
        side = Side(number % 2)
        slot.relay(trader, side, [(500 + 70 * number, 210_000 if side is Side.BID else 190_000)])
    slot.seal_and_close()
    tightened = GridData(slot.grid.zones, slot.grid.charges, frozenset(map(ZoneId, left_out)))
    submission = slot.submission(grid=tightened)
    money = sum(market.platform.cash(trader.account) for trader in traders)
    escrow = market.platform.cash(ESCROW)

    event = slot.clear(submission).event(market.auction, "Cleared")

    positions = unpack_positions(event["positions"])
    out = {trader.account for number, trader in enumerate(traders) if number % 3 in left_out}
    assert set(unpack_voids(event["voids"])) == {(account, VoidReason.ZONE_EXCLUDED) for account in out}
    assert not out & {position.account for position in positions}
    assert sum(position.energy_wh for position in positions) == 0
    assert bool(positions) == (len(left_out) < 3)
    moved = market.platform.cash(ESCROW) - escrow
    assert money - sum(market.platform.cash(trader.account) for trader in traders) == moved
    with reverts("AlreadyCleared", slot=slot.number):
        slot.clear(submission)
    late = market.new_slot(slot.grid)
    market.chain.warp_to(late.clear_until_s)
    with reverts("WindowClosed", slot=late.number):
        late.clear(grid=GridData(slot.grid.zones, slot.grid.charges, tightened.excluded), prices=[0, 0, 0])


def test_a_market_of_a_single_zone_can_be_left_out_too(market: Market) -> None:
    slot = priced_slot(market)
    tightened = slot.grid.tightened(slot.grid.zones, frozenset({ZoneId(0)}))

    event = slot.clear(grid=tightened).event(market.auction, "Cleared")

    assert unpack_voids(event["voids"]) == [(account, VoidReason.ZONE_EXCLUDED) for account in slot.relayed]
