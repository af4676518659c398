"""`p2ptrade demo`: one trading day of a neighbourhood, end to end, on an embedded chain."""

import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from p2ptrade.cli.options import JsonOption
from p2ptrade.demo.driver import SlotNews
from p2ptrade.demo.figures import Figures
from p2ptrade.demo.report import table_of
from p2ptrade.demo.run import run_demo
from p2ptrade.demo.scenario import SLOTS_PER_DAY, Scenario
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, MICRO_PER_CREDIT
from p2ptrade.errors import BooksDoNotCloseError, RefusedError

_CENT: Final = MICRO_PER_CREDIT // 100

demo_app = typer.Typer(help="Run one trading day of a neighbourhood, end to end.")


@demo_app.command()
def demo(
    slots: Annotated[
        int, typer.Option(help=f"Slots of 15 minutes, 1 to {SLOTS_PER_DAY}; fewer are those around noon.")
    ] = 96,
    homes: Annotated[int | None, typer.Option(help="How many of the network's homes take part; default all.")] = None,
    week: Annotated[str, typer.Option(help="Sample week of the profiles: summer or winter.")] = "summer",
    seed: Annotated[int, typer.Option(help="Seed of keys and of the homes' places in the price range.")] = 1,
    stress: Annotated[
        bool, typer.Option("--stress", help="More panels and charging points than the feeder can bear.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the report goes.")] = Path("demo-report"),
    as_json: JsonOption = False,
) -> None:
    """Run every slot of a day through seal, open, clear, grid check, delivery, metering and settlement.

    Ends by proving the books from the chain's events; exit code 1 with the difference if they do not close, or if a
    stressed feeder breaks a limit.
    """
    scenario = Scenario(slots=slots, homes=homes, week=week, seed=seed, out=out, stress=stress)
    figures = _run_with_progress(scenario)
    if as_json:
        sys.stdout.write(json.dumps(figures, sort_keys=True) + "\n")
    else:
        _print_table(figures, out)
    money, energy = figures["money_difference_micro"], figures["energy_difference_wh"]
    if money or energy:
        raise BooksDoNotCloseError(f"{money} micro-credits and {energy} Wh are not accounted for")
    if broken := figures.get("violations_with", 0):
        raise RefusedError(f"{broken} slots broke a limit of the feeder; the report says where")


def _run_with_progress(scenario: Scenario) -> Figures:
    """Run the demo with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[news]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        bar = progress.add_task("setting up", total=scenario.slots, news="")

        def say(what: str) -> None:
            progress.update(bar, description=what)

        def report(news: SlotNews) -> None:
            progress.update(bar, description="trading", news=_news(news), advance=0 if news.settled is None else 1)

        return run_demo(scenario, say, report)


def _news(news: SlotNews) -> str:
    """Return what just happened, in a line."""
    words = []
    if news.cleared is not None:
        ct = [price / HALF_UNITS_PER_UNIT / _CENT for price in news.cleared.prices_half_micro_per_kwh]
        price = "-".join(f"{value:.2f}" for value in sorted({min(ct), max(ct)})) + " ct/kWh" if ct else "no price"
        words.append(f"{price}, {news.cleared.bought_wh} Wh traded")
    if news.feeder is not None:
        words.append(f"{news.feeder.min_voltage_pu:.3f} to {news.feeder.max_voltage_pu:.3f} pu")
    return ", ".join(words)


def _print_table(figures: Figures, out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, title="The day", title_justify="left")
    for label, value in table_of(figures):
        table.add_row(label, value)
    console = Console()
    console.print(table)
    console.print(f"{figures['wall_s']} s, {figures['memory_mib']} MiB. Report: {out / 'index.html'}", highlight=False)
