"""The pictures of a day, each as an SVG with a sentence that says in words what it shows."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Final

from p2ptrade.demo.day import Day, SlotRecord
from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, MICRO_PER_CREDIT, PPM, SLOT_SECONDS, WH_PER_KWH

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CENT: Final = MICRO_PER_CREDIT // 100
_DAY_S: Final = 86_400
_HOURS_PER_SLOT: Final = SLOT_SECONDS / 3600
# Okabe and Ito's colours, told apart by every kind of colour vision.
BLUE, ORANGE, GREEN, RED, GREY, SKY = "#0072b2", "#e69f00", "#009e73", "#d55e00", "#6b7280", "#56b4e9"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture with its heading, the sentence that stands for it, and its numbers as a table."""

    title: str
    summary: str
    svg: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def charts_of(day: Day, voltage_band_pu: tuple[float, float]) -> list[Chart]:
    """Return the pictures of the day, in reading order; `voltage_band_pu` is what the operator must keep."""
    busiest = max(day.slots, key=lambda slot: (slot.traded_wh, -slot.slot))
    return [
        curves(busiest),
        prices(day),
        energy_balance(day),
        voltage_band(day, voltage_band_pu),
        savings(day),
    ]


def curves(slot: SlotRecord) -> Chart:
    """Return demand against supply of one slot, as the auction saw them: bids less the charge, offers as they are."""
    demand = _staircase(slot.orders, Side.BID, slot.charge_micro_per_kwh)
    supply = _staircase(slot.orders, Side.OFFER, 0)
    clearing = sorted({price / HALF_UNITS_PER_UNIT / _CENT for price in slot.prices})
    with _picture() as (draw, finish):
        draw.step(*_post_steps(demand), where="post", color=BLUE, label="demand (bids less charge)")
        draw.step(*_post_steps(supply), where="post", color=ORANGE, label="supply (offers)")
        for price in clearing:
            draw.axhline(price, color=GREEN, linestyle="--", linewidth=1)
        draw.axvline(slot.traded_wh / WH_PER_KWH, color=GREY, linestyle=":", linewidth=1)
        draw.set(xlabel="energy, kWh", ylabel="price, ct/kWh", xlim=(0, None))
        draw.legend(frameon=False)
        svg = finish()
    price_words = " and ".join(f"{price:.2f}" for price in clearing) or "no price"
    summary = (
        f"At {_clock(slot)} UTC {len(slot.orders)} orders were opened and {slot.traded_wh / WH_PER_KWH:.2f} kWh traded "
        f"at {price_words} ct/kWh."
    )
    rows = [
        (order.side.word, str(order.zone), f"{step.energy_wh}", f"{step.limit_price_micro_per_kwh / _CENT:.2f}")
        for order in slot.orders
        for step in order.steps
    ]
    columns = ("side", "zone", "energy, Wh", "limit, ct/kWh")
    return Chart("Demand and supply of the busiest slot", summary, svg, columns, tuple(rows))


def prices(day: Day) -> Chart:
    """Return the local price over the day between the tariffs it competes with."""
    hours = _hours(day)
    traded = [slot for slot in day.slots if slot.traded_wh]
    with _picture() as (draw, finish):
        retail = _held([slot.retail_micro_per_kwh / _CENT for slot in day.slots])
        feed_in = _held([slot.feed_in_micro_per_kwh / _CENT for slot in day.slots])
        draw.step(hours, retail, where="post", color=RED, label="retail")
        draw.step(hours, feed_in, where="post", color=GREY, label="feed-in")
        at = [_hour(day, slot) for slot in traded]
        draw.plot(at, [_mid(slot) for slot in traded], "o", color=GREEN, markersize=3, label="local, to the seller")
        buyers = [_mid(slot) + slot.charge_micro_per_kwh / _CENT for slot in traded]
        draw.plot(at, buyers, "^", color=BLUE, markersize=3, label="local with charge, by the buyer")
        _hour_axis(draw, hours)
        draw.set(ylabel="ct/kWh", ylim=(0, None))
        draw.legend(frameon=False, ncols=2, fontsize="small")
        svg = finish()
    if traded:
        low, high = min(map(_mid, traded)), max(map(_mid, traded))
        summary = f"{len(traded)} of {len(day.slots)} slots traded, between {low:.2f} and {high:.2f} ct/kWh."
    else:
        summary = "No slot traded."
    rows = [
        (_clock(s), _ct(s.retail_micro_per_kwh), _ct(s.feed_in_micro_per_kwh), f"{_mid(s):.2f}" if s.traded_wh else "-")
        for s in day.slots
    ]
    return Chart("Price over the day", summary, svg, ("UTC", "retail", "feed-in", "local, ct/kWh"), tuple(rows))


