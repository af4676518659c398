"""Limits are published ahead, once, in time, and for nothing that cannot be forecast."""

from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.dso.operator import limits_of, schedule_of
from p2ptrade.dso.service import SLOTS_A_STEP, Publisher
from p2ptrade.grid import Forecast, topology_hash
from tests.unit.dso.dso_world import MODEL, NETWORK, PARTICIPANTS, QUIET, SLOT, WINDOWS, FakeOutbox, World


def publisher(world: World, outbox: FakeOutbox | None, ahead: int = 3) -> Publisher:
    world.chain.grid.clear()
    world.chain.topology = topology_hash(NETWORK)
    return Publisher(world.chain, world.forecaster, MODEL, WINDOWS, ahead, outbox)


def slots_in(call: bytes) -> list[SlotNumber]:
    size = 8 + len(GridData.unpack(limits_of(MODEL, SLOT, QUIET, PARTICIPANTS).pack()).pack())
    return [SlotNumber(int.from_bytes(call[at : at + 8], "big")) for at in range(0, len(call), size)]


def test_first_slot_published_is_the_first_that_is_still_in_time() -> None:
    world, outbox = World(), FakeOutbox()

    publisher(world, outbox).step()

    (call,) = outbox.sent.values()
    first = slots_in(call)[0]
    assert WINDOWS.limits_due(first) > world.chain.time_s
    assert WINDOWS.limits_due(SlotNumber(first - 1)) <= world.chain.time_s
    assert slots_in(call) == [first, first + 1, first + 2]


def test_nothing_more_is_sent_while_a_transaction_waits() -> None:
    world, outbox = World(), FakeOutbox()
    publishing = publisher(world, outbox)

    publishing.step()
    world.chain.time_s += 900
    publishing.step()

    assert len(outbox.sent) == 1


def test_slots_that_are_published_already_are_left_alone() -> None:
    world, outbox = World(), FakeOutbox()
    publishing = publisher(world, outbox)
    first = SlotNumber(slot_at(world.chain.time_s + WINDOWS.limits_lead_s) + 1)
    for slot in (first, SlotNumber(first + 1)):
        world.chain.grid[slot] = limits_of(MODEL, slot, QUIET, PARTICIPANTS)

    publishing.step()

    (call,) = outbox.sent.values()
    assert slots_in(call) == [first + 2]


def test_many_missing_slots_go_out_a_few_at_a_time_nearest_first() -> None:
    world, outbox = World(), FakeOutbox()

    publisher(world, outbox, ahead=20).step()

    (call,) = outbox.sent.values()
    assert len(slots_in(call)) == SLOTS_A_STEP


def test_network_model_is_named_on_the_chain_before_any_limits() -> None:
    world, outbox = World(), FakeOutbox()
    publishing = publisher(world, outbox)
    world.chain.topology = bytes(32)

    publishing.step()

    assert list(outbox.sent.values()) == [topology_hash(NETWORK)]


def test_slot_without_a_forecast_gets_no_limits() -> None:
    world, outbox = World(), FakeOutbox()
    world.forecaster.known = None

    publisher(world, outbox).step()

    assert outbox.sent == {}


def test_without_a_key_nothing_is_sent() -> None:
    publisher(World(), None).step()


def test_base_flow_of_those_who_do_not_trade_narrows_the_limits() -> None:
    export_wh = 10_000
    busy = Forecast((0, export_wh, 0), (0, 0, 0))

    trading = limits_of(MODEL, SLOT, busy, PARTICIPANTS).zones[1]
    not_trading = limits_of(MODEL, SLOT, busy, {}).zones[1]

    assert not_trading.export_wh < trading.export_wh
    assert limits_of(MODEL, SLOT, QUIET, PARTICIPANTS).zones[1] == trading


def test_schedule_is_the_forecast_moved_out_to_the_position() -> None:
    forecast = Forecast((-500, 800, 300), (0, 0, 0))
    seller, buyer = AccountId(17), AccountId(16)

    larger = schedule_of(MODEL, SLOT, forecast, PARTICIPANTS, {seller: 900, buyer: -900})
    smaller = schedule_of(MODEL, SLOT, forecast, PARTICIPANTS, {seller: 100, buyer: -100})

    assert larger.scheduled_wh == (-900, 900, 300)
    assert smaller.scheduled_wh == (-500, 800, 300)
    assert larger.traded_wh == (-900, 900, 0)
