"""Books with published answers: `tests/cases/clearing`."""

import json
from pathlib import Path
from typing import Any

import pytest

from p2ptrade.market import Accepted, clear, clearing_document, parse_book, verify

CASES = sorted((Path(__file__).parents[2] / "cases" / "clearing").glob("*.json"))


def test_all_fifteen_cases_are_there() -> None:
    assert len(CASES) == 15


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_published_book_clears_as_published(path: Path) -> None:
    case: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    book = parse_book(case["book"])

    result = clearing_document(clear(book))

    assert {key: result[key] for key in case["expected"]} == case["expected"]
    prices = [zone["price_half_micro_per_kwh"] for zone in result["zones"]]
    assert isinstance(verify(book.tree, book.market_steps(), prices), Accepted)
