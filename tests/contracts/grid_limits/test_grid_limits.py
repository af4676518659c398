"""GridLimits: publication ahead of a slot.

Paths:
  publish   before the lead time the hash is stored, and may be replaced; from the lead time on: refused
            a tree whose parents do not come first, a wrong length, 0 or 33 zones, limits of the root: refused
"""

import pytest
from eth_utils.crypto import keccak

from tests.support.chain import Chain, reverts
from tests.support.platform import LEAD_S, Platform


def grid_data(*zones: tuple[int, int, int], count: int | None = None) -> bytes:
    head = (
        bytes([len(zones) if count is None else count])
        + bytes(4)
        + b"".join(n.to_bytes(4, "big") for n in (1, 2, 3, 4))
    )
    return head + b"".join(bytes([parent]) + i.to_bytes(4, "big") + e.to_bytes(4, "big") for parent, i, e in zones)


ROOT = (0, 0, 0)
ONE_ZONE = grid_data(ROOT)
THREE_ZONES = grid_data(ROOT, (0, 5_000, 3_000), (1, 2**32 - 1, 0))


def later_slot(chain: Chain) -> int:
    return chain.now_s() // 900 + 20


def test_what_is_published_can_be_checked_by_its_hash(platform: Platform, chain: Chain) -> None:
    slot = later_slot(chain)

    receipt = platform.grid_limits.send("publish", slot, THREE_ZONES, sender=platform.holder("DSO"))

    assert platform.grid_limits.call("hashOf", slot) == keccak(THREE_ZONES)
    assert receipt.event(platform.grid_limits, "LimitsPublished") == {"slot": slot, "gridData": THREE_ZONES}
    assert platform.grid_limits.call("hashOf", slot + 1) == bytes(32)


def test_several_slots_are_published_at_once(platform: Platform, chain: Chain) -> None:
    slot = later_slot(chain)

    platform.grid_limits.send("publishMany", [slot, slot + 1], [ONE_ZONE, THREE_ZONES], sender=platform.holder("DSO"))

    assert platform.grid_limits.call("hashOf", slot) == keccak(ONE_ZONE)
    assert platform.grid_limits.call("hashOf", slot + 1) == keccak(THREE_ZONES)
    with reverts("LimitsListLengths", slots=2, gridData=1):
        platform.grid_limits.send("publishMany", [slot, slot], [ONE_ZONE], sender=platform.holder("DSO"))


def test_limits_are_fixed_from_the_lead_time_on(platform: Platform, chain: Chain) -> None:
    slot = later_slot(chain)
    deadline = slot * 900 - LEAD_S

    platform.grid_limits.send("publish", slot, ONE_ZONE, sender=platform.holder("DSO"))
    chain.next_block_at(deadline - 1)
    platform.grid_limits.send("publish", slot, THREE_ZONES, sender=platform.holder("DSO"))
    chain.next_block_at(deadline)
    with reverts("LimitsTooLate", slot=slot, nowSeconds=deadline, deadline=deadline):
        platform.grid_limits.send("publish", slot, ONE_ZONE, sender=platform.holder("DSO"))

    assert platform.grid_limits.call("hashOf", slot) == keccak(THREE_ZONES)


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", "LimitsMalformed"),
        (ONE_ZONE[:-1], "LimitsMalformed"),
        (ONE_ZONE + b"\0", "LimitsMalformed"),
        (grid_data(ROOT, count=2), "LimitsMalformed"),
        (grid_data(count=0), "LimitsInvalidZoneCount"),
        (grid_data(*[ROOT] * 33), "LimitsInvalidZoneCount"),
        (grid_data((1, 0, 0)), "LimitsInvalidZone"),
        (grid_data((0, 1, 0)), "LimitsInvalidZone"),
        (grid_data((0, 0, 1)), "LimitsInvalidZone"),
        (grid_data(ROOT, (1, 1, 1)), "LimitsInvalidZone"),
        (grid_data(ROOT, (2, 1, 1), (0, 1, 1)), "LimitsInvalidZone"),
    ],
)
def test_malformed_limits_are_refused(platform: Platform, chain: Chain, data: bytes, error: str) -> None:
    with reverts(error):
        platform.grid_limits.send("publish", later_slot(chain), data, sender=platform.holder("DSO"))


def test_32_zones_are_allowed(platform: Platform, chain: Chain) -> None:
    data = grid_data(ROOT, *[(zone - 1, 1, 1) for zone in range(1, 32)])

    platform.grid_limits.send("publish", later_slot(chain), data, sender=platform.holder("DSO"))

    assert platform.grid_limits.call("hashOf", later_slot(chain)) == keccak(data)


@pytest.mark.parametrize("slot", [2**40, 2**64 - 1])
def test_a_slot_beyond_every_clock_is_refused(platform: Platform, slot: int) -> None:
    with reverts("LimitsInvalidSlot", slot=slot):
        platform.grid_limits.send("publish", slot, ONE_ZONE, sender=platform.holder("DSO"))


def test_the_grid_model_is_named_by_its_hash(platform: Platform) -> None:
    platform.grid_limits.send("setTopology", b"\7" * 32, sender=platform.holder("DSO"))

    assert platform.grid_limits.call("topologyHash") == b"\7" * 32
