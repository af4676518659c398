"""Books in which every record ends up in the same list: none of the lists runs into what lies behind it in memory.

Paths. Given a book of many orders, all void, all traded, all sealed by own transactions, or all replaced: when it
is cleared in one call, in one page, or in pages of an odd size, then positions, voids and cash are Python's.
"""

from collections.abc import Callable

import pytest

from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.order import Side, VoidReason
from tests.support.auction import BONDS, Market, Slot, Trader
from tests.support.auction_pages import PagedClearing
from tests.support.platform import BONDS as BONDS_ACCOUNT
from tests.support.platform import ESCROW

ORDERS = 70


def relay_all(slot: Slot, traders: list[Trader]) -> None:
    for number, trader in enumerate(traders):
        side = Side(number % 2)
        slot.relay(trader, side, [(1000, 250_000 if side is Side.BID else 150_000)])


def seal_all(slot: Slot, traders: list[Trader]) -> None:
    for number, trader in enumerate(traders):
        side = Side(number % 2)
        slot.seal(trader, side, [(1000, 250_000 if side is Side.BID else 150_000)])


def unopened(slot: Slot, traders: list[Trader]) -> None:
    relay_all(slot, traders)
    slot.unopened = {trader.account for trader in traders}


def unopened_own(slot: Slot, traders: list[Trader]) -> None:
    seal_all(slot, traders)
    slot.unopened = {trader.account for trader in traders}


def malformed(slot: Slot, traders: list[Trader]) -> None:
    for trader in traders:
        slot.relay(trader, Side.OFFER, [(2**31, 150_000)])


def replaced(slot: Slot, traders: list[Trader]) -> None:
    relay_all(slot, traders[: ORDERS // 2])
    seal_all(slot, traders[: ORDERS // 2])


@pytest.mark.parametrize(
    ("make", "positions", "voids", "reason"),
    [
        (relay_all, ORDERS, 0, None),
        (seal_all, ORDERS, 0, None),
        (unopened, 0, ORDERS, VoidReason.UNOPENED),
        (unopened_own, 0, ORDERS, VoidReason.UNOPENED),
        (malformed, 0, ORDERS, VoidReason.MALFORMED),
        (replaced, ORDERS // 2, ORDERS // 2, VoidReason.SUPERSEDED),
    ],
)
def test_a_full_list_is_python_s(
    market: Market, make: Callable[[Slot, list[Trader]], None], positions: int, voids: int, reason: VoidReason | None
) -> None:
    chain, slot = market.chain, market.new_slot()
    make(slot, market.admit([0] * ORDERS))
    slot.seal_and_close()
    expected, submission = slot.expected(), slot.submission()
    assert (len(expected.positions), len(expected.voids)) == (positions, voids)
    assert all(found is reason for _, found in expected.voids)
    assert sum(expected.forfeited.values()) == (voids * BONDS[0] if reason is VoidReason.UNOPENED else 0)
    pages = [PagedClearing.of(slot, page_records=size) for size in (1000, 33)]

    for paged in (None, *pages):
        before = chain.dev.snapshot()
        if paged is None:
            cleared = slot.clear(submission).event(market.auction, "Cleared")
            assert tuple(unpack_positions(cleared["positions"])) == expected.positions
            assert tuple(unpack_voids(cleared["voids"])) == expected.voids
        else:
            paged.run()
            assert (paged.positions, paged.voids) == (expected.positions, expected.voids)
        assert market.platform.cash(ESCROW) == expected.escrow_micro
        assert market.platform.cash(BONDS_ACCOUNT) == sum(expected.forfeited.values())
        chain.dev.revert(before)
