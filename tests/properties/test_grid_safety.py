"""The safety figure: no slot that we let through breaks a limit, and little energy is lost for it.

The result of every slot, in whole Wh, is checked by our power flow and by power-grid-model. Compared are the rule
"accept by falling fee until the first violation" and the mixed-integer optimum over whole trades.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

import pytest

from p2ptrade.grid import Network, load_network
from p2ptrade.grid.stress import SafetyRow, StressPattern, safety_figure

PATTERNS = {
    "ieee-eu-lv": StressPattern(trades=80, sellers_share=0.3, offered_wh=90_000),
    "simbench-lv-rural3": StressPattern(trades=80, sellers_share=0.2, offered_wh=350_000),
    "simbench-lv-semiurb4": StressPattern(trades=80, sellers_share=0.2, offered_wh=210_000),
}


def network_of(name: str) -> Network:
    """Return a shipped network; the European feeder with fuses of 250 A, its cables alone would bear more."""
    network = load_network(name)
    if name != "ieee-eu-lv":
        return network
    return replace(network, branches=tuple(replace(b, rating_a=min(b.rating_a, 250.0)) for b in network.branches))


def figures(slots: int, seed: int, capsys: pytest.CaptureFixture[str]) -> list[SafetyRow]:
    rows = []
    for name, pattern in PATTERNS.items():
        rows.append(safety_figure(network_of(name), pattern, slots, seed))
        with capsys.disabled():
            sys.stdout.write(f"\n{rows[-1]}  (seed {seed})")
    return rows


def assert_safe_and_generous(rows: list[SafetyRow]) -> None:
    for row in rows:
        assert row.stressed > 0, row
        assert row.violations == 0, row
        assert row.over_prefix >= 1.15, row
        assert row.over_whole >= 0.97, row


def test_no_slot_breaks_a_limit_after_the_cuts_and_most_energy_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    rows = figures(17, 0, capsys)

    assert_safe_and_generous(rows)


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_a_thousand_slots_of_a_fresh_seed_break_no_limit(capsys: pytest.CaptureFixture[str]) -> None:
    rows = figures(334, int.from_bytes(os.urandom(4), "big"), capsys)

    assert_safe_and_generous(rows)
