"""Books as JSON: what is wrong is named by its JSON pointer, what is right comes through."""

from copy import deepcopy
from typing import Any

import pytest

from p2ptrade.errors import InputError
from p2ptrade.market import clear, clearing_document, parse_book

BOOK: dict[str, Any] = {
    "zones": [{"parent": None}, {"parent": 0, "import_wh": 5_000, "export_wh": 3_000}],
    "charge_micro_per_kwh": 1_000,
    "orders": [
        {"account": 7, "zone": 1, "side": "bid", "steps": [{"energy_wh": 1_200, "limit_price_micro_per_kwh": 210_000}]},
        {"account": 9, "zone": 0, "side": "offer", "steps": [{"energy_wh": 500, "limit_price_micro_per_kwh": 80_000}]},
    ],
}


def changed(pointer: str, replacement: object) -> dict[str, Any]:
    """Return the book with what is at the pointer replaced, or put there if it is new."""
    book = deepcopy(BOOK)
    *path, last = pointer.split("/")[1:]
    place: Any = book
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    place[int(last) if isinstance(place, list) else last] = replacement
    return book


def without(pointer: str) -> dict[str, Any]:
    """Return the book without the key at the pointer."""
    book = changed(pointer, None)
    *path, last = pointer.split("/")[1:]
    place: Any = book
    for part in path:
        place = place[int(part) if isinstance(place, list) else part]
    del place[last]
    return book


def test_a_good_book_comes_through_and_clears() -> None:
    document = clearing_document(clear(parse_book(BOOK)))

    assert document == {
        "zones": [
            {"price_half_micro_per_kwh": 2 * 209_000, "export_wh": 0},
            {"price_half_micro_per_kwh": 2 * 209_000, "export_wh": -500},
        ],
        "orders": [{"account": 7, "energy_wh": 500}, {"account": 9, "energy_wh": 500}],
        "volume_wh": 500,
        "welfare_wh_micro_per_kwh": 500 * (210_000 - 80_000),
    }


def test_a_book_without_a_charge_has_none() -> None:
    assert parse_book(without("/charge_micro_per_kwh")).charge == 0


def test_steps_may_come_in_any_order() -> None:
    steps = [{"energy_wh": 5, "limit_price_micro_per_kwh": price} for price in (100, 300, 200, 300)]

    book = parse_book(changed("/orders/0/steps", steps))

    assert book.limit_price.tolist()[:3] == [300, 200, 100]
    assert book.energy_wh.tolist()[:3] == [10, 5, 5]


def test_a_void_order_is_recorded_with_its_reason() -> None:
    crossing = {**BOOK["orders"][0], "account": 9}

    document = clearing_document(clear(parse_book(changed("/orders/0", crossing))))

    assert document["orders"] == [{"account": 9, "energy_wh": 0, "void": "self_crossing"}] * 2


STEP = "/orders/0/steps/0"


@pytest.mark.parametrize(
    ("document", "pointer", "words"),
    [
        ([], "", "must be an object with zones, orders, not an array"),
        (without("/zones"), "", "zones is missing"),
        (without("/orders"), "", "orders is missing"),
        (changed("/note", "x"), "/note", "unknown key"),
        (changed("/a~b", "x"), "/a~0b", "unknown key"),
        (changed("/zones", {}), "/zones", "must be an array, not an object"),
        (changed("/zones", []), "/zones", "1 to 32 zones, not 0"),
        (changed("/zones", [{"parent": None}] * 33), "/zones", "1 to 32 zones, not 33"),
        (changed("/zones/0/parent", 0), "/zones/0/parent", "must be null"),
        (changed("/zones/0/import_wh", 1), "/zones/0/import_wh", "unknown key"),
        (changed("/zones/1/parent", 1), "/zones/1/parent", "0 to 0, not 1"),
        (changed("/zones/1/parent", None), "/zones/1/parent", "not None"),
        (changed("/zones/1/parent", False), "/zones/1/parent", "not False"),
        (changed("/zones/1/import_wh", -1), "/zones/1/import_wh", "not -1"),
        (changed("/zones/1/export_wh", "3"), "/zones/1/export_wh", "not a string"),
        (without("/zones/1/export_wh"), "/zones/1", "export_wh is missing"),
        (changed("/charge_micro_per_kwh", 1.5), "/charge_micro_per_kwh", "not 1.5"),
        (changed("/orders", None), "/orders", "must be an array, not null"),
        (changed("/orders/1", 5), "/orders/1", "must be an object"),
        (changed("/orders/1/account", 2**32), "/orders/1/account", "not 4294967296"),
        (changed("/orders/1/zone", 2), "/orders/1/zone", "from 0 to 1, not 2"),
        (changed("/orders/1/side", "ask"), "/orders/1/side", '"bid" or "offer"'),
        (changed("/orders/1/side", ["bid"]), "/orders/1/side", '"bid" or "offer"'),
        (changed("/orders/0/steps", []), "/orders/0/steps", "1 to 4 steps, not 0"),
        (changed("/orders/0/steps", [BOOK["orders"][0]["steps"][0]] * 5), "/orders/0/steps", "not 5"),
        (changed(f"{STEP}/energy_wh", 0), f"{STEP}/energy_wh", "from 1 to 4294967295, not 0"),
        (changed(f"{STEP}/energy_wh", True), f"{STEP}/energy_wh", "not a boolean"),
        (changed(f"{STEP}/limit_price_micro_per_kwh", float("nan")), f"{STEP}/limit_price_micro_per_kwh", "not nan"),
        (without(f"{STEP}/energy_wh"), STEP, "energy_wh is missing"),
        (changed(f"{STEP}/salt", 1), f"{STEP}/salt", "unknown key"),
    ],
)
def test_what_is_wrong_is_named_by_its_pointer(document: object, pointer: str, words: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_book(document)

    assert raised.value.pointer == pointer
    assert words in str(raised.value)


def test_steps_of_one_price_that_do_not_fit_together_are_named() -> None:
    step = {"energy_wh": 2**32 - 1, "limit_price_micro_per_kwh": 5}

    with pytest.raises(InputError, match="/orders/0/steps: steps of one price are joined"):
        parse_book(changed("/orders/0/steps", [step, step]))
