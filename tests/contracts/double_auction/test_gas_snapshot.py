"""Gas is deterministic: what it was when it was last looked at, it is today, to the unit.

Who changes it on purpose writes the new figures down: `P2PTRADE_WRITE_GAS_SNAPSHOT=1 pytest` on this file.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from p2ptrade.bench.gas import bench_gas
from p2ptrade.bench.gas_slot import OWN

SNAPSHOT = Path(__file__).parents[2] / "cases" / "gas_snapshot.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return bench_gas((10, 100, 400), (1, 16), largest=False)


def test_gas_is_what_the_snapshot_says(document: dict[str, Any]) -> None:
    found = [{key: row[key] for key in ("path", "orders", "zones", "phase_gas")} for row in document["rows"]]
    if os.environ.get("P2PTRADE_WRITE_GAS_SNAPSHOT"):
        SNAPSHOT.write_text(json.dumps(found, indent=1) + "\n")

    assert found == json.loads(SNAPSHOT.read_text())


def test_about_60_percent_of_the_orders_trade_as_when_the_peers_were_measured(document: dict[str, Any]) -> None:
    shares = [row["filled"] / row["orders"] for row in document["rows"] if "filled" in row]

    assert len(shares) == 12
    assert all(0.55 <= share <= 0.65 for share in shares)


def test_an_order_costs_less_than_with_any_peer(document: dict[str, Any]) -> None:
    for row in document["rows"]:
        rivals = [peer for peer in document["peers"] if str(row["orders"]) in peer["gas_per_order"]]
        if row["path"] == OWN:
            rivals = [peer for peer in rivals if peer["sealed"]]  # a seal by an own transaction against other seals
        assert rivals
        assert all(row["gas_per_order"] < peer["gas_per_order"][str(row["orders"])] for peer in rivals)


def test_the_targets_that_were_met_stay_met(document: dict[str, Any]) -> None:
    met = {target["target"] for target in document["targets"] if target["met"]}

    assert met >= {
        "relayed, 400 orders, gas per order",
        "own transaction, 400 orders, gas per order",
        "relayed, 10 orders, gas per order",
        "settlement, cash only, 400 accounts, gas per account",
        "settlement with tokens, 400 accounts, gas per account",
        "whole life with settlement and tokens, 400 orders",
        "16 zones over one zone",
    }
