"""A short day through the real processes, with the relay and an oracle killed on the way (SIGKILL)."""

import csv
import json
from pathlib import Path

import pytest

from p2ptrade.demo.driver import Driver
from p2ptrade.demo.run import run_demo
from p2ptrade.demo.scenario import Scenario
from p2ptrade.domain.units import SlotNumber

SLOTS, HOMES = 4, 12


@pytest.mark.timeout(600)
def test_a_day_survives_the_death_of_relay_and_oracle_with_closed_books(tmp_path: Path) -> None:
    killed: list[str] = []

    def disturb(driver: Driver, point: str, slot: SlotNumber) -> None:
        number = slot - driver.world.timeline.first
        if (point, number) == ("sealed", 1):
            kill(driver, "relay")
        if (point, number) == ("committed", 2):
            kill(driver, "relay")
        if (point, number) == ("ended", 0):
            kill(driver, f"oracle-{slot % 4}")

    def kill(driver: Driver, name: str) -> None:
        driver.restart(name)
        killed.append(name)

    figures = run_demo(
        Scenario(slots=SLOTS, homes=HOMES, seed=7, out=tmp_path), lambda what: None, lambda news: None, disturb
    )

    assert len(killed) == 3
    assert (figures["money_difference_micro"], figures["energy_difference_wh"]) == (0, 0)
    assert figures["slots_lapsed"] == 0
    assert figures["slots_with_trade"] == SLOTS
    assert figures["orders_void"] == 0
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary == figures
    with (tmp_path / "ledger.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == SLOTS * HOMES
    assert sum(int(row["position_wh"]) for row in rows) == 0
