"""A trading day in which every daemon is killed at every place of its code that matters: nothing lost, nothing doubled.

The day is the demo's, with real processes. A daemon dies at one place in each of its lives and is started again, until
it has died everywhere. Then the history is judged: every transaction that an outbox meant is in the chain once, every
slot was committed, cleared and settled once, and the books close.
"""

import random
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pytest

from p2ptrade.chain.deployed import Market
from p2ptrade.demo import driver as demo_driver
from p2ptrade.demo import run as demo_run
from p2ptrade.demo.driver import Driver, SlotNews
from p2ptrade.demo.scenario import Scenario
from p2ptrade.domain.units import SlotNumber
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
from tests.integration.faults.crash_fleet import PLACES, CrashingFleet
from tests.support.history import Verdict, check_history

SLOTS, HOMES = 4, 5
DRAINED_WITHIN = 200
# A daemon that dies often is slow, and the chain's time goes on meanwhile: so the relay has longer before the gate.
PATIENCE_S = 400.0
SEALING_ENDS_S, COMMIT_LEAD_S, COMMIT_S = 420, 300, 290
ONCE_A_SLOT = (("auction", "Committed"), ("auction", "Cleared"), ("settlement", "Settled"))


class Witness:
    """Looks at a day while it goes on, and judges it while its chain still runs."""

    def __init__(self) -> None:
        self.driver: Driver | None = None
        self.verdict: Verdict | None = None
        self.events: Counter[tuple[str, int]] = Counter()
        self.died_at: dict[str, list[str]] = {}

    def disturb(self, driver: Driver, point: str, slot: SlotNumber) -> None:
        self.driver = driver

    def report(self, news: SlotNews) -> None:
        driver = self.driver
        assert driver is not None
        timeline = driver.world.timeline
        if news.settled == timeline.first + timeline.slots - 1:
            self.verdict = judge(driver)
            self.events = count_events(driver.market)
            assert isinstance(driver.fleet, CrashingFleet)
            self.died_at = driver.fleet.died_at()

    def matrix(self) -> str:
        """Return how often each daemon died at each place, a line each."""
        deaths = {name: Counter(places) for name, places in sorted(self.died_at.items()) if places}
        return "".join(
            f"{name}: {', '.join(f'{place} x{times}' for place, times in sorted(died.items()))}\n"
            for name, died in deaths.items()
        )


def judge(driver: Driver) -> Verdict:
    """Return what became of all that was meant, once nothing waits any more."""
    files = sorted(driver.world.folder.glob("*/*.sqlite"))
    tables = [OutboxTable(Database.open(file)) for file in files]
    verdict = None
    for _ in range(DRAINED_WITHIN):
        entries = [entry for table in tables for entry in table.entries()]
        verdict = check_history(driver.market.client, {entry.sender for entry in entries}, entries)
        if verdict.clean:
            break
        driver.fleet.check_alive()
    assert verdict is not None
    return verdict


def count_events(market: Market) -> Counter[tuple[str, int]]:
    """Return how often each thing that happens once to a slot has happened to it."""
    found: Counter[tuple[str, int]] = Counter()
    for contract, name in ONCE_A_SLOT:
        for record in getattr(market, contract).events(name, first=market.first_block):
            found[name, record.values["slot"]] += 1
    for record in market.grid_limits.events("LimitsPublished", first=market.first_block):
        found["LimitsPublished", record.values["slot"]] += 1
    return found


def run_day(folder: Path, plan: Mapping[str, tuple[str, ...]], monkeypatch: pytest.MonkeyPatch) -> Witness:
    witness = Witness()
    monkeypatch.setattr(demo_driver, "PATIENCE_S", PATIENCE_S)
    monkeypatch.setattr(demo_driver, "SEALING_ENDS_S", SEALING_ENDS_S)
    monkeypatch.setattr(demo_driver, "COMMIT_S", COMMIT_S)
    monkeypatch.setenv("P2PTRADE_RELAY__COMMIT_LEAD_S", str(COMMIT_LEAD_S))
    monkeypatch.setattr(demo_run, "Fleet", type("PlannedFleet", (CrashingFleet,), {"plan": plan}))
    scenario = Scenario(slots=SLOTS, homes=HOMES, week="summer", seed=1, out=folder)

    figures = demo_run.run_demo(scenario, lambda what: None, witness.report, witness.disturb)

    assert (figures["money_difference_micro"], figures["energy_difference_wh"]) == (0, 0)
    assert witness.verdict is not None
    assert witness.verdict.clean, witness.verdict
    assert set(witness.events.values()) == {1}, witness.events
    sys.stdout.write(witness.matrix())
    settled = [slot for name, slot in witness.events if name == "Settled"]
    assert len(settled) >= SLOTS
    return witness


@pytest.mark.timeout(900)
def test_every_daemon_killed_everywhere_loses_and_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    witness = run_day(tmp_path / "out", PLACES, monkeypatch)

    missed = {name: sorted(set(places) - set(witness.died_at[name])) for name, places in PLACES.items()}
    assert not any(missed.values()), missed


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seed",
    [
        *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4)),
        *(pytest.param(seed, marks=pytest.mark.soak) for seed in range(4, 24)),
    ],
)
def test_daemons_killed_in_another_order_lose_and_double_nothing(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = random.Random(seed)
    plan = {
        name: tuple(f"{place}:{drawn.randint(1, 2)}" for place in drawn.sample(places, len(places)))
        for name, places in PLACES.items()
    }

    witness = run_day(tmp_path / "out", plan, monkeypatch)

    assert sum(map(len, witness.died_at.values())) >= len(PLACES)
