"""A book and its clearing as JSON documents: the shapes that `p2ptrade market clear` reads and writes.

Whatever is wrong with a document is said in one sentence that begins with the JSON pointer of the place. Steps may
come in any order; they are brought into the canonical form of an order.
"""

from typing import Any, Final

from p2ptrade.domain.order import Order, Side, Step
from p2ptrade.domain.units import (
    CHARGE_MAX,
    STEPS_MAX,
    U32_MAX,
    ZONES_MAX,
    AccountId,
    EnergyWh,
    PriceMicroPerKwh,
    ZoneId,
)
from p2ptrade.errors import InputError
from p2ptrade.market.book import Book
from p2ptrade.market.clearing import Clearing
from p2ptrade.market.zones import LINE_LIMIT_MAX, ROOT, Zone, ZoneTree

_SIDES: Final = {side.word: side for side in Side}


def parse_book(document: object) -> Book:
    """Return the book that a JSON document describes.

    Raises:
        InputError: the document is no book; the error's pointer names the place.
    """
    book = _fields(document, "", ("zones", "orders"), optional=("charge_micro_per_kwh",))
    tree = _tree(book["zones"])
    charge = _integer(book, "", "charge_micro_per_kwh", 0, CHARGE_MAX) if "charge_micro_per_kwh" in book else 0
    orders = [
        _order(order, f"/orders/{index}", len(tree)) for index, order in enumerate(_array(book["orders"], "/orders"))
    ]
    return Book.of(tree, PriceMicroPerKwh(charge), orders)


def clearing_document(clearing: Clearing) -> dict[str, Any]:
    """Return a clearing as a JSON document; orders are in the order of the book, a void one says why it is."""
    book = clearing.book
    orders: list[dict[str, Any]] = []
    pairs = zip(book.account.tolist(), clearing.order_energy_wh.tolist(), strict=True)
    for index, (account, energy) in enumerate(pairs):
        reason = book.void_reason(index)
        void = {} if reason is None else {"void": reason.name.lower()}
        orders.append({"account": account, "energy_wh": energy, **void})
    return {
        "zones": [
            {"price_half_micro_per_kwh": zone.price_half_micro_per_kwh, "export_wh": zone.export_wh}
            for zone in clearing.zones
        ],
        "orders": orders,
        "volume_wh": clearing.volume_wh,
        "welfare_wh_micro_per_kwh": clearing.welfare_wh_micro_per_kwh,
    }


def _tree(document: object) -> ZoneTree:
    zones = _array(document, "/zones")
    if not 1 <= len(zones) <= ZONES_MAX:
        raise InputError(f"a book has 1 to {ZONES_MAX} zones, not {len(zones)}", pointer="/zones")
    root = _fields(zones[ROOT], "/zones/0", ("parent",))
    if root["parent"] is not None:
        raise InputError("the first zone is the root of the tree: its parent must be null", pointer="/zones/0/parent")
    return ZoneTree(tuple(_zone(zone, index) for index, zone in enumerate(zones[1:], start=1)))


def _zone(document: object, index: int) -> Zone:
    pointer = f"/zones/{index}"
    zone = _fields(document, pointer, ("parent", "import_wh", "export_wh"))
    parent = zone["parent"]
    if type(parent) is not int or not 0 <= parent < index:
        raise InputError(
            f"the parent must be the index of a zone before this one, 0 to {index - 1}, not {parent!r}",
            pointer=f"{pointer}/parent",
        )
    imports, exports = (_integer(zone, pointer, key, 0, LINE_LIMIT_MAX) for key in ("import_wh", "export_wh"))
    return Zone(ZoneId(parent), EnergyWh(imports), EnergyWh(exports))


def _order(document: object, pointer: str, zone_count: int) -> Order:
    order = _fields(document, pointer, ("account", "zone", "side", "steps"))
    account = AccountId(_integer(order, pointer, "account", 0, U32_MAX))
    zone = ZoneId(_integer(order, pointer, "zone", 0, zone_count - 1))
    side = _SIDES.get(order["side"]) if isinstance(order["side"], str) else None
    if side is None:
        raise InputError(f'side must be "bid" or "offer", not {order["side"]!r}', pointer=f"{pointer}/side")
    steps = _array(order["steps"], f"{pointer}/steps")
    if not 1 <= len(steps) <= STEPS_MAX:
        raise InputError(f"an order has 1 to {STEPS_MAX} steps, not {len(steps)}", pointer=f"{pointer}/steps")
    try:
        return Order.from_steps(
            account, zone, side, (_step(step, f"{pointer}/steps/{index}") for index, step in enumerate(steps))
        )
    except InputError as error:
        if error.pointer is not None:
            raise
        raise InputError(f"steps of one price are joined, and then {error}", pointer=f"{pointer}/steps") from error


def _step(document: object, pointer: str) -> Step:
    step = _fields(document, pointer, ("energy_wh", "limit_price_micro_per_kwh"))
    return Step(
        EnergyWh(_integer(step, pointer, "energy_wh", 1, U32_MAX)),
        PriceMicroPerKwh(_integer(step, pointer, "limit_price_micro_per_kwh", 0, U32_MAX)),
    )


def _fields(
    document: object, pointer: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return the document as an object with all the required keys and no unknown one."""
    if not isinstance(document, dict):
        raise InputError(f"must be an object with {', '.join(required)}, not {_kind(document)}", pointer=pointer)
    for key in required:
        if key not in document:
            raise InputError(f"{key} is missing", pointer=pointer)
    for key in document:
        if key not in required and key not in optional:
            place = f"{pointer}/{key.replace('~', '~0').replace('/', '~1')}"
            raise InputError(f"unknown key; known are {', '.join(required + optional)}", pointer=place)
    return document


def _array(document: object, pointer: str) -> list[Any]:
    if not isinstance(document, list):
        raise InputError(f"must be an array, not {_kind(document)}", pointer=pointer)
    return document


def _integer(fields: dict[str, Any], pointer: str, key: str, least: int, most: int) -> int:
    number = fields[key]
    if type(number) is not int or not least <= number <= most:
        shown = _kind(number) if isinstance(number, bool) or not isinstance(number, int | float) else number
        raise InputError(f"must be an integer from {least} to {most}, not {shown}", pointer=f"{pointer}/{key}")
    return number


def _kind(document: object) -> str:
    """Return what JSON calls a value of this kind."""
    names = {dict: "an object", list: "an array", str: "a string", bool: "a boolean", type(None): "null"}
    return names.get(type(document), "a number")
