"""The brightest half hour of the stressed day through the real processes: rounds, envelopes, meters, books."""

import json
from pathlib import Path

import pytest

from p2ptrade.demo.run import run_demo
from p2ptrade.demo.scenario import Scenario

SLOTS = 2


@pytest.mark.timeout(900)
def test_a_feeder_that_would_be_overloaded_is_kept_within_its_limits_by_several_rounds(tmp_path: Path) -> None:
    figures = run_demo(Scenario(slots=SLOTS, stress=True, out=tmp_path), lambda what: None, lambda news: None)

    assert figures["violations_without"] == SLOTS
    assert figures["violations_with"] == 0
    assert figures["max_loading_without_ppm"] > 1_200_000 > 1_000_000 >= figures["max_loading_with_ppm"]
    assert figures["max_voltage_without_pu"] > 1.1 >= figures["max_voltage_with_pu"]
    assert figures["rounds"] > SLOTS
    assert figures["slots_lapsed"] == 0
    assert figures["slots_with_envelopes"] == SLOTS
    assert figures["curtailed_wh"] > 0 == figures["breach_wh"]
    assert (figures["money_difference_micro"], figures["energy_difference_wh"]) == (0, 0)
    assert json.loads((tmp_path / "summary.json").read_text()) == figures
    page = (tmp_path / "index.html").read_text()
    assert "Round 2" in page
    assert "is cut by" in page
    assert page.count("<svg") == 10
