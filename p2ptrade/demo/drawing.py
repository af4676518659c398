"""What all pictures of a report share: axes that end as an SVG, colours, hours, and what a picture comes with."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Final

from p2ptrade.demo.day import Day, SlotRecord
from p2ptrade.domain.units import SLOT_SECONDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DAY_S: Final = 86_400
HOURS_PER_SLOT: Final = SLOT_SECONDS / 3600
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


@contextmanager
def picture() -> Iterator[tuple["Axes", Callable[[], str]]]:
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


def hour_of(day: Day, slot: SlotRecord) -> float:
    """Return the start of a slot in hours of the day."""
    midnight_s = day.slots[0].start_s // _DAY_S * _DAY_S
    return (slot.start_s - midnight_s) / 3600


def hours_of(day: Day) -> list[float]:
    """Return the start of every slot and the end of the last, in hours of the day."""
    return [*(hour_of(day, slot) for slot in day.slots), hour_of(day, day.slots[-1]) + HOURS_PER_SLOT]


def held(values: list[float]) -> list[float]:
    """Return one value a slot as what a step line needs: the last one holds until the end of its slot."""
    return [*values, values[-1]]


def hour_axis(draw: "Axes", hours: list[float]) -> None:
    """Let the axis of time run over the hours."""
    draw.set_xlim(hours[0], hours[-1])
    draw.set_xlabel("hour of the day, UTC")


def clock(slot: SlotRecord) -> str:
    """Return the start of a slot as it is on a clock, in UTC."""
    return datetime.fromtimestamp(slot.start_s, UTC).strftime("%H:%M")
