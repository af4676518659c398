"""The report of a day: `index.html` that opens without a network, `summary.json`, the ledger as CSV, and a table."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from p2ptrade.demo.charts import charts_of
from p2ptrade.demo.day import Day
from p2ptrade.demo.figures import Figures
from p2ptrade.demo.stress_day import StressDay
from p2ptrade.demo.stress_report import stress_charts, stress_table, told_slots
from p2ptrade.domain.units import MICRO_PER_CREDIT, PPM, WH_PER_KWH

LEDGER_COLUMNS: Final = (
    "slot",
    "start_utc",
    "account",
    "position_wh",
    "metered_wh",
    "imbalance_wh",
    "consumption_wh",
    "generation_wh",
    "cash_micro",
    "tariff_cost_micro",
    "saving_micro",
)


class Card(NamedTuple):
    """A figure that the page shows large."""

    value: str
    label: str
    tone: str = ""


def write_report(
    day: Day,
    figures: Figures,
    out: Path,
    *,
    grid: str,
    band_pu: tuple[float, float],
    notice: str,
    stress: StressDay | None = None,
) -> None:
    """Write the report into the folder `out`, which is made if it is not there; `notice` is the data's attribution.

    A stressed day's figures must be among `figures`; its charts come first, and then the rounds of its worst slots.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "summary.json").write_text(json.dumps(figures, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    _write_ledger(day, out / "ledger.csv")
    page = _template().render(
        date=datetime.fromtimestamp(day.slots[0].start_s, UTC).strftime("%A, %d %B %Y"),
        grid=grid,
        figures=figures,
        cards=_cards(figures),
        charts=[*(stress_charts(day, stress, out) if stress else ()), *charts_of(day, band_pu)],
        scene=stress.scene if stress else "",
        told=told_slots(stress) if stress else (),
        table=table_of(figures),
        attribution=notice,
    )
    (out / "index.html").write_text(page, encoding="utf-8")


def table_of(figures: Figures) -> list[tuple[str, str]]:
    """Return the figures that people ask for first, in words and in the units of screens."""
    f = figures
    return [
        *(stress_table(figures) if "violations_with" in figures else ()),
        ("Slots, of them with trade / lapsed", f"{f['slots']}, {f['slots_with_trade']} / {f['slots_lapsed']}"),
        ("Homes", str(f["homes"])),
        ("Orders sealed / opened / void", f"{f['orders_sealed']} / {f['orders']} / {f['orders_void']}"),
        ("Energy traded locally", _kwh(f["energy_traded_wh"])),
        ("Consumption / generation", f"{_kwh(f['consumption_wh'])} / {_kwh(f['generation_wh'])}"),
        (
            "Self-sufficiency / self-consumption",
            f"{_percent(f['self_sufficiency_ppm'])} / {_percent(f['self_consumption_ppm'])}",
        ),
        ("Mean local price, to the seller", _ct(f["local_price_mean_micro_per_kwh"])),
        (
            "Mean price with charge / retail / feed-in",
            " / ".join(
                _ct(price)
                for price in (
                    f["local_price_mean_micro_per_kwh"] + f["charge_mean_micro_per_kwh"],
                    f["retail_price_mean_micro_per_kwh"],
                    f["feed_in_price_mean_micro_per_kwh"],
                )
            ),
        ),
        (
            "Saving per home: median / worst / best",
            " / ".join(_credits(f[f"saving_{which}_micro"]) for which in ("median", "worst", "best")),
        ),
        ("Saving of all homes", _credits(f["saving_total_micro"])),
        ("Homes better off / worse off", f"{f['homes_better_off']} / {f['homes_worse_off']} of {f['homes']}"),
        ("DSO interventions", str(f["dso_interventions"])),
        ("Imbalance of those who traded", _kwh(f["imbalance_of_traders_wh"])),
        ("Voltage, lowest / highest", f"{f['min_voltage_pu']:.4f} / {f['max_voltage_pu']:.4f} pu"),
        ("Highest loading", _percent(f["max_loading_ppm"])),
        ("Transactions (set-up included)", f"{f['transactions']}"),
        ("Gas per order, seal to settlement of all homes", f"{f['gas_per_order']}"),
        (
            "Books: money / energy out of nowhere",
            f"{f['money_difference_micro']} micro / {f['energy_difference_wh']} Wh",
        ),
    ]


def _cards(figures: Figures) -> list[Card]:
    closed = figures["money_difference_micro"] == 0 and figures["energy_difference_wh"] == 0
    return [
        *(_stress_cards(figures) if "violations_with" in figures else ()),
        Card(_kwh(figures["energy_traded_wh"]), "traded between neighbours"),
        Card(_percent(figures["self_sufficiency_ppm"]), "self-sufficiency of the neighbourhood"),
        Card(
            f"{figures['homes_better_off']} of {figures['homes']}", "homes better off than with their tariffs", "good"
        ),
        Card(_credits(figures["saving_median_micro"]), "saved by the home in the middle"),
        Card(f"{figures['min_voltage_pu']:.3f}–{figures['max_voltage_pu']:.3f} pu", "voltage band of the feeder"),
        Card("closed" if closed else "OPEN", "books: every credit and every Wh", "good" if closed else "bad"),
    ]


def _stress_cards(figures: Figures) -> list[Card]:
    kept = figures["violations_with"] == 0
    return [
        Card(str(figures["violations_without"]), "slots that would break a limit without us", "bad"),
        Card(str(figures["violations_with"]), "slots that broke one with us", "good" if kept else "bad"),
        Card(_kwh(figures["curtailed_wh"]), "generation kept back by envelopes"),
        Card(str(figures["rounds"]), f"rounds of the auction, up to {figures['rounds_most']} for a slot"),
    ]


def _write_ledger(day: Day, path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(LEDGER_COLUMNS)
        for slot in day.slots:
            start = datetime.fromtimestamp(slot.start_s, UTC).isoformat().replace("+00:00", "Z")
            for account in day.accounts:
                home = slot.homes[account]
                tariff = slot.tariff_cost_micro(account)
                writer.writerow(
                    (
                        slot.slot,
                        start,
                        account,
                        home.position_wh,
                        home.metered_wh,
                        home.imbalance_wh,
                        home.consumption_wh,
                        home.generation_wh,
                        home.cash_micro,
                        tariff,
                        tariff + home.cash_micro,
                    )
                )


def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("p2ptrade.demo"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    return environment.get_template("report.html.j2")


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh / WH_PER_KWH:.1f} kWh"


def _percent(share_ppm: int) -> str:
    return f"{100 * share_ppm / PPM:.1f} %"


def _ct(price_micro_per_kwh: int) -> str:
    return f"{100 * price_micro_per_kwh / MICRO_PER_CREDIT:.2f} ct/kWh"


def _credits(amount_micro: int) -> str:
    return f"{amount_micro / MICRO_PER_CREDIT:.3f} credits"
