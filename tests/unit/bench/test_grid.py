"""The benchmark of the grid: what it prints, and the targets that do not depend on how busy the machine is."""

from __future__ import annotations

import sys

import pytest

from p2ptrade.bench.grid import bench_grid

# These ratios and times hold on a quiet core; a busy one shifts them, so the test allows a factor.
SLACK = 2.5
STEADY = {
    "memory of a deciding process",
    "forbidden packages loaded",
    "growth of the decision from 500 to 2,000 trades",
}
# Two processes gain nothing where other programs already use both cores.
UNSTEADY = {"10 areas, two processes against one"}


@pytest.mark.slow
def test_the_grid_is_as_fast_and_small_as_it_should_be(capsys: pytest.CaptureFixture[str]) -> None:
    document = bench_grid()

    with capsys.disabled():
        for target in document["targets"]:
            sys.stdout.write(f"\n{target}")
    assert {row["name"] for row in document["rows"]} >= {target["target"] for target in document["targets"]}
    for target in document["targets"]:
        slack = 1.0 if target["target"] in STEADY else SLACK
        if target["target"] in UNSTEADY:
            continue
        if "at_least" in target:
            assert target["measured"] >= target["at_least"] / slack, target
        else:
            assert target["measured"] <= target["at_most"] * slack, target