def energy_balance(day: Day) -> Chart:
    """Return consumption, generation and what was traded, as mean power of each slot in kW."""
    hours = _hours(day)
    consumption = [_kw(sum(home.consumption_wh for home in slot.homes.values())) for slot in day.slots]
    generation = [_kw(sum(home.generation_wh for home in slot.homes.values())) for slot in day.slots]
    traded = [_kw(slot.traded_wh) for slot in day.slots]
    net = [_kw(slot.net_wh) for slot in day.slots]
    with _picture() as (draw, finish):
        draw.fill_between(hours, _held(generation), step="post", color=ORANGE, alpha=0.35, label="generation")
        draw.fill_between(hours, _held(traded), step="post", color=GREEN, alpha=0.8, label="traded between homes")
        draw.step(hours, _held(consumption), where="post", color=BLUE, label="consumption")
        draw.step(hours, _held(net), where="post", color=GREY, linestyle="--", label="net from the grid above")
        draw.axhline(0, color="black", linewidth=0.5)
        _hour_axis(draw, hours)
        draw.set(ylabel="kW")
        draw.legend(frameon=False, ncols=2, fontsize="small")
        svg = finish()
    summary = (
        f"The homes used {sum(consumption) * _HOURS_PER_SLOT:.1f} kWh, generated "
        f"{sum(generation) * _HOURS_PER_SLOT:.1f} kWh and traded {sum(traded) * _HOURS_PER_SLOT:.1f} kWh."
    )
    rows = tuple(
        (_clock(slot), *(f"{value:.1f}" for value in values))
        for slot, *values in zip(day.slots, consumption, generation, traded, net, strict=True)
    )
    return Chart("Energy balance", summary, svg, ("UTC", "consumption, kW", "generation", "traded", "net"), rows)


def voltage_band(day: Day, band_pu: tuple[float, float]) -> Chart:
    """Return the lowest and highest voltage of the feeder and its highest loading, from the metered injections."""
    hours = _hours(day)
    low = [slot.feeder.min_voltage_pu for slot in day.slots]
    high = [slot.feeder.max_voltage_pu for slot in day.slots]
    loading = [100 * slot.feeder.max_loading_ppm / PPM for slot in day.slots]
    with _picture() as (draw, finish):
        draw.fill_between(
            hours, _held(low), _held(high), step="post", color=SKY, alpha=0.5, label="voltages of all nodes"
        )
        for limit in band_pu:
            draw.axhline(limit, color=RED, linestyle="--", linewidth=1)
        _hour_axis(draw, hours)
        draw.set(ylabel="voltage, pu")
        loadings = draw.twinx()
        loadings.step(hours, _held(loading), where="post", color=GREY, linewidth=1, label="highest loading")
        loadings.set(ylabel="loading, %", ylim=(0, max(100.0, *loading)))
        draw.legend(frameon=False, loc="upper left", fontsize="small")
        loadings.legend(frameon=False, loc="upper right", fontsize="small")
        svg = finish()
    summary = (
        f"Voltages stayed between {min(low):.4f} and {max(high):.4f} pu "
        f"(allowed {band_pu[0]:.2f} to {band_pu[1]:.2f}); "
        f"the most loaded element reached {max(loading):.1f} % of its rating."
    )
    rows = tuple(
        (_clock(slot), f"{a:.4f}", f"{b:.4f}", f"{c:.1f}")
        for slot, a, b, c in zip(day.slots, low, high, loading, strict=True)
    )
    columns = ("UTC", "lowest, pu", "highest, pu", "loading, %")
    return Chart("Voltage band of the feeder", summary, svg, columns, rows)


