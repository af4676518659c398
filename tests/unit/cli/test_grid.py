"""`p2ptrade grid` on files: what it prints, what it draws, what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from p2ptrade.cli.grid import grid_app
from p2ptrade.errors import EnvironmentNotReadyError, GridError, InputError
from p2ptrade.grid import load_network
from p2ptrade.grid.pgm import PgmPowerFlow
from p2ptrade.grid.resources import DATA, check_schema

EU_LV = "ieee-eu-lv"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(grid_app, [str(argument) for argument in arguments])


def refused(*arguments: object) -> InputError:
    result = run(*arguments)
    assert isinstance(result.exception, InputError), result.output
    return result.exception


def file(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "input.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def trades(count: int = 60) -> dict[str, Any]:
    network = load_network(EU_LV)
    names = [connection.id for connection in network.connections]
    random = np.random.default_rng(2)
    return {
        "format": "p2ptrade-trades/1",
        "baseline": [{"connection": names[0], "energy_wh": -500}],
        "trades": [
            {
                "id": f"trade {number}",
                "seller": names[int(random.integers(0, 20))],
                "buyer": names[int(random.integers(20, 55))],
                "energy_wh": int(random.integers(1_000, 3_000)),
                "fee_micro_per_kwh": int(random.integers(0, 30_000)),
            }
            for number in range(count)
        ],
    }


def test_check_says_that_the_published_loads_are_safe_and_prints_its_schema() -> None:
    result = run("check", "ieee-33", "ieee-33", "--json")

    document = json.loads(result.stdout)
    assert result.exit_code == 0
    check_schema(document, "verdict")
    assert document["safe"]
    assert document["loss_w"] == pytest.approx(202_677, abs=1)
    assert document["lowest_voltage"]["element"] == "node bus 18"


def test_check_names_what_is_broken_and_exits_with_one(tmp_path: Path) -> None:
    document = json.loads((DATA / "injections" / "ieee-33.json").read_text(encoding="utf-8"))
    for row in document["injections"]:
        row["p_w"] *= 2

    result = run("check", "ieee-33", file(tmp_path, document), "--json")

    verdict = json.loads(result.stdout)
    assert result.exit_code == 1
    check_schema(verdict, "verdict")
    assert {violation["kind"] for violation in verdict["violations"]} == {"voltage_low"}
    assert "below 0.9000 pu" in verdict["violations"][0]["text"]


def test_check_of_a_collapse_prints_nulls_and_not_nan(tmp_path: Path) -> None:
    row = {"connection": "load 18", "p_w": -1e9}
    path = file(tmp_path, {"format": "p2ptrade-injections/1", "injections": [row]})

    result = run("check", "ieee-33", path, "--json")

    assert result.exit_code == 1
    assert json.loads(result.stdout)["violations"][0]["kind"] == "collapse"
    assert "NaN" not in result.stdout


def test_check_for_people_shows_voltages_and_losses() -> None:
    result = run("check", "ieee-33", "ieee-33")

    assert "safe" in result.stdout
    assert "0.91309" in result.stdout
    assert "202,677.1 W" in result.stdout


@pytest.mark.parametrize(
    ("row", "pointer", "reason"),
    [
        ({"connection": "load 99", "p_w": 1}, "/injections/1/connection", "no connection 'load 99'"),
        ({"connection": "load 2", "p_w": 1}, "/injections/1/connection", "twice"),
        ({"connection": "load 3", "p_w": "1"}, "/injections/1/p_w", "number"),
        ({"connection": "load 3", "p_w": 1, "w": 2}, "/injections/1", "'w'"),
        ({"connection": "load 3"}, "/injections/1", "p_w"),
    ],
)
def test_wrong_injections_are_named_by_their_place(
    tmp_path: Path, row: dict[str, Any], pointer: str, reason: str
) -> None:
    rows = [{"connection": "load 2", "p_w": 5}, row]

    error = refused("check", "ieee-33", file(tmp_path, {"format": "p2ptrade-injections/1", "injections": rows}))

    assert error.pointer == pointer
    assert reason in str(error)
    assert error.exit_code == 2


def test_a_file_that_is_not_json_or_not_there_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.json"
    path.write_text("{", encoding="utf-8")

    assert "not valid JSON" in str(refused("check", "ieee-33", path))
    assert "neither a file" in str(refused("check", "ieee-33", tmp_path / "nothing.json"))
    assert "neither a file" in str(refused("check", "nothing", path))


def test_curtail_keeps_most_and_leaves_a_network_that_a_second_engine_calls_safe(tmp_path: Path) -> None:
    document = trades()

    result = run("curtail", EU_LV, file(tmp_path, document), "--json")

    cut = json.loads(result.stdout)
    assert result.exit_code == 0, result.output
    check_schema(cut, "curtailment")
    assert not cut["before"]["safe"]
    assert cut["after"]["safe"]
    assert cut["kept_wh"] + cut["cut_wh"] == sum(trade["energy_wh"] for trade in document["trades"])
    network = load_network(EU_LV)
    injection = np.zeros((1, 55))
    injection[0, 0] = -500
    for trade, row in zip(document["trades"], cut["trades"], strict=True):
        injection[0, network.connection_index[trade["seller"]]] += row["kept_wh"]
        injection[0, network.connection_index[trade["buyer"]]] -= row["kept_wh"]
    flow = PgmPowerFlow(network).solve(injection * 4)
    assert flow.voltage_pu.max() <= network.voltage_max_pu + 1e-6
    assert flow.voltage_pu.min() >= network.voltage_min_pu - 1e-6
    assert flow.loading.max() <= 1 + 1e-4


def test_curtail_for_people_lists_the_cuts_and_what_binds(tmp_path: Path) -> None:
    result = run("curtail", EU_LV, file(tmp_path, trades()), "--objective", "merit_order")

    assert "bound by" in result.stdout
    assert "kept" in result.stdout


def test_a_trade_of_an_unknown_connection_or_a_repeated_name_is_refused(tmp_path: Path) -> None:
    unknown, twice = trades(2), trades(2)
    unknown["trades"][1]["buyer"] = "Load99"
    twice["trades"][1]["id"] = "trade 0"

    assert refused("curtail", EU_LV, file(tmp_path, unknown)).pointer == "/trades/1/buyer"
    assert refused("curtail", EU_LV, file(tmp_path, twice)).pointer == "/trades/1/id"


def test_zones_lists_the_tree_and_where_it_is_cut() -> None:
    document = json.loads(run("zones", "simbench-lv-rural3", "--json").stdout)
    chosen = json.loads(run("zones", "ieee-33", "--cut", "line 2-3", "--cut", "line 6-7", "--json").stdout)

    assert [zone["parent"] for zone in document["zones"]] == [None] + [0] * 7
    assert sum(len(zone["connections"]) for zone in document["zones"]) == 118
    assert [zone["branch"] for zone in chosen["zones"]] == [None, "line 2-3", "line 6-7"]
    assert [zone["parent"] for zone in chosen["zones"]] == [None, 0, 1]


def test_limits_follow_a_forecast(tmp_path: Path) -> None:
    row = {"connection": "load 18", "energy_wh": 100_000, "error_wh": 1_000}
    path = file(tmp_path, {"format": "p2ptrade-forecast/1", "forecast": [row]})

    free = json.loads(run("limits", "ieee-33", "--cut", "line 6-7", "--json").stdout)["zones"]
    based = json.loads(run("limits", "ieee-33", "--cut", "line 6-7", "--forecast", path, "--json").stdout)["zones"]

    assert free[0] == {"parent": None}
    assert based[1]["export_wh"] < free[1]["export_wh"]


@pytest.mark.parametrize(
    "arguments",
    [("--cut", "line 99"), ("--max-zones", 40), ("--violation-ppm", 1_000_000), ("--samples", 0), ("--seed", -1)],
)
def test_limits_refuses_what_makes_no_sense(arguments: tuple[object, ...]) -> None:
    assert refused("limits", "ieee-33", *arguments).exit_code == 2


def test_plot_draws_every_node_and_the_same_bytes_again(tmp_path: Path) -> None:
    first, second = tmp_path / "one.svg", tmp_path / "two.svg"

    for path in (first, second):
        assert run("plot", "ieee-33", "--injections", "ieee-33", "--out", path).exit_code == 0

    ElementTree.parse(first)
    assert first.read_bytes() == second.read_bytes()
    text = first.read_text(encoding="utf-8")
    assert "ieee-33: 0.9131 to" in text.replace("<!-- ", "").replace(" -->", "")


def test_plot_refuses_other_kinds_of_files_and_places_that_cannot_be_written(tmp_path: Path) -> None:
    assert "svg or .png" in str(refused("plot", "ieee-33", "--out", tmp_path / "x.gif"))
    assert "cannot be written" in str(refused("plot", "ieee-33", "--out", tmp_path / "no" / "x.svg"))


def test_convert_names_the_kinds_it_knows_and_the_extra_it_needs(tmp_path: Path) -> None:
    assert "simbench:CODE" in str(refused("convert", "gridlabd:x", "--out", tmp_path / "x.json"))
    assert "no file" in str(refused("convert", "opendss:nothing.dss", "--out", tmp_path / "x.json"))


def test_convert_without_the_extra_is_a_matter_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "simbench", None)

    result = run("convert", "simbench:1-LV-rural1--0-sw", "--out", tmp_path / "x.json")

    assert isinstance(result.exception, EnvironmentNotReadyError)
    assert "convert extra" in str(result.exception)
    assert result.exception.exit_code == 3


def test_a_network_that_cannot_be_solved_ends_with_exit_code_two(tmp_path: Path) -> None:
    document = json.loads((DATA / "networks" / "ieee-33.json").read_text(encoding="utf-8"))
    document["lines"].pop()

    result = run("check", file(tmp_path, document), "ieee-33")

    assert isinstance(result.exception, GridError)
    assert "island" in str(result.exception)
    assert result.exception.exit_code == 2
