"""`p2ptrade bench`: how fast and how dear; each command measures one thing and can print it as JSON."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from p2ptrade.cli.options import JsonOption
from p2ptrade.domain.units import ZONES_MAX
from p2ptrade.errors import InputError

bench_app = typer.Typer(help="Measure speed and gas.", no_args_is_help=True)

_ORDERS_MAX = 1_000_000


@bench_app.callback()
def bench() -> None:
    """Measure speed and gas."""


@bench_app.command("clear")
def clear_command(
    as_json: JsonOption = False,
    orders: Annotated[list[int] | None, typer.Option("--orders", help="Orders of a book; may be repeated.")] = None,
    zones: Annotated[list[int] | None, typer.Option("--zones", help="Zones of a book; may be repeated.")] = None,
) -> None:
    """Time the off-chain clearing beside a linear program on the same books (half a minute)."""
    from p2ptrade.bench.clear import ORDERS, ZONES, bench_clear

    _require_each("--orders", orders or (), 1, _ORDERS_MAX)
    _require_each("--zones", zones or (), 1, ZONES_MAX)
    document = bench_clear(orders or ORDERS, zones or ZONES)
    columns = ("orders", "zones", "seconds", "lp_seconds", "ratio", "ratio_to_fastest_lp")
    _print(document, "Clearing, off the chain", columns, as_json=as_json)


@bench_app.command("gas")
def gas_command(
    as_json: JsonOption = False,
    orders: Annotated[list[int] | None, typer.Option("--orders", help="Orders of a slot; may be repeated.")] = None,
    zones: Annotated[list[int] | None, typer.Option("--zones", help="Zones of the grid; may be repeated.")] = None,
) -> None:
    """Measure the gas of an order's life on an embedded chain, beside earlier auctions (a minute)."""
    from p2ptrade.bench.gas import LARGEST, ORDERS, ZONES, bench_gas

    _require_each("--orders", orders or (), 1, LARGEST)
    _require_each("--zones", zones or (), 1, ZONES_MAX)
    document = bench_gas(orders or ORDERS, zones or ZONES, largest=orders is None)
    columns = ("path", "orders", "zones", "gas_per_order", "filled", "largest_transaction_gas")
    _print(document, "Gas of an order's life", columns, as_json=as_json)


@bench_app.command("grid")
def grid_command(as_json: JsonOption = False) -> None:
    """Time power flow and curtailment beside power-grid-model (a minute)."""
    from p2ptrade.bench.grid import bench_grid

    _print(bench_grid(), "The grid operator's side", ("name", "value", "unit"), as_json=as_json)


@bench_app.command("settle")
def settle_command(
    as_json: JsonOption = False,
    accounts: Annotated[list[int] | None, typer.Option("--accounts", help="Accounts; may be repeated.")] = None,
) -> None:
    """Time the settlement of a slot off the chain (a few seconds)."""
    from p2ptrade.bench.settle import ACCOUNTS, bench_settle

    _require_each("--accounts", accounts or (), 4, _ORDERS_MAX)
    document = bench_settle(accounts or ACCOUNTS)
    _print(document, "Settlement, off the chain", tuple(document["rows"][0]), as_json=as_json)


@bench_app.command("shading")
def shading_command(as_json: JsonOption = False) -> None:
    """Measure what shading gains at the uniform price, and what trade reduction would keep (a quarter of a minute)."""
    from p2ptrade.bench.shading import bench_shading

    document = bench_shading()
    _print(document, "Shading", tuple(document["rows"][0]), as_json=as_json)


def _print(document: Mapping[str, Any], title: str, columns: Sequence[str], *, as_json: bool) -> None:
    """Print a document of `rows` and `targets`, as JSON or as tables."""
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        return
    console = Console()
    table = Table(title=title)
    for column in columns:
        table.add_column(column.replace("_", " "), justify="right")
    for row in document["rows"]:
        table.add_row(*(_shown(row.get(column, "")) for column in columns))
    console.print(table)
    for target in document["targets"]:
        limit = f"at most {target['at_most']:g}" if "at_most" in target else f"at least {target['at_least']:g}"
        verdict = "met" if target["met"] else "MISSED"
        console.print(f"{verdict}: {target['target']}: {_shown(target['measured'])} ({limit})")


def _shown(cell: float | str) -> str:
    if isinstance(cell, str):
        return cell
    return f"{cell:,}" if isinstance(cell, int) else f"{cell:,.4g}"


def _require_each(option: str, numbers: Sequence[int], least: int, most: int) -> None:
    for number in numbers:
        if not least <= number <= most:
            raise InputError(f"{option} must be from {least} to {most}, not {number}")
