"""The gateway's cycle: nothing is lost and nothing doubled, whatever is away and wherever it is killed."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import ReadingMessage
from p2ptrade.domain.battery import NO_BATTERY
from p2ptrade.domain.envelopes import Envelope, envelope_proofs, envelope_root
from p2ptrade.domain.reading import REPLACING, Quality, SignedReading, first_sequence, is_unbroken, slot_energy_wh
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.gateway.gaps import Gap, find_gaps
from p2ptrade.gateway.ports import EnvelopeBounds, SlotOutcome
from p2ptrade.metering.meter import RegisterSample
from p2ptrade.store import Database
from p2ptrade.store.gateway import GatewayTable
from tests.unit.gateway.gateway_world import (
    ALICE,
    BOB,
    DAYS_S,
    DOMAIN,
    FIRST,
    KEY,
    Envelopes,
    Killed,
    World,
    energies,
    run,
)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def last_energy_wh(readings: list[SignedReading]) -> int:
    return slot_energy_wh(readings[-2].reading, readings[-1].reading)


def test_every_oracle_gets_every_reading_signed_and_chained(world: World) -> None:
    run(world, world.gateway(), 5)

    for oracle in world.oracles:
        readings = oracle.of(ALICE)
        assert [signed.reading.slot for signed in readings] == list(range(FIRST - 1, FIRST + 5))
        assert is_unbroken(readings)
        assert all(signed.reading.quality is Quality.MEASURED for signed in readings)
        for signed in readings:
            assert ReadingMessage.of(signed.reading).digest(DOMAIN) == signed.digest
            assert recover(signed.digest, signed.signature) == KEY.address


def test_registers_add_up_to_what_the_home_used(world: World) -> None:
    world.battery = NO_BATTERY

    run(world, world.gateway(), 30)

    readings = [signed.reading for signed in world.oracles[0].of(BOB)]
    metered = [slot_energy_wh(earlier, later) for earlier, later in pairwise(readings)]
    assert metered == [energies(SlotNumber(FIRST + number)).net_wh for number in range(30)]


@pytest.mark.parametrize("place", ["gateway.signed", "gateway.kept", "gateway.acknowledged"])
@pytest.mark.parametrize("slot", [0, 2])
def test_a_kill_anywhere_loses_and_doubles_nothing(tmp_path: Path, place: str, slot: int) -> None:
    undisturbed, killed = World(tmp_path / "one"), World(tmp_path / "two")
    for each in (undisturbed, killed):
        each.chain.outcomes = {SlotNumber(FIRST + 1): SlotOutcome({ALICE: EnergyWh(-400)}, bytes(32))}
    run(undisturbed, undisturbed.gateway(), 6)

    gateway = killed.gateway()
    run(killed, gateway, slot)
    killed.at_end_of(FIRST + slot)
    with pytest.raises(Killed):
        killed.gateway(die_at=place).step()
    gateway = killed.gateway()
    for number in range(slot, 6):
        killed.at_end_of(FIRST + number)
        gateway.step()

    for one, other in zip(undisturbed.oracles, killed.oracles, strict=True):
        assert one.stored == other.stored


def test_an_oracle_that_was_away_for_three_days_gets_everything(world: World) -> None:
    world.oracles[1].away = True
    gateway = world.gateway()
    run(world, gateway, 3 * 96)
    assert world.oracles[1].stored == {}

    world.oracles[1].away = False
    for _ in range(40):
        gateway.step()

    assert world.oracles[1].stored == world.oracles[0].stored
    assert len(world.oracles[1].of(ALICE)) == 3 * 96 + 1


def test_a_gateway_that_was_off_for_three_days_delivers_everything(world: World) -> None:
    run(world, world.gateway(), 2)
    world.at_end_of(FIRST + 3 * 96)

    gateway = world.gateway()
    for _ in range(4):
        gateway.step()

    readings = world.oracles[0].of(ALICE)
    assert [signed.reading.slot for signed in readings] == list(range(FIRST - 1, FIRST + 3 * 96 + 1))
    assert is_unbroken(readings)


def test_a_lost_answer_leads_to_a_repetition_and_not_to_a_second_reading(world: World) -> None:
    world.oracles[0].loses_answers = 2
    gateway = world.gateway()
    run(world, gateway, 3)
    for _ in range(5):
        gateway.step()

    assert world.oracles[0].stored == world.oracles[1].stored


def test_a_refused_reading_is_noted_and_does_not_stop_the_others(world: World) -> None:
    second = first_sequence(SlotNumber(FIRST - 1)) + 1
    world.oracles[0].refuses = {(ALICE, second)}
    run(world, world.gateway(), 3)

    table = GatewayTable(Database.open(world.folder / "gateway.sqlite"))
    assert [(each.oracle, each.account, each.sequence) for each in table.refusals()] == [("http://a", ALICE, second)]
    assert len(world.oracles[0].of(ALICE)) == 3
    assert len(world.oracles[1].of(ALICE)) == 4


def test_a_dead_meter_does_not_stop_the_others(world: World) -> None:
    world.broken = {ALICE}

    run(world, world.gateway(), 4)

    assert world.oracles[0].of(ALICE) == []
    assert len(world.oracles[0].of(BOB)) == 5


def test_a_gap_is_filled_when_the_meter_is_back_and_adds_up(world: World) -> None:
    world.silence = (start_of(SlotNumber(FIRST + 2)), start_of(SlotNumber(FIRST + 4)))
    gateway = world.gateway()
    run(world, gateway, 4)
    assert len(world.oracles[0].of(ALICE)) == 2

    world.at_end_of(FIRST + 4)
    gateway.step()

    readings = world.oracles[0].of(ALICE)
    assert [signed.reading.slot for signed in readings] == list(range(FIRST - 1, FIRST + 5))
    assert [signed.reading.quality for signed in readings[2:]] == [Quality.INTERPOLATED] * 3 + [Quality.MEASURED]
    assert readings[-1].reading.registers == world.oracles[0].of(BOB)[-1].reading.registers
    assert find_gaps(readings) == [Gap(ALICE, SlotNumber(FIRST + 1), SlotNumber(FIRST + 3), Quality.INTERPOLATED)]


@pytest.mark.parametrize("place", [None, "gateway.better_signed", "gateway.better_kept", "gateway.acknowledged"])
def test_what_was_estimated_is_signed_again_when_the_meter_can_tell_it(world: World, place: str | None) -> None:
    world.meters = {}
    world.silence = (start_of(SlotNumber(FIRST + 2)), start_of(SlotNumber(FIRST + 4)))
    run(world, world.gateway(), 5)
    world.silence = None

    world.at_end_of(FIRST + 5)
    if place is not None:
        with pytest.raises(Killed):
            world.gateway(die_at=place).step()
    gateway = world.gateway()
    gateway.step()

    readings = world.oracles[0].of(ALICE)
    counted = [signed for signed in readings if not signed.reading.replaces]
    better = [signed for signed in readings if signed.reading.replaces]
    assert is_unbroken(counted)
    assert [signed.reading.slot for signed in counted] == list(range(FIRST - 1, FIRST + 6))
    estimated = [signed for signed in counted if signed.reading.quality.estimated]
    assert [signed.reading.slot for signed in better] == [FIRST + 1, FIRST + 2, FIRST + 3]
    assert [signed.reading.previous for signed in better] == [signed.digest for signed in estimated]
    assert [signed.reading.sequence - REPLACING for signed in better] == [one.reading.sequence for one in estimated]
    undisturbed = world.oracles[0].of(BOB)[2:5]
    assert [signed.reading.registers for signed in better] == [signed.reading.registers for signed in undisturbed]
    assert world.oracles[1].stored == world.oracles[0].stored
    table = GatewayTable(Database.open(world.folder / "gateway.sqlite"))
    assert find_gaps(table.readings(FIRST, SlotNumber(FIRST + 5))) == []
    assert table.last_readings()[ALICE].reading.slot == FIRST + 5


def test_a_meter_is_asked_again_once_a_slot_and_only_within_the_correction_window(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.meters = {}
    world.silence = (start_of(SlotNumber(FIRST + 2)), start_of(SlotNumber(FIRST + 2)))
    gateway = world.gateway()
    run(world, gateway, 3)
    asked: list[int] = []
    meter = gateway.connected[0].meter
    read = meter.read

    def counted(after_s: int, until_s: int) -> Sequence[RegisterSample]:
        asked.append(after_s)
        return read(after_s, until_s)

    monkeypatch.setattr(meter, "read", counted)

    world.at_end_of(FIRST + 3)
    for _ in range(3):
        gateway.step()
    within = len(asked)
    world.at_end_of(FIRST + 3 + DAYS_S // 900)
    for _ in range(9):
        gateway.step()
    gateway._reviewed = None
    asked.clear()
    gateway.step()

    assert within == 2, "for the slot that ended, and for the one that was estimated"
    assert asked == []


def test_the_battery_works_towards_the_position(world: World) -> None:
    world.chain.outcomes = {SlotNumber(FIRST + 6): SlotOutcome({ALICE: EnergyWh(-100)}, bytes(32))}

    run(world, world.gateway(), 7)

    # slot FIRST + 6 has a small surplus or deficit that the battery turns into the 100 Wh sold; Bob sold nothing
    alice, bob = world.oracles[0].of(ALICE), world.oracles[0].of(BOB)
    assert last_energy_wh(alice) == -100
    assert last_energy_wh(bob) != -100


def test_an_envelope_is_kept_if_its_proof_leads_to_the_signed_root(world: World) -> None:
    slot = SlotNumber(FIRST + 5)
    envelopes = [Envelope(ALICE, EnergyWh(0), EnergyWh(0)), Envelope(BOB, EnergyWh(1), EnergyWh(2))]
    proofs = envelope_proofs(slot, envelopes)
    world.chain.outcomes = {
        slot: SlotOutcome({ALICE: EnergyWh(-300), BOB: EnergyWh(-300)}, envelope_root(slot, envelopes))
    }
    world.envelopes = Envelopes(
        {
            slot: [
                EnvelopeBounds(ALICE, EnergyWh(0), EnergyWh(0), proofs[ALICE]),
                EnvelopeBounds(BOB, EnergyWh(0), EnergyWh(0), proofs[BOB]),
            ]
        }
    )

    run(world, world.gateway(), 6)

    alice, bob = world.oracles[0].of(ALICE), world.oracles[0].of(BOB)
    assert last_energy_wh(alice) == 0
    assert last_energy_wh(bob) == -300


def test_envelopes_that_could_not_be_had_are_asked_for_again_within_the_slot(world: World) -> None:
    slot = SlotNumber(FIRST + 5)
    envelopes = [Envelope(ALICE, EnergyWh(0), EnergyWh(0))]
    bounds = [EnvelopeBounds(ALICE, EnergyWh(0), EnergyWh(0), envelope_proofs(slot, envelopes)[ALICE])]
    world.chain.outcomes = {slot: SlotOutcome({ALICE: EnergyWh(-300)}, envelope_root(slot, envelopes))}
    service = world.envelopes = Envelopes({slot: bounds}, away=True)
    gateway = world.gateway()
    run(world, gateway, 5)

    service.away = False
    gateway.step()
    world.at_end_of(slot)
    gateway.step()

    alice = world.oracles[0].of(ALICE)
    assert last_energy_wh(alice) == 0
