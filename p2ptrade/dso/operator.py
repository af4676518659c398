"""What the grid operator decides, as pure functions: limits of a slot, and the verdict on a cleared result.

What is checked is physical. A connection's scheduled injection is its forecast, moved out to its position where that is
larger: who sold more than it is expected to feed in may do so, and who bought more may draw it. The rest of a
connection's energy, traded with the retailer, is in the forecast.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.grid_data import Charges, GridData
from p2ptrade.domain.order import Order, Side
from p2ptrade.domain.units import AccountId, PriceHalfMicroPerKwh, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.grid import (
    DEFAULT_RULES,
    Forecast,
    GridDecision,
    Network,
    Rules,
    SlotSchedule,
    ZonePlan,
    decide,
    zone_limits,
)
from p2ptrade.market import Refusal, clear, verify
from p2ptrade.transport.book_reading import BookContext, ReadBook, read_book

# Connections without a participant need a number in the schedule that no account of the ledger has.
NO_ACCOUNT_FROM: Final = 0xF000_0000


@dataclass(frozen=True)
class GridModel:
    """The network with its zones, the charges, and how safe is safe."""

    network: Network
    plan: ZonePlan
    charges: Charges
    rules: Rules = DEFAULT_RULES


def limits_of(
    model: GridModel, slot: SlotNumber, forecast: Forecast, participants: Mapping[AccountId, int]
) -> GridData:
    """Return the limits and charges of a slot.

    Who takes part is moved by the market and stays out of the base flow; its forecast error stays in.
    """
    taking_part = set(participants.values())
    base = tuple(0 if number in taking_part else wh for number, wh in enumerate(forecast.base_wh))
    zones = zone_limits(
        model.network,
        model.plan,
        Forecast(base, forecast.error_wh),
        violation_ppm=model.rules.violation_ppm,
        samples=model.rules.samples,
        seed=slot,
    )
    return GridData(zones, model.charges)


def positions_of(read: ReadBook, prices: Sequence[PriceHalfMicroPerKwh]) -> dict[AccountId, int]:
    """Return what each account traded at these prices, in Wh, sold positive.

    Raises:
        InputError: the prices are not the optimum of the book.
    """
    book = read.book
    if len(prices) != len(book.tree):
        raise InputError(
            f"there are {len(prices)} prices for {len(book.tree)} zones", pointer="/prices_half_micro_per_kwh"
        )
    found = verify(book.tree, book.market_steps(), prices)
    if isinstance(found, Refusal):
        raise InputError(
            f"this price is not the optimum of the book: {found.fault.value}",
            pointer=f"/prices_half_micro_per_kwh/{found.zone}",
        )
    filled_wh = clear(book).order_energy_wh.tolist()
    return {
        order.account: _signed(order, energy_wh)
        for order, energy_wh in zip(read.orders, filled_wh, strict=True)
        if energy_wh
    }


def schedule_of(
    model: GridModel,
    slot: SlotNumber,
    forecast: Forecast,
    participants: Mapping[AccountId, int],
    sold_wh: Mapping[AccountId, int],
) -> SlotSchedule:
    """Return what every connection will do if the result stands.

    Raises:
        InputError: somebody trades who is behind none of the network's connections.
    """
    stranger = next((account for account in sold_wh if account not in participants), None)
    if stranger is not None:
        raise InputError(f"account {stranger} trades, but is behind no connection of this network")
    accounts = [AccountId(NO_ACCOUNT_FROM + number) for number in range(len(model.network.connections))]
    for account, number in participants.items():
        accounts[number] = account
    traded = tuple(sold_wh.get(account, 0) for account in accounts)
    scheduled = tuple(_moved_out(base, position) for base, position in zip(forecast.base_wh, traded, strict=True))
    return SlotSchedule(
        slot, tuple(accounts), scheduled, traded, forecast.error_wh, forecast_wh=tuple(forecast.base_wh)
    )


def check_result(
    model: GridModel,
    pages: Sequence[bytes],
    prices: Sequence[PriceHalfMicroPerKwh],
    context: BookContext,
    forecast: Forecast,
    participants: Mapping[AccountId, int],
    round_number: int,
) -> GridDecision:
    """Return the decision on a result: prices of a book under the limits in `context`.

    Raises:
        InputError: the book cannot be read, the prices are not its optimum, or the limits do not fit the network.
    """
    sold_wh = positions_of(read_book(pages, context), prices)
    schedule = schedule_of(model, context.slot, forecast, participants, sold_wh)
    return decide(model.network, model.plan, schedule, context.grid, round_number=round_number, rules=model.rules)


def require_tightened(offered: GridData, published: GridData) -> None:
    """Check that limits under which a book was cleared are the published ones, or tighter.

    Raises:
        InputError: they are not.
    """
    if published.tightened(offered.zones, offered.excluded) != offered:
        raise InputError("the charges or left-out zones are not those that were published", pointer="/grid_data")


def _signed(order: Order, energy_wh: int) -> int:
    return energy_wh if order.side is Side.OFFER else -energy_wh


def _moved_out(base_wh: int, sold_wh: int) -> int:
    """Return the injection of a connection: its forecast, or its position where that lies further out.

    Where one feeds in and the other draws, the larger counts: a position moves no current by itself.
    """
    return sold_wh if abs(sold_wh) > abs(base_wh) else base_wh
