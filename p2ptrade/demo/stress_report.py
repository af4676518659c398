"""What the report says of a stressed day: figures with and without us, their charts, the feeder, and every round."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from p2ptrade.demo.day import Day
from p2ptrade.demo.drawing import BLUE, GREEN, GREY, RED, Chart, clock, held, hour_axis, hours_of, picture
from p2ptrade.demo.figures import Figures
from p2ptrade.demo.stress_day import StressDay, StressSlot
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.grid_decision import LoggedDecision
from p2ptrade.domain.units import MICRO_PER_CREDIT, PPM, WH_PER_KWH
from p2ptrade.grid import Verdict
from p2ptrade.grid.plot import plot_network

TOLD_SLOTS_MAX: Final = 6
_OUTCOMES: Final = {
    "approved": "approved and signed, with the envelopes that these cuts make",
    "another_round": "refused: the auction has to clear again with tighter limits",
    "refused": "refused",
}
_CUT: Final = " is cut by "


@dataclass(frozen=True, slots=True)
class ToldRound:
    """One round in words: the limits it was cleared with, what broke, what was cut and why, and how it ended."""

    number: int
    limits: tuple[str, ...]
    verdict: tuple[str, ...]
    cuts: tuple[str, ...]
    outcome: str


@dataclass(frozen=True, slots=True)
class ToldSlot:
    """One slot in words."""

    at: str
    summary: str
    rounds: tuple[ToldRound, ...]


def stress_figures(stress: StressDay) -> Figures:
    """Return the figures of a stressed day under their stable names; violations are slots that break a limit."""
    slots = stress.slots
    several = [slot for slot in slots if len(slot.rounds) > 1]
    return {
        "violations_without": sum(1 for slot in slots if not slot.without.safe),
        "violations_with": sum(1 for slot in slots if not slot.with_us.safe),
        "max_voltage_without_pu": round(max(slot.without.highest_voltage.value for slot in slots), 6),
        "max_voltage_with_pu": round(max(slot.with_us.highest_voltage.value for slot in slots), 6),
        "min_voltage_without_pu": round(min(slot.without.lowest_voltage.value for slot in slots), 6),
        "min_voltage_with_pu": round(min(slot.with_us.lowest_voltage.value for slot in slots), 6),
        "max_loading_without_ppm": max(_loading_ppm(slot.without) for slot in slots),
        "max_loading_with_ppm": max(_loading_ppm(slot.with_us) for slot in slots),
        "rounds": sum(len(slot.rounds) for slot in slots),
        "rounds_most": max(len(slot.rounds) for slot in slots),
        "slots_with_several_rounds": len(several),
        "slots_with_envelopes": sum(1 for slot in slots if slot.envelopes),
        "envelopes": sum(len(slot.envelopes) for slot in slots),
        "curtailed_wh": sum(slot.curtailed_wh for slot in slots),
        "shed_wh": sum(slot.shed_wh for slot in slots),
        "breach_wh": sum(slot.breach_wh for slot in slots),
        "congestion_rent_micro": stress.congestion_rent_micro,
        "congestion_charge_micro": sum(slot.congestion_charge_micro for slot in slots),
        "compensation_due_micro": sum(slot.compensation_micro for slot in slots),
    }


def stress_table(figures: Figures) -> list[tuple[str, str]]:
    """Return the figures of a stressed day in words and in the units of screens."""
    f = figures
    voltages = f"{f['max_voltage_without_pu']:.4f} / {f['max_voltage_with_pu']:.4f} pu"
    loadings = f"{100 * f['max_loading_without_ppm'] / PPM:.1f} / {100 * f['max_loading_with_ppm'] / PPM:.1f} %"
    return [
        ("Slots that break a limit, without us / with us", f"{f['violations_without']} / {f['violations_with']}"),
        ("Highest voltage, without us / with us", voltages),
        ("Highest loading, without us / with us", loadings),
        ("Rounds of the auction, slots with several", f"{f['rounds']}, {f['slots_with_several_rounds']}"),
        ("Envelopes, in slots", f"{f['envelopes']}, {f['slots_with_envelopes']}"),
        ("Curtailed / consumption put off", f"{_kwh(f['curtailed_wh'])} / {_kwh(f['shed_wh'])}"),
        ("Metered outside of envelopes", f"{f['breach_wh']} Wh"),
        (
            "Congestion rent / congestion charge",
            f"{_credits(f['congestion_rent_micro'])} / {_credits(f['congestion_charge_micro'])}",
        ),
        ("Compensation due at the feed-in tariff", _credits(f["compensation_due_micro"])),
    ]


def stress_charts(day: Day, stress: StressDay, out: Path) -> list[Chart]:
    """Return the charts of a stressed day; the pictures of the feeder are files in `out`, too."""
    return [_voltages(day, stress), _loadings(day, stress), *_feeder(stress, out), _kept_back(day, stress)]


def told_slots(stress: StressDay) -> list[ToldSlot]:
    """Return the slots worth telling: those with several rounds, then those that would be loaded most."""
    ranked = sorted(
        (slot for slot in stress.slots if slot.rounds and (len(slot.rounds) > 1 or not slot.without.safe)),
        key=lambda slot: (-len(slot.rounds), -_loading_ppm(slot.without)),
    )
    return [_told(slot) for slot in sorted(ranked[:TOLD_SLOTS_MAX], key=lambda slot: slot.record.slot)]


def _told(slot: StressSlot) -> ToldSlot:
    limits = [GridData.unpack(decision.grid_data) for decision in slot.rounds]
    before = [None, *limits[:-1]]
    rounds = [_round(*each) for each in zip(slot.rounds, limits, before, strict=True)]
    summary = (
        f"Without us {_extremes(slot.without)}. With us, as metered, {_extremes(slot.with_us)}. "
        f"{len(slot.rounds)} {'rounds' if len(slot.rounds) > 1 else 'round'}, {slot.record.traded_wh} Wh traded, "
        f"{len(slot.envelopes)} envelopes, {slot.curtailed_wh} Wh curtailed, {slot.shed_wh} Wh put off, "
        f"{slot.breach_wh} Wh outside of envelopes; compensation due {_credits(slot.compensation_micro)}."
    )
    return ToldSlot(clock(slot.record), summary, tuple(rounds))


def _round(decision: LoggedDecision, grid: GridData, before: GridData | None) -> ToldRound:
    return ToldRound(
        number=decision.round_number,
        limits=tuple(_limits(grid, before)),
        verdict=tuple(line for line in decision.explanation if _CUT not in line),
        cuts=tuple(line for line in decision.explanation if _CUT in line),
        outcome=_OUTCOMES[decision.outcome],
    )


def _limits(grid: GridData, before: GridData | None) -> list[str]:
    """Return the limits of a round in words; of a later round only what is tighter than in the one before."""
    lines = [
        f"zone {number}: at most {zone.export_wh} Wh out, {zone.import_wh} Wh in"
        for number, zone in enumerate(grid.zones)
        if number and (before is None or zone != before.zones[number])
    ]
    left_out = sorted(grid.excluded if before is None else grid.excluded - before.excluded)
    return lines + [f"zone {number} is left out of the auction" for number in left_out]


def _voltages(day: Day, stress: StressDay) -> Chart:
    without = [slot.without.highest_voltage.value for slot in stress.slots]
    with_us = [slot.with_us.highest_voltage.value for slot in stress.slots]
    lowest = [min(slot.without.lowest_voltage.value, slot.with_us.lowest_voltage.value) for slot in stress.slots]
    limit = stress.network.voltage_max_pu
    with picture() as (draw, finish):
        hours = hours_of(day)
        draw.step(hours, held(without), where="post", color=RED, label="highest, without us")
        draw.step(hours, held(with_us), where="post", color=GREEN, label="highest, with us")
        draw.step(hours, held(lowest), where="post", color=GREY, linewidth=1, label="lowest of both")
        draw.axhline(limit, color="black", linestyle="--", linewidth=1)
        hour_axis(draw, hours)
        draw.set(ylabel="voltage, pu")
        draw.legend(frameon=False, fontsize="small")
        svg = finish()
    summary = (
        f"Without us the voltage would reach {max(without):.4f} pu, beyond {limit:.2f} pu in "
        f"{sum(1 for value in without if not value <= limit)} slots; with us it reached {max(with_us):.4f} pu."
    )
    rows = _rows(
        stress, [(f"{a:.4f}", f"{b:.4f}", f"{c:.4f}") for a, b, c in zip(without, with_us, lowest, strict=True)]
    )
    columns = ("UTC", "highest without us, pu", "highest with us", "lowest")
    return Chart("Voltage without us and with us", summary, svg, columns, rows)


def _loadings(day: Day, stress: StressDay) -> Chart:
    without = [100 * slot.without.highest_loading.value for slot in stress.slots]
    with_us = [100 * slot.with_us.highest_loading.value for slot in stress.slots]
    with picture() as (draw, finish):
        hours = hours_of(day)
        draw.step(hours, held(without), where="post", color=RED, label="without us")
        draw.step(hours, held(with_us), where="post", color=GREEN, label="with us")
        draw.axhline(100, color="black", linestyle="--", linewidth=1)
        hour_axis(draw, hours)
        draw.set(ylabel="highest loading, % of rating", ylim=(0, None))
        draw.legend(frameon=False, fontsize="small")
        svg = finish()
    worst = max(stress.slots, key=lambda slot: slot.without.highest_loading.value).without.highest_loading
    summary = (
        f"Without us {worst.element} would carry {worst.value:.1%} of its rating; "
        f"with us no element carried more than {max(with_us):.1f} %."
    )
    elements = [(slot.without.highest_loading.element, slot.with_us.highest_loading.element) for slot in stress.slots]
    rows = _rows(
        stress,
        [(f"{a:.1f}", where[0], f"{b:.1f}", where[1]) for a, b, where in zip(without, with_us, elements, strict=True)],
    )
    columns = ("UTC", "without us, %", "at", "with us, %", "at")
    return Chart("Loading without us and with us", summary, svg, columns, rows)


def _feeder(stress: StressDay, out: Path) -> list[Chart]:
    """Return the feeder in its worst slot, twice and in the same colours."""
    worst = max(stress.slots, key=lambda slot: slot.without.highest_loading.value)
    full = max(1.0, worst.without.highest_loading.value)
    charts = []
    for name, words, verdict, injection_w in (
        ("without", "without us", worst.without, worst.injection_without_w),
        ("with", "with us", worst.with_us, worst.injection_with_w),
    ):
        path = out / f"feeder-{name}.svg"
        plot_network(stress.network, path, injection_w, full_loading=full)
        text = path.read_text(encoding="utf-8")
        summary = f"{clock(worst.record)} UTC, {words}: {_extremes(verdict)}. What breaks a limit is ringed in black."
        rows = tuple((str(violation),) for violation in verdict.violations) or (("no limit is broken",),)
        title = f"The feeder in the worst slot, {words}"
        charts.append(Chart(title, summary, text[text.index("<svg") :], ("what breaks",), rows))
    return charts


def _kept_back(day: Day, stress: StressDay) -> Chart:
    curtailed = [slot.curtailed_wh / WH_PER_KWH for slot in stress.slots]
    put_off = [slot.shed_wh / WH_PER_KWH for slot in stress.slots]
    rounds = [len(slot.rounds) for slot in stress.slots]
    with picture() as (draw, finish):
        hours = hours_of(day)
        draw.step(hours, held(curtailed), where="post", color=RED, label="generation curtailed")
        draw.step(hours, held(put_off), where="post", color=BLUE, label="consumption put off")
        hour_axis(draw, hours)
        draw.set(ylabel="kWh in the slot", ylim=(0, None))
        draw.legend(frameon=False, loc="upper left", fontsize="small")
        count = draw.twinx()
        count.plot(hours[:-1], rounds, "o", color=GREY, markersize=3, label="rounds")
        count.set(ylabel="rounds of the auction", ylim=(0, 5))
        count.legend(frameon=False, loc="upper right", fontsize="small")
        svg = finish()
    summary = (
        f"Envelopes kept back {sum(curtailed):.1f} kWh of generation and put off {sum(put_off):.1f} kWh; "
        f"{sum(1 for number in rounds if number > 1)} slots took several rounds."
    )
    values = [
        (f"{a:.2f}", f"{b:.2f}", str(n), str(len(slot.envelopes)), _credits(slot.compensation_micro))
        for a, b, n, slot in zip(curtailed, put_off, rounds, stress.slots, strict=True)
    ]
    columns = ("UTC", "curtailed, kWh", "put off, kWh", "rounds", "envelopes", "compensation due")
    return Chart("What the envelopes kept back", summary, svg, columns, _rows(stress, values))


def _rows(stress: StressDay, values: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    return tuple((clock(slot.record), *each) for slot, each in zip(stress.slots, values, strict=True))


def _extremes(verdict: Verdict) -> str:
    high, load = verdict.highest_voltage, verdict.highest_loading
    return f"{high.element} is at {high.value:.4f} pu and {load.element} at {load.value:.1%} of its rating"


def _loading_ppm(verdict: Verdict) -> int:
    return round(verdict.highest_loading.value * PPM)


def _kwh(energy_wh: int) -> str:
    return f"{energy_wh / WH_PER_KWH:.1f} kWh"


def _credits(amount_micro: int) -> str:
    return f"{amount_micro / MICRO_PER_CREDIT:.3f} credits"
