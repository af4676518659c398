"""The pictures of a day, each as an SVG with a sentence that says in words what it shows."""

from collections.abc import Iterable
from typing import Final

from p2ptrade.demo.day import Day, SlotRecord
from p2ptrade.demo.drawing import (
    BLUE,
    GREEN,
    GREY,
    HOURS_PER_SLOT,
    ORANGE,
    RED,
    SKY,
    Chart,
    clock,
    held,
    hour_axis,
    hour_of,
    hours_of,
    picture,
)
from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, MICRO_PER_CREDIT, PPM, WH_PER_KWH

_CENT: Final = MICRO_PER_CREDIT // 100


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
    with picture() as (draw, finish):
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
        f"At {clock(slot)} UTC {len(slot.orders)} orders were opened and {slot.traded_wh / WH_PER_KWH:.2f} kWh traded "
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
    hours = hours_of(day)
    traded = [slot for slot in day.slots if slot.traded_wh]
    with picture() as (draw, finish):
        retail = held([slot.retail_micro_per_kwh / _CENT for slot in day.slots])
        feed_in = held([slot.feed_in_micro_per_kwh / _CENT for slot in day.slots])
        draw.step(hours, retail, where="post", color=RED, label="retail")
        draw.step(hours, feed_in, where="post", color=GREY, label="feed-in")
        at = [hour_of(day, slot) for slot in traded]
        draw.plot(at, [_mid(slot) for slot in traded], "o", color=GREEN, markersize=3, label="local, to the seller")
        buyers = [_mid(slot) + slot.charge_micro_per_kwh / _CENT for slot in traded]
        draw.plot(at, buyers, "^", color=BLUE, markersize=3, label="local with charge, by the buyer")
        hour_axis(draw, hours)
        draw.set(ylabel="ct/kWh", ylim=(0, None))
        draw.legend(frameon=False, ncols=2, fontsize="small")
        svg = finish()
    if traded:
        low, high = min(map(_mid, traded)), max(map(_mid, traded))
        summary = f"{len(traded)} of {len(day.slots)} slots traded, between {low:.2f} and {high:.2f} ct/kWh."
    else:
        summary = "No slot traded."
    rows = [
        (clock(s), _ct(s.retail_micro_per_kwh), _ct(s.feed_in_micro_per_kwh), f"{_mid(s):.2f}" if s.traded_wh else "-")
        for s in day.slots
    ]
    return Chart("Price over the day", summary, svg, ("UTC", "retail", "feed-in", "local, ct/kWh"), tuple(rows))


def energy_balance(day: Day) -> Chart:
    """Return consumption, generation and what was traded, as mean power of each slot in kW."""
    hours = hours_of(day)
    consumption = [_kw(sum(home.consumption_wh for home in slot.homes.values())) for slot in day.slots]
    generation = [_kw(sum(home.generation_wh for home in slot.homes.values())) for slot in day.slots]
    traded = [_kw(slot.traded_wh) for slot in day.slots]
    net = [_kw(slot.net_wh) for slot in day.slots]
    with picture() as (draw, finish):
        draw.fill_between(hours, held(generation), step="post", color=ORANGE, alpha=0.35, label="generation")
        draw.fill_between(hours, held(traded), step="post", color=GREEN, alpha=0.8, label="traded between homes")
        draw.step(hours, held(consumption), where="post", color=BLUE, label="consumption")
        draw.step(hours, held(net), where="post", color=GREY, linestyle="--", label="net from the grid above")
        draw.axhline(0, color="black", linewidth=0.5)
        hour_axis(draw, hours)
        draw.set(ylabel="kW")
        draw.legend(frameon=False, ncols=2, fontsize="small")
        svg = finish()
    summary = (
        f"The homes used {sum(consumption) * HOURS_PER_SLOT:.1f} kWh, generated "
        f"{sum(generation) * HOURS_PER_SLOT:.1f} kWh and traded {sum(traded) * HOURS_PER_SLOT:.1f} kWh."
    )
    rows = tuple(
        (clock(slot), *(f"{value:.1f}" for value in values))
        for slot, *values in zip(day.slots, consumption, generation, traded, net, strict=True)
    )
    return Chart("Energy balance", summary, svg, ("UTC", "consumption, kW", "generation", "traded", "net"), rows)


def voltage_band(day: Day, band_pu: tuple[float, float]) -> Chart:
    """Return the lowest and highest voltage of the feeder and its highest loading, from the metered injections."""
    hours = hours_of(day)
    low = [slot.feeder.min_voltage_pu for slot in day.slots]
    high = [slot.feeder.max_voltage_pu for slot in day.slots]
    loading = [100 * slot.feeder.max_loading_ppm / PPM for slot in day.slots]
    with picture() as (draw, finish):
        draw.fill_between(
            hours, held(low), held(high), step="post", color=SKY, alpha=0.5, label="voltages of all nodes"
        )
        for limit in band_pu:
            draw.axhline(limit, color=RED, linestyle="--", linewidth=1)
        hour_axis(draw, hours)
        draw.set(ylabel="voltage, pu")
        loadings = draw.twinx()
        loadings.step(hours, held(loading), where="post", color=GREY, linewidth=1, label="highest loading")
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
        (clock(slot), f"{a:.4f}", f"{b:.4f}", f"{c:.1f}")
        for slot, a, b, c in zip(day.slots, low, high, loading, strict=True)
    )
    columns = ("UTC", "lowest, pu", "highest, pu", "loading, %")
    return Chart("Voltage band of the feeder", summary, svg, columns, rows)


def savings(day: Day) -> Chart:
    """Return what each home saved against its tariffs, the best first."""
    ranked = sorted(((day.saving_micro(account), account) for account in day.accounts), reverse=True)
    saved = [saving / MICRO_PER_CREDIT for saving, _ in ranked]
    with picture() as (draw, finish):
        colours = [GREEN if saving >= 0 else RED for saving in saved]
        draw.bar(range(len(saved)), saved, color=colours, width=0.9)
        draw.axhline(0, color="black", linewidth=0.5)
        draw.set(xlabel="homes, best first", ylabel="saving, credits", xticks=[])
        svg = finish()
    better = sum(1 for saving in saved if saving > 0)
    summary = f"{better} of {len(saved)} homes paid less than their tariffs, together {sum(saved):.2f} credits."
    rows = tuple((str(account), f"{saving / MICRO_PER_CREDIT:.6f}") for saving, account in ranked)
    return Chart("Who saved what", summary, svg, ("account", "saving, credits"), rows)


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
    return energy_wh / WH_PER_KWH / HOURS_PER_SLOT
