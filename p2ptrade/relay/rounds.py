"""The rounds between the auction and the grid: clear, have it checked, tighten, clear again. Pure but for the asking.

The same book gives the same rounds, so nothing of them has to be remembered: a relay that was killed starts over and
gets the same verdicts.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.units import PriceHalfMicroPerKwh
from p2ptrade.errors import InputError
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, read_book
from p2ptrade.transport.schemas.grid import ApprovedVerdict, RefusalReason, RefusedVerdict, VerdictRequest

# Three rounds with tighter limits, one with the offending zones left out, one spare.
ROUNDS_MAX: Final = 5

Ask = Callable[[VerdictRequest], ApprovedVerdict | RefusedVerdict]


@dataclass(frozen=True, slots=True)
class Approved:
    """A result that the grid can carry: zone prices, the grid data they keep, and the operator's verdict."""

    prices: tuple[PriceHalfMicroPerKwh, ...]
    grid: GridData
    verdict: ApprovedVerdict
    rounds: int


@dataclass(frozen=True, slots=True)
class NotApproved:
    """No round led to a result that the grid can carry; the slot will lapse."""

    rounds: int
    reasons: tuple[RefusalReason, ...]
    why: str


def find_approved(pages: tuple[bytes, ...], published: BookContext, ask: Ask) -> Approved | NotApproved:
    """Return the first result that the grid operator approves, starting from what it published.

    Raises:
        PeerUnreachableError: the grid operator does not answer.
    """
    context = published
    answer: RefusedVerdict | None = None
    for round_number in range(1, ROUNDS_MAX + 1):
        prices = clear(read_book(pages, context).book).prices
        verdict = ask(
            VerdictRequest(
                slot=context.slot,
                round_number=round_number,
                pages=pages,
                prices_half_micro_per_kwh=prices,
                grid_data=context.grid.pack(),
            )
        )
        if isinstance(verdict, ApprovedVerdict):
            return Approved(prices, context.grid, verdict, round_number)
        answer = verdict
        grid = _tightened(context.grid, answer)
        if grid is None:
            why = "the grid operator refused and its answer tightens nothing"
            return NotApproved(round_number, answer.reasons, why)
        context = replace(context, grid=grid)
    assert answer is not None  # there is at least one round
    return NotApproved(ROUNDS_MAX, answer.reasons, f"the grid operator refused {ROUNDS_MAX} rounds")


def _tightened(grid: GridData, refusal: RefusedVerdict) -> GridData | None:
    """Return the grid data of the next round, or nothing if it is none that the contract would take."""
    try:
        offered = GridData.unpack(refusal.grid_data)
        tightened = grid.tightened(offered.zones, offered.excluded)
    except InputError:
        return None
    return tightened if tightened == offered and tightened != grid else None
