"""The picture of a clearing: demand and supply of the whole book, and every zone's price."""

from pathlib import Path

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from p2ptrade.domain.order import Side
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, WH_PER_KWH
from p2ptrade.market import Clearing, curve

# Okabe and Ito's colours, told apart by every kind of colour vision.
_BLUE, _ORANGE, _GREEN, _GREY = "#0072b2", "#e69f00", "#009e73", "#6b7280"
_MICRO_PER_CENT = 10_000


def draw_clearing(clearing: Clearing, path: Path) -> None:
    """Write the picture as SVG or PNG, by the file's ending; the same clearing gives the same bytes of SVG."""
    with matplotlib.rc_context({"svg.hashsalt": "p2ptrade", "font.size": 9, "axes.spines.top": False}):
        figure = Figure(figsize=(10, 4.2), layout="constrained")
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        _draw_curves(left, clearing)
        _draw_zones(right, clearing)
        kind = path.suffix.lower().removeprefix(".")
        figure.savefig(path, format=kind, metadata={"Date": None} if kind == "svg" else None, dpi=150)


def _draw_curves(axes: Axes, clearing: Clearing) -> None:
    """Draw demand falling and supply rising; where there is one price for all, they cross at it."""
    for side, colour, label in (
        (Side.BID, _BLUE, "demand (bids less charge)"),
        (Side.OFFER, _ORANGE, "supply (offers)"),
    ):
        energy, price = curve(clearing.book, side)
        if price.size:
            axes.stairs(
                price / _MICRO_PER_CENT, energy / WH_PER_KWH, baseline=None, color=colour, label=label, linewidth=1.6
            )
    for zone_price in sorted(set(clearing.prices)):
        axes.axhline(_cent(zone_price), color=_GREEN, linestyle="--", linewidth=1)
    axes.axvline(clearing.volume_wh / WH_PER_KWH, color=_GREY, linestyle=":", linewidth=1.2, label="traded")
    axes.set(xlabel="energy, kWh", ylabel="price, ct/kWh", title="All zones together", xlim=(0, None))
    axes.legend(frameon=False)


def _draw_zones(axes: Axes, clearing: Clearing) -> None:
    """Draw each zone's price as a bar; one whose price differs from its parent's, so whose line is full, stands out."""
    book = clearing.book
    parents = [0, *(line.parent for _, line in book.tree)]
    prices = [_cent(price) for price in clearing.prices]
    colours = [_GREEN if prices[parent] == price else _ORANGE for parent, price in zip(parents, prices, strict=True)]
    axes.bar(range(len(prices)), prices, color=colours, width=0.7)
    axes.set(xlabel="zone (orange: its line to its parent is full)", ylabel="price, ct/kWh", title="Prices")
    axes.set_xticks(range(len(prices)))
    axes.tick_params(axis="x", labelsize=9 if len(prices) <= 16 else 6)


def _cent(price_half: int) -> float:
    """Return a price in half micro per kWh as cent per kWh."""
    return price_half / HALF_UNITS_PER_UNIT / _MICRO_PER_CENT
