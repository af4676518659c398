"""`p2ptrade market clear` on files: what it prints, what it draws, what it refuses."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner, Result

from p2ptrade.cli.market import market_app
from p2ptrade.errors import InputError

CASE = Path(__file__).parents[2] / "cases" / "clearing" / "08-random.json"
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def case() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(CASE.read_text(encoding="utf-8"))
    return loaded


@pytest.fixture
def book_file(tmp_path: Path, case: dict[str, Any]) -> Path:
    path = tmp_path / "book.json"
    path.write_text(json.dumps(case["book"]), encoding="utf-8")
    return path


def run(*arguments: object, stdin: str | None = None) -> Result:
    return CliRunner().invoke(market_app, ["clear", *map(str, arguments)], input=stdin)


def test_the_json_has_what_the_case_expects(book_file: Path, case: dict[str, Any]) -> None:
    result = run(book_file, "--json")

    printed = json.loads(result.stdout)
    assert result.exit_code == 0
    assert {key: printed[key] for key in case["expected"]} == case["expected"]
    assert [order["account"] for order in printed["orders"]] == [order["account"] for order in case["book"]["orders"]]


def test_a_dash_reads_standard_input(book_file: Path) -> None:
    assert run("-", "--json", stdin=book_file.read_text()).stdout == run(book_file, "--json").stdout


def test_without_json_tables_say_the_same_for_people(book_file: Path) -> None:
    result = run(book_file)

    assert result.exit_code == 0
    assert "209,000.0" in result.stdout
    assert "13.072 kWh traded" in result.stdout


def test_the_picture_is_svg_or_png_by_the_files_ending(book_file: Path, tmp_path: Path) -> None:
    svg, png = tmp_path / "clearing.svg", tmp_path / "clearing.png"

    codes = [run(book_file, "--json", "--plot", path).exit_code for path in (svg, png)]

    assert codes == [0, 0]
    assert ElementTree.parse(svg).getroot().tag.endswith("svg")
    assert png.read_bytes().startswith(PNG_SIGNATURE)


def test_the_same_book_gives_the_same_picture(book_file: Path, tmp_path: Path) -> None:
    first, second = tmp_path / "first.svg", tmp_path / "second.svg"

    for path in (first, second):
        run(book_file, "--json", "--plot", path)

    assert first.read_bytes() == second.read_bytes()


def test_an_empty_book_is_printed_and_drawn(tmp_path: Path) -> None:
    empty = '{"zones": [{"parent": null}], "orders": []}'

    result = run("-", "--json", "--plot", tmp_path / "empty.svg", stdin=empty)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["volume_wh"] == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("9" * 10_000, "is not JSON"),
        ('{"zones": 1, "orders": []}', "/zones: must be an array"),
    ],
    ids=["cut off", "too deep", "too long a number", "no book"],
)
def test_a_wrong_file_is_refused_in_one_sentence(text: str, words: str) -> None:
    result = run("-", "--json", stdin=text)

    assert isinstance(result.exception, InputError)
    assert result.exception.exit_code == 2
    assert words in str(result.exception)
    assert "\n" not in str(result.exception)


def test_files_that_cannot_be_read_or_written_are_named(book_file: Path, tmp_path: Path) -> None:
    unreadable = run(tmp_path / "none.json", "--json").exception
    unwritable = run(book_file, "--plot", tmp_path / "none" / "x.svg").exception
    unknown_kind = run(book_file, "--plot", tmp_path / "x.pdf").exception

    assert "none.json" in str(unreadable)
    assert "cannot write" in str(unwritable)
    assert ".svg or .png" in str(unknown_kind)
    assert all(isinstance(each, InputError) for each in (unreadable, unwritable, unknown_kind))
