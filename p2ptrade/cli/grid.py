"""`p2ptrade grid`: the grid operator's tools, on files: check, curtail, zones, limits, plot, convert."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from p2ptrade.domain.units import PPM
from p2ptrade.errors import EnvironmentNotReadyError, InputError, RefusedError
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.documents import (
    curtailment_document,
    load_forecast,
    load_injections,
    load_trades,
    verdict_document,
)
from p2ptrade.grid.limits import zone_limits
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_file import load_network, topology_hash
from p2ptrade.grid.trades import curtail_trades
from p2ptrade.grid.verdict import Extreme, Verdict, check_injections
from p2ptrade.grid.zones import ZonePlan, propose_zones, zones_from_cuts

grid_app = typer.Typer(help="Network, power flow, limits and curtailment.", no_args_is_help=True)

NetworkName = Annotated[str, typer.Argument(metavar="NETWORK", help="A packaged network's name, or a file.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as one JSON document.")]
Cuts = Annotated[
    list[str] | None, typer.Option("--cut", metavar="BRANCH", help="Begin a zone behind this branch; repeat it.")
]
MaxZones = Annotated[int, typer.Option("--max-zones", help="At most this many zones (1 to 32).")]


@grid_app.callback()
def grid() -> None:
    """Network, power flow, limits and curtailment."""


@grid_app.command("check")
def check_command(
    network_name: NetworkName,
    injections: Annotated[str, typer.Argument(metavar="INJECTIONS", help="A file, or the name of a snapshot.")],
    as_json: AsJson = False,
) -> None:
    """Run the AC power flow of one set of injections and hold it against the limits; exit code 1 if it is unsafe."""
    network = load_network(network_name)
    verdict = check_injections(network, *load_injections(network, injections))
    if as_json:
        _print_json(verdict_document(network, verdict))
    else:
        _print_verdict(network, verdict)
    if not verdict.safe:
        raise typer.Exit(RefusedError.exit_code)


@grid_app.command("curtail")
def curtail_command(
    network_name: NetworkName,
    trades_path: Annotated[Path, typer.Argument(metavar="TRADES", help="A trades file.")],
    objective: Annotated[Objective, typer.Option("--objective", help="How cuts are shared.")] = Objective.FEE_WEIGHTED,
    as_json: AsJson = False,
) -> None:
    """Cut the trades of a slot as little as the network allows; exit code 1 if no cut makes it safe."""
    network = load_network(network_name)
    names, trades, baseline_wh = load_trades(network, trades_path)
    result = curtail_trades(network, trades, baseline_wh, objective=objective)
    document = curtailment_document(network, names, trades, baseline_wh, result)
    if as_json:
        _print_json(document)
    else:
        _print_curtailment(document)
    if not document["safe"]:
        raise typer.Exit(RefusedError.exit_code)


@grid_app.command("zones")
def zones_command(
    network_name: NetworkName, max_zones: MaxZones = 32, cut: Cuts = None, as_json: AsJson = False
) -> None:
    """Propose a zone tree for the auction, or show the one that begins behind the named branches."""
    network = load_network(network_name)
    plan = _plan(network, max_zones, cut)
    rows: list[dict[str, Any]] = [
        {
            "zone": zone,
            "parent": plan.parent[zone] if zone else None,
            "branch": network.branches[plan.branch[zone]].id if zone else None,
            "connections": [
                connection.id
                for connection, own in zip(network.connections, plan.connection_zone, strict=True)
                if own == zone
            ],
        }
        for zone in range(plan.zones)
    ]
    if as_json:
        _print_json({"network": network.name, "topology_hash": topology_hash(network).hex(), "zones": rows})
        return
    table = Table("zone", "parent", "behind branch", "connections", title=f"Zones of {network.name}")
    for row in rows:
        parent = "" if row["parent"] is None else str(row["parent"])
        table.add_row(str(row["zone"]), parent, str(row["branch"] or ""), str(len(row["connections"])))
    Console().print(table)


@grid_app.command("limits")
def limits_command(
    network_name: NetworkName,
    forecast: Annotated[Path | None, typer.Option("--forecast", help="What flows whatever the market decides.")] = None,
    max_zones: MaxZones = 32,
    cut: Cuts = None,
    violation_ppm: Annotated[
        int, typer.Option("--violation-ppm", help="Share of samples that may be unsafe.")
    ] = 10_000,
    samples: Annotated[int, typer.Option("--samples", help="Sampled forecast errors.")] = 200,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the sample.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Compute the zones' line limits of a slot, in Wh each way."""
    if not 0 <= violation_ppm < PPM or samples < 1 or seed < 0:
        raise InputError("--violation-ppm must be 0 to 999999, --samples at least 1 and --seed at least 0")
    network = load_network(network_name)
    plan = _plan(network, max_zones, cut)
    base = None if forecast is None else load_forecast(network, forecast)
    zones = zone_limits(network, plan, base, violation_ppm=violation_ppm, samples=samples, seed=seed)
    rows = [{"parent": None}] + [
        {"parent": zone.parent, "import_wh": zone.import_wh, "export_wh": zone.export_wh} for zone in zones[1:]
    ]
    if as_json:
        _print_json({"network": network.name, "topology_hash": topology_hash(network).hex(), "zones": rows})
        return
    table = Table("zone", "parent", "import Wh", "export Wh", title=f"Line limits of {network.name}, per slot")
    for number, zone in enumerate(zones[1:], start=1):
        table.add_row(str(number), str(zone.parent), f"{zone.import_wh:,}", f"{zone.export_wh:,}")
    Console().print(table)