def savings(day: Day) -> Chart:
    """Return what each home saved against its tariffs, the best first."""
    ranked = sorted(((day.saving_micro(account), account) for account in day.accounts), reverse=True)
    saved = [saving / MICRO_PER_CREDIT for saving, _ in ranked]
    with _picture() as (draw, finish):
        colours = [GREEN if saving >= 0 else RED for saving in saved]
        draw.bar(range(len(saved)), saved, color=colours, width=0.9)
        draw.axhline(0, color="black", linewidth=0.5)
        draw.set(xlabel="homes, best first", ylabel="saving, credits", xticks=[])
        svg = finish()
    better = sum(1 for saving in saved if saving > 0)
    summary = f"{better} of {len(saved)} homes paid less than their tariffs, together {sum(saved):.2f} credits."
    rows = tuple((str(account), f"{saving / MICRO_PER_CREDIT:.6f}") for saving, account in ranked)
    return Chart("Who saved what", summary, svg, ("account", "saving, credits"), rows)


@contextmanager
def _picture() -> Iterator[tuple["Axes", Callable[[], str]]]:
    """Give axes to draw on and a function that returns the finished SVG, the same bytes for the same data."""
    import matplotlib

    matplotlib.use("svg")
    from matplotlib import pyplot

    with matplotlib.rc_context(
        {
            "svg.hashsalt": "p2ptrade",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "grid.alpha": 0.25,
        }
    ):
        figure, axes = pyplot.subplots(figsize=(9, 3.6), layout="constrained")

        def finish() -> str:
            text = StringIO()
            figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
            return text.getvalue()[text.getvalue().index("<svg") :]

        try:
            yield axes, finish
        finally:
            pyplot.close(figure)


def _staircase(orders: Iterable[Order], side: Side, charge: int) -> list[tuple[float, float]]:
    """Return (energy kWh, price ct/kWh) of every step of one side, the best price first."""
    steps = [step for order in orders if order.side is side for step in order.steps]
    steps.sort(key=lambda step: step.limit_price_micro_per_kwh, reverse=side is Side.BID)
    return [(step.energy_wh / WH_PER_KWH, (step.limit_price_micro_per_kwh - charge) / _CENT) for step in steps]


def _post_steps(staircase: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """Return x and y of a step line that starts at zero energy and ends with the last step's."""
    x, y = [0.0], []
    for energy, price in staircase:
        x.append(x[-1] + energy)
        y.append(price)
    return x, [*y, y[-1]] if y else [0.0]


def _mid(slot: SlotRecord) -> float:
    """Return the middle of a slot's zone prices, in ct/kWh."""
    return (min(slot.prices) + max(slot.prices)) / 2 / HALF_UNITS_PER_UNIT / _CENT


def _ct(price_micro_per_kwh: int) -> str:
    return f"{price_micro_per_kwh / _CENT:.2f}"


def _kw(energy_wh: int) -> float:
    return energy_wh / WH_PER_KWH / _HOURS_PER_SLOT


def _hour(day: Day, slot: SlotRecord) -> float:
    midnight_s = day.slots[0].start_s // _DAY_S * _DAY_S
    return (slot.start_s - midnight_s) / 3600


def _hours(day: Day) -> list[float]:
    """Return the start of every slot and the end of the last, in hours of the day."""
    return [*(_hour(day, slot) for slot in day.slots), _hour(day, day.slots[-1]) + _HOURS_PER_SLOT]


def _held(values: list[float]) -> list[float]:
    """Return one value a slot as what a step line needs: the last one holds until the end of its slot."""
    return [*values, values[-1]]


def _hour_axis(draw: "Axes", hours: list[float]) -> None:
    draw.set_xlim(hours[0], hours[-1])
    draw.set_xlabel("hour of the day, UTC")


def _clock(slot: SlotRecord) -> str:
    return datetime.fromtimestamp(slot.start_s, UTC).strftime("%H:%M")
