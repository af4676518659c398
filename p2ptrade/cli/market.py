"""`p2ptrade market`: the auction's clearing, from a file, without any chain."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from p2ptrade.cli.options import JsonOption
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, MICRO_PER_CREDIT, WH_PER_KWH
from p2ptrade.errors import InputError
from p2ptrade.market import Book, Clearing, clear, clearing_document, parse_book

market_app = typer.Typer(help="Clear a book of orders over a tree of zones.", no_args_is_help=True)

_ORDERS_SHOWN = 40


@market_app.callback()
def market() -> None:
    """Clear a book of orders over a tree of zones."""


@market_app.command("clear")
def clear_command(
    book: Annotated[Path, typer.Argument(metavar="BOOK.json", help="The book; - reads it from standard input.")],
    as_json: JsonOption = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw curves and zone prices: .svg or .png.")
    ] = None,
) -> None:
    """Find prices, flows and what every order trades: the welfare optimum under the limits of the lines."""
    if plot is not None and plot.suffix.lower() not in (".svg", ".png"):
        raise InputError(f"--plot needs a file name that ends in .svg or .png, not {plot.name!r}")
    clearing = clear(read_book(book))
    if plot is not None:
        _draw(clearing, plot)
    if as_json:
        sys.stdout.write(json.dumps(clearing_document(clearing)) + "\n")
    else:
        _show(clearing, Console())


def read_book(path: Path) -> Book:
    """Return the book in a JSON file, or on standard input if the path is `-`.

    Raises:
        InputError: the file cannot be read, is no JSON, or describes no book.
    """
    name = "standard input" if str(path) == "-" else str(path)
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
        document = json.loads(text)
    except OSError as error:
        raise InputError(f"cannot read {name}: {error.strerror}; give the path of a book file") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{name} is not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name} is not JSON that can be read: {error}") from error
    return parse_book(document)


def _draw(clearing: Clearing, path: Path) -> None:
    from p2ptrade.cli.market_plot import draw_clearing

    try:
        draw_clearing(clearing, path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; give a place that can be written to") from error


def _show(clearing: Clearing, console: Console) -> None:
    """Print the zones, what every order trades (the first ones of a long book), and the sums."""
    console.print(_zone_table(clearing))
    console.print(_order_table(clearing))
    hidden = len(clearing.book) - _ORDERS_SHOWN
    if hidden > 0:
        console.print(f"... and {hidden} more orders; --json has all of them")
    welfare = clearing.welfare_wh_micro_per_kwh / WH_PER_KWH / MICRO_PER_CREDIT
    console.print(f"{_kwh(clearing.volume_wh)} kWh traded, welfare {welfare:,.6f} credits")


def _zone_table(clearing: Clearing) -> Table:
    table = Table("zone", title="Zones")
    for heading in ("price, micro/kWh", "net export, kWh", "to parent, kWh", "line limits, kWh"):
        table.add_column(heading, justify="right")
    for index, zone in enumerate(clearing.zones):
        limits = ""
        if index > 0:
            line = clearing.book.tree[index]
            limits = f"-{_kwh(line.import_wh)} to {_kwh(line.export_wh)}"
        price = zone.price_half_micro_per_kwh / HALF_UNITS_PER_UNIT
        table.add_row(str(index), f"{price:,.1f}", _kwh(zone.net_export_wh), _kwh(zone.export_wh), limits)
    return table


def _order_table(clearing: Clearing) -> Table:
    table = Table("account", "zone", "side", title="Orders")
    table.add_column("wanted, kWh", justify="right")
    table.add_column("trades, kWh", justify="right")
    table.add_column("void because")
    book = clearing.book
    for index in range(min(len(book), _ORDERS_SHOWN)):
        wanted = int(book.energy_wh[book.step_order == index].sum())
        reason = book.void_reason(index)
        table.add_row(
            str(book.account[index]),
            str(book.zone[index]),
            "offer" if book.side[index] else "bid",
            _kwh(wanted),
            _kwh(int(clearing.order_energy_wh[index])),
            "" if reason is None else reason.name.lower().replace("_", " "),
        )
    return table


def _kwh(energy_wh: int) -> str:
    """Return energy in kWh with all its digits."""
    return f"{energy_wh / WH_PER_KWH:,.3f}"
