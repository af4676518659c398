"""Four oracles against the real contracts: honest slots, silent meters and their correction, pages, crashes, faults.

Paths of a slot: all readings there; one meter silent until the time-out; its readings late; an oracle killed after each
step. Paths of a fault: 0 to 4 of 4 oracles dead, late, lying, equivocating, colluding.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.domain.report import Report
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, SlotNumber
from tests.support.oracle_stage import Stage, report_instead
from tests.support.oracles import TAKEOVER_S, TIMEOUT_S, send
from tests.support.small_market import SmallMarket, small_market


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=4) as made:
        yield made


@pytest.fixture
def stage(world: SmallMarket, tmp_path: Path) -> Iterator[Stage]:
    made = Stage(world, tmp_path)
    yield made
    made.group.close()


def report_of(stage: Stage, index: int) -> Report:
    signed = stage.group.members[index].oracle.signed(stage.slot)
    assert signed is not None
    return signed.report


def test_a_slot_with_all_readings_is_settled_at_the_tariffs(stage: Stage) -> None:
    buyer, seller, *_ = stage.meters
    before = stage.cash()
    retail, feed_in = stage.prices()

    stage.readings_of(stage.slot, {buyer: 1_000, seller: -2_000})
    stage.group.step(times=2)
    stage.later(4 * TAKEOVER_S)
    stage.group.step(times=2)

    assert stage.state() is SettlementState.SETTLED
    after = stage.cash()
    assert after[buyer] - before[buyer] == -retail
    assert after[seller] - before[seller] == 2 * feed_in


def test_whose_turn_it_is_sends_and_the_next_takes_over_when_it_is_dead(stage: Stage) -> None:
    leader = stage.slot % 4
    stage.readings_of(stage.slot, {})
    stage.group.lines[leader].cut = True
    others = [index for index in range(4) if index != leader]

    stage.group.step(*others, times=2)
    assert stage.state() is SettlementState.NONE
    stage.later(TAKEOVER_S)
    stage.group.step(*others)

    assert stage.state() is SettlementState.SETTLED
    sent = [index for index in others if stage.group.members[index].outbox.find(f"settle/{stage.slot}")]
    assert sent == [(leader + 1) % 4]


def test_a_silent_meter_is_estimated_after_the_time_out_and_corrected_when_it_speaks(stage: Stage) -> None:
    silent, other, *_ = stage.meters
    retail, _ = stage.prices()
    before = stage.cash()
    stage.readings_of(stage.slot, {other: 500}, silent=frozenset({silent}))
    stage.group.step(times=2)
    assert stage.state() is SettlementState.NONE

    stage.later(TIMEOUT_S)
    stage.group.step(times=2)
    stage.later(4 * TAKEOVER_S)
    stage.group.step(times=2)
    assert stage.state() is SettlementState.SETTLED
    assert stage.cash()[other] - before[other] == -(500 * retail // 1000)
    assert stage.cash()[silent] == before[silent], "without like days a substitute is zero"

    late = stage.meters[silent].read(stage.slot, 800)
    for member in stage.group.members:
        send(member, [late])
    for _ in range(4):
        stage.group.step()
        stage.later(4 * TAKEOVER_S)
    settled = stage.world.market.settlement.settlement(stage.slot)

    assert settled.version == 2
    assert stage.cash()[silent] - before[silent] == -(800 * retail // 1000)
    assert stage.cash()[other] - before[other] == -(500 * retail // 1000), "nobody else is touched"


def test_an_oracle_that_lost_its_disk_makes_the_same_second_correction(stage: Stage) -> None:
    first, second, *_ = stage.meters
    retail, _ = stage.prices()
    before = stage.cash()
    stage.readings_of(stage.slot, {}, silent=frozenset({first, second}))
    stage.later(TIMEOUT_S)
    stage.rounds(4)
    stage.speak(first, 800)
    stage.rounds(4)
    assert stage.world.market.settlement.settlement(stage.slot).version == 2

    stage.group.wipe(0).view._first_priced = stage.slot
    stage.group.lines[1].cut = True
    stage.speak(second, 300)
    stage.rounds(4, 0, 2, 3)

    after = stage.cash()
    assert stage.world.market.settlement.settlement(stage.slot).version == 3, "oracle 0 had to sign, for 1 was dead"
    assert after[first] - before[first] == -(800 * retail // 1000), "the first correction stands"
    assert after[second] - before[second] == -(300 * retail // 1000)
    assert len({str(report_of(stage, index)) for index in (0, 2, 3)}) == 1


def test_a_reading_that_one_oracle_lacks_is_taken_over_from_its_peers(stage: Stage) -> None:
    lonely = stage.group.members[0]
    readings = [meter.read(stage.slot) for meter in stage.meters.values()]
    stage.world.warp_to(end_of(stage.slot))
    for member in stage.group.members[1:]:
        send(member, readings)

    stage.later(TIMEOUT_S)
    lonely.oracle.step()

    assert lonely.oracle.signed(stage.slot) is not None
    kept = lonely.oracle.store.report(stage.slot, 1)
    assert kept is not None
    assert not any(leaf.quality for leaf in kept.leaves)


def test_every_oracle_may_be_killed_after_every_step(stage: Stage) -> None:
    stage.readings_of(stage.slot, {stage.first_account(): 700})
    before = stage.cash()

    for _ in range(6):
        for index in range(4):
            stage.group.members[index].oracle.step()
            stage.group.restart(index).view._first_priced = stage.slot
        stage.later(TAKEOVER_S)

    retail, _ = stage.prices()
    assert stage.state() is SettlementState.SETTLED
    assert before[stage.first_account()] - stage.cash()[stage.first_account()] == 700 * retail // 1000


def test_a_day_is_posted_to_reputation_when_its_slots_are_settled(stage: Stage) -> None:
    reputation = stage.world.market.reputation
    day = stage.slot // 96
    stage.readings_of(stage.slot, {})
    for member in stage.group.members:
        member.view._first_priced = stage.slot
    for slot in range(stage.slot + 1, (day + 1) * 96):
        stage.readings_of(SlotNumber(slot), {})
    for _ in range(6):
        stage.group.step()
        stage.later(TAKEOVER_S)

    assert reputation.next_day() > day
    # Nobody sealed anything all day: a ratio without a denominator is one half, activity is 0 of 1.
    assert {reputation.score(account) for account in stage.meters} == {250_000}


def test_a_gateway_that_tells_two_oracles_something_else_harms_itself_only(stage: Stage) -> None:
    liar, other, *_ = stage.meters
    retail, _ = stage.prices()
    before = stage.cash()
    stage.readings_of(stage.slot, {other: 500}, silent=frozenset({liar}))
    told = [stage.meters[liar].read(stage.slot, 1_000)]
    stage.meters[liar].unread()
    told.append(stage.meters[liar].read(stage.slot, 100))
    for index, member in enumerate(stage.group.members):
        send(member, [told[index % 2]])

    stage.rounds(2)
    assert stage.state() is SettlementState.NONE
    stage.later(TIMEOUT_S)
    stage.rounds(3)

    assert stage.state() is SettlementState.SETTLED
    spent = {account: before[account] - cash for account, cash in stage.cash().items()}
    assert spent.pop(other) == 500 * retail // 1000
    assert set(spent.values()) == {0}, "without like days a substitute is zero"
    kept = [member.oracle.store.of_slot(stage.slot)[liar].flags for member in stage.group.members]
    assert kept == [("contradiction",)] * 4


def dead(stage: Stage, index: int, _account: AccountId) -> None:
    """Never there."""
    stage.group.lines[index].cut = True


def late(stage: Stage, index: int, _account: AccountId) -> None:
    """Hears of nothing until much later; `come_back` ends that."""
    stage.group.lines[index].cut = True


def come_back(stage: Stage) -> None:
    """Let the late ones hear from the gateway and from each other, and everybody work on."""
    for member in stage.group.members:
        if member.line.cut:
            member.line.cut = False
            send(member, [meter.readings[-1] for meter in stage.meters.values()])
    for _ in range(5):
        stage.group.step()
        stage.later(4 * TAKEOVER_S)


def lying(stage: Stage, index: int, account: AccountId) -> None:
    """Reports another energy, each liar its own."""
    report_instead(stage, index, account, lambda energy_wh: energy_wh + 100 * (index + 1))


def colluding(stage: Stage, index: int, account: AccountId) -> None:
    """Reports twice the energy, as all the others of the plot do."""
    report_instead(stage, index, account, lambda energy_wh: 2 * energy_wh)


def equivocating(stage: Stage, index: int, account: AccountId) -> None:
    """Says something else each time it is asked."""
    said = itertools.count(1)
    report_instead(stage, index, account, lambda energy_wh: energy_wh + 10 * next(said) + index)


FAULTS = {"dead": dead, "late": late, "lying": lying, "equivocating": equivocating, "colluding": colluding}


def outcome(stage: Stage, fault: str, faulty: int) -> str:
    """Play a slot with so many faulty oracles and say what became of it."""
    account = stage.first_account()
    before = stage.cash()[account]
    for index in range(faulty):
        FAULTS[fault](stage, index, account)
    stage.readings_of(stage.slot, {account: 1_000})
    running = [index for index in range(4) if not stage.group.lines[index].cut]
    for _ in range(5):
        if running:
            stage.group.step(*running)
        stage.later(TAKEOVER_S)
    held = stage.state() is not SettlementState.SETTLED
    if held and fault == "late":
        come_back(stage)
    if stage.state() is not SettlementState.SETTLED:
        return "held"
    retail, _ = stage.prices()
    word = "honest" if before - stage.cash()[account] == retail else "WRONG"
    return f"{word} later" if held else word


def outcomes(world: SmallMarket, folder: Path, fault: str, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return, and print, what became of a slot with 0 to 4 faulty oracles."""
    row = []
    for faulty in range(5):
        stage = Stage(world, folder / str(faulty))
        row.append(outcome(stage, fault, faulty))
        stage.group.close()
    with capsys.disabled():
        sys.stdout.write(f"\n{fault:>13}  " + "  ".join(f"{faulty}: {word}" for faulty, word in enumerate(row)))
    return row


def test_late_oracles_of_four_delay_the_slot_and_change_nothing(
    world: SmallMarket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = outcomes(world, tmp_path, "late", capsys)

    assert row == ["honest", "honest", "honest later", "honest later", "honest later"]


@pytest.mark.parametrize("fault", ["dead", "lying", "equivocating"])
def test_one_faulty_oracle_of_four_changes_nothing_and_more_hold_the_slot(
    world: SmallMarket, tmp_path: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    row = outcomes(world, tmp_path, fault, capsys)

    assert row == ["honest", "honest", "held", "held", "held"]


def test_two_colluding_oracles_can_only_hold_the_slot_and_a_quorum_of_them_is_what_trust_means(
    world: SmallMarket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = outcomes(world, tmp_path, "colluding", capsys)

    assert row == ["honest", "honest", "held", "WRONG", "WRONG"]
