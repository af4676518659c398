"""`p2ptrade bench clear`: JSON for programs, tables for people, a sentence for wrong numbers."""

import json

import pytest
from typer.testing import CliRunner

from p2ptrade.cli.bench import bench_app
from p2ptrade.errors import InputError


def test_the_json_has_rows_and_targets() -> None:
    result = CliRunner().invoke(bench_app, ["clear", "--orders", "20", "--zones", "2", "--json"])

    (row,) = json.loads(result.stdout)["rows"]
    assert result.exit_code == 0
    assert (row["orders"], row["zones"]) == (20, 2)
    assert {"seconds", "lp_seconds", "ratio"} <= row.keys()


def test_without_json_a_table_and_the_targets_are_printed() -> None:
    result = CliRunner().invoke(bench_app, ["clear", "--orders", "10000", "--zones", "8"])

    assert result.exit_code == 0
    assert "10,000" in result.stdout
    assert "times faster than the linear program" in result.stdout


@pytest.mark.parametrize("arguments", [("--orders", "0"), ("--zones", "33")])
def test_numbers_out_of_range_are_refused_in_one_sentence(arguments: tuple[str, str]) -> None:
    result = CliRunner().invoke(bench_app, ["clear", *arguments])

    assert isinstance(result.exception, InputError)
    assert arguments[0] in str(result.exception)
