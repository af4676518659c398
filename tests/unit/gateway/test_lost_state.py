"""A gateway that lost what it had, or was set back to an older state: the oracles take what it reads from then on.

Paths: an empty disk some slots later; an empty disk within the slot that was read last; a backup from yesterday whose
meter has forgotten what it said meanwhile. The oracles are real desks.
"""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from p2ptrade.domain.reading import SignedReading, first_sequence
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.gateway.ports import Ack
from p2ptrade.oracle.desk import Desk, Taken
from p2ptrade.oracle.facts import Head, MeterPoint
from p2ptrade.store import Database
from p2ptrade.store.oracle import OracleTable
from tests.unit.gateway.gateway_world import ALICE, BOB, DOMAIN, FIRST, KEY, FakeChain, World, run


@dataclass
class Registry:
    """A chain that knows both homes."""

    chain: FakeChain

    def head(self) -> Head:
        return Head(1, self.chain.time_s)

    def meter_points(self) -> Mapping[AccountId, MeterPoint]:
        return {
            account: MeterPoint(account, bytes([account]) * 32, KEY.address, 30, EpochSeconds(0))
            for account in (ALICE, BOB)
        }


@dataclass
class RealOracle:
    """An oracle's desk as a gateway sees it."""

    url: str
    table: OracleTable
    desk: Desk
    answers: list[Taken] = field(default_factory=list)

    def send(self, readings: Sequence[SignedReading]) -> Sequence[Ack]:
        answers = self.desk.take(readings)
        self.answers += [answer.taken for answer in answers]
        return [
            Ack(answer.account, answer.sequence, answer.reason if answer.taken is Taken.REFUSED else None)
            for answer in answers
        ]

    def of(self, account: AccountId, slots: Sequence[int]) -> list[SignedReading | None]:
        kept = [self.table.of_slot(SlotNumber(slot)).get(account) for slot in slots]
        return [None if each is None else each.signed for each in kept]


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path, meters={})
    registry = Registry(made.chain)
    made.oracles = []
    for name in ("a", "b"):
        table = OracleTable(Database.open(tmp_path / f"{name}.sqlite"), "market")
        made.oracles.append(RealOracle(f"http://{name}", table, Desk(registry, table, DOMAIN)))  # type: ignore[arg-type]
    return made


def lose(world: World) -> None:
    for file in world.folder.glob("gateway.sqlite*"):
        file.unlink()


def go_on(world: World, first: int, last: int) -> None:
    """Start the gateway again in the slot `first`, and let the slots up to `last` end."""
    gateway = world.gateway()
    for slot in range(first, last + 1):
        world.at_end_of(slot)
        gateway.step()


def test_a_gateway_with_an_empty_disk_numbers_on_from_the_clock_and_every_reading_is_taken(world: World) -> None:
    run(world, world.gateway(), 5)
    lose(world)

    go_on(world, FIRST + 7, FIRST + 10)

    for oracle in world.oracles:
        assert set(oracle.answers) == {Taken.STORED}
        readings = oracle.of(ALICE, range(FIRST - 1, FIRST + 11))
        assert [each is None for each in readings] == [False] * 6 + [True] * 2 + [False] * 4
        first = readings[8]
        assert first is not None
        assert first.reading.sequence == first_sequence(first.reading.slot)


def test_an_empty_disk_within_the_slot_that_was_read_costs_no_slot(world: World) -> None:
    run(world, world.gateway(), 5)
    lose(world)

    go_on(world, FIRST + 4, FIRST + 7)

    for oracle in world.oracles:
        assert oracle.answers.count(Taken.REFUSED) == 2, "the slot that was read already, of each home"
        assert all(oracle.of(ALICE, range(FIRST - 1, FIRST + 8)))


def test_after_a_restored_backup_and_a_meter_that_forgot_readings_are_taken_again(world: World) -> None:
    run(world, world.gateway(), 3)
    shutil.copy(world.folder / "gateway.sqlite", world.folder / "backup.sqlite")
    wal = world.folder / "gateway.sqlite-wal"
    if wal.exists():
        shutil.copy(wal, world.folder / "backup.sqlite-wal")
    go_on(world, FIRST + 3, FIRST + 6)
    before = [list(oracle.of(ALICE, range(FIRST - 1, FIRST + 7))) for oracle in world.oracles]
    lose(world)
    for file in world.folder.glob("backup.sqlite*"):
        file.rename(world.folder / file.name.replace("backup", "gateway"))

    # Samples of the time since the backup are gone, so the readings of these slots are interpolated, and others.
    world.silence = (start_of(SlotNumber(FIRST + 4)), start_of(SlotNumber(FIRST + 7)))
    go_on(world, FIRST + 7, FIRST + 10)

    for oracle, known in zip(world.oracles, before, strict=True):
        assert oracle.answers.count(Taken.REFUSED) == 5, "four that are known otherwise, and one that follows them"
        assert oracle.of(ALICE, range(FIRST - 1, FIRST + 7)) == known, "nothing is replaced"
        assert all(oracle.of(ALICE, range(FIRST + 8, FIRST + 11))), "from the next slot on"