@grid_app.command("plot")
def plot_command(
    network_name: NetworkName,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The drawing, .svg or .png.")],
    injections: Annotated[str | None, typer.Option("--injections", help="A file or the name of a snapshot.")] = None,
) -> None:
    """Draw the one-line diagram, coloured by voltage and loading."""
    from p2ptrade.grid.plot import plot_network

    network = load_network(network_name)
    if injections is None:
        active, reactive = np.zeros(len(network.connections)), np.zeros(len(network.connections))
    else:
        active, reactive = load_injections(network, injections)
    try:
        plot_network(network, out, active, reactive)
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error


@grid_app.command("convert")
def convert_command(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="simbench:CODE, opendss:FILE or pandapower:FILE.json.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="The network file to write.")],
    default_rating_a: Annotated[
        float | None, typer.Option("--default-rating-a", help="Rating of branches that have none, in ampere.")
    ] = None,
) -> None:
    """Convert another tool's network into our format; needs the `convert` extra."""
    try:
        from p2ptrade.grid.importers.convert import convert_source

        document = convert_source(source, default_rating_a)
    except ImportError as error:
        raise EnvironmentNotReadyError(
            f"the package {error.name} is not installed; install p2ptrade with its convert extra"
        ) from error
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    try:
        out.write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from error


def _plan(network: Network, max_zones: int, cuts: list[str] | None) -> ZonePlan:
    if not cuts:
        return propose_zones(network, max_zones)
    for name in cuts:
        if name not in network.branch_index:
            raise InputError(f"{network.name} has no branch {name!r}")
    return zones_from_cuts(network, [network.branch_index[name] for name in cuts])


def _print_json(document: dict[str, Any]) -> None:
    typer.echo(json.dumps(document, ensure_ascii=False, allow_nan=False))


def _print_verdict(network: Network, verdict: Verdict) -> None:
    console = Console()
    console.print(f"{network.name}: " + ("[green]safe[/green]" if verdict.safe else "[red]unsafe[/red]"))
    for violation in verdict.violations:
        console.print(f"  {violation}")
    if not verdict.converged:
        return
    table = Table("", "value", "limit", "where")
    table.add_row("lowest voltage, pu", *_cells(verdict.lowest_voltage))
    table.add_row("highest voltage, pu", *_cells(verdict.highest_voltage))
    table.add_row("highest loading, of rating", *_cells(verdict.highest_loading))
    console.print(table)
    console.print(f"losses {verdict.loss_w:,.1f} W, from the grid above {verdict.source_w:,.1f} W")


def _cells(extreme: Extreme) -> tuple[str, str, str]:
    where = f"{extreme.element}, phase {extreme.phase}" if extreme.phase else extreme.element
    return f"{extreme.value:.5f}", f"{extreme.limit:.5f}", where


def _print_curtailment(document: dict[str, Any]) -> None:
    console = Console()
    table = Table("trade", "kept Wh", "cut Wh")
    for row in document["trades"]:
        if row["cut_wh"]:
            table.add_row(row["id"], f"{row['kept_wh']:,}", f"{row['cut_wh']:,}")
    console.print(table if document["cut_wh"] else "nothing is cut")
    for row in document["binding"]:
        where = f"{row['element']}, phase {row['phase']}" if row["phase"] else row["element"]
        console.print(f"bound by {row['kind'].replace('_', ' ')} of {where}, limit {row['limit']:.4f}")
    console.print(f"kept {document['kept_wh']:,} Wh of {document['kept_wh'] + document['cut_wh']:,} Wh")
    state = "[green]safe[/green]" if document["safe"] else "[red]not safe even without any trade[/red]"
    console.print(f"after the cuts the network is {state}")
