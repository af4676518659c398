"""A participant's bill: slot by slot what was bought, sold and metered, at what price, and what it saved. Pure.

Amounts are micro-credits, positive in the participant's favour; energies are Wh. The comparison is today's bill: the
same metered energy bought from and sold to the retailer at its tariffs.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from p2ptrade.domain.guarantee import with_retailer_alone
from p2ptrade.domain.metered import NO_MONEY, MeteredAccount
from p2ptrade.domain.money import cost_rounded_up
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import AccountSettlement, RetailPrices
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import (
    AmountMicro,
    PriceHalfMicroPerKwh,
    PriceMicroPerKwh,
    SlotNumber,
)


@dataclass(frozen=True, slots=True)
class Trade:
    """What the account traded in a slot: position, zone price, the buyer's charge, and the transaction that says so."""

    position: Position
    price: PriceHalfMicroPerKwh
    charge: PriceMicroPerKwh
    transaction: str


@dataclass(frozen=True, slots=True)
class Metered:
    """What was metered, as it stands now, and how it was settled at first; corrections are paid apart.

    `transaction` has the settled page, `correction_transaction` the newest correction of the account.
    """

    reading: MeteredAccount
    settlement: AccountSettlement
    prices: RetailPrices
    transaction: str
    correction_micro: AmountMicro = NO_MONEY
    correction_transaction: str | None = None


@dataclass(frozen=True, slots=True)
class Refund:
    """What the market's guarantee refunded for a period of UTC days, the last one included."""

    period: int
    first_day: date
    last_day: date
    amount_micro: AmountMicro
    transaction: str


@dataclass(frozen=True, slots=True)
class BillSums:
    """The figures that add up over slots and days."""

    bought_wh: int = 0
    sold_wh: int = 0
    withdrawn_wh: int = 0
    injected_wh: int = 0
    bought_micro: int = 0
    sold_micro: int = 0
    charges_micro: int = 0
    from_retailer_micro: int = 0
    to_retailer_micro: int = 0
    penalties_micro: int = 0
    corrections_micro: int = 0
    guarantee_micro: int = 0
    without_market_micro: int = 0

    @property
    def total_micro(self) -> AmountMicro:
        """Return all that the account got, or, negative, paid."""
        traded = self.bought_micro + self.sold_micro + self.charges_micro
        retail = self.from_retailer_micro + self.to_retailer_micro
        return AmountMicro(traded + retail + self.penalties_micro + self.corrections_micro + self.guarantee_micro)

    @property
    def saving_micro(self) -> AmountMicro:
        """Return how much better the account did than with the retailer alone."""
        return AmountMicro(self.total_micro - self.without_market_micro)

    def plus(self, other: "BillSums") -> "BillSums":
        """Return the sum of two."""
        return BillSums(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(BillSums)))


@dataclass(frozen=True, slots=True)
class BillLine:
    """One slot: its sums, its prices, what is still provisional about it, and where each number is proven."""

    slot: SlotNumber
    sums: BillSums
    price_half_micro_per_kwh: int | None
    retail_micro_per_kwh: int | None
    feed_in_micro_per_kwh: int | None
    provisional: str | None
    clearing_transaction: str | None
    settlement_transaction: str | None
    correction_transaction: str | None = None


@dataclass(frozen=True, slots=True)
class BillDay:
    """One local day, of 23, 24 or 25 hours."""

    day: date
    hours: int
    lines: tuple[BillLine, ...]

    @property
    def sums(self) -> BillSums:
        """Return the sums of the day."""
        return _sum(line.sums for line in self.lines)

    @property
    def provisional(self) -> bool:
        """Return whether something of the day may still change."""
        return any(line.provisional for line in self.lines)


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of an account over local days; refunds of the guarantee are for more than a day."""

    account: int
    zone: ZoneInfo
    days: tuple[BillDay, ...]
    refunds: tuple[Refund, ...] = ()

    @property
    def sums(self) -> BillSums:
        """Return the sums of the period."""
        refunded = sum(refund.amount_micro for refund in self.refunds)
        return _sum(day.sums for day in self.days).plus(BillSums(guarantee_micro=refunded))

    @property
    def provisional(self) -> bool:
        """Return whether something of the period may still change."""
        return any(day.provisional for day in self.days)

    @property
    def lines(self) -> tuple[BillLine, ...]:
        """Return all lines in order."""
        return tuple(line for day in self.days for line in day.lines)


def bill_line(slot: SlotNumber, trade: Trade | None, metered: Metered | None) -> BillLine | None:
    """Return the line of a slot, or nothing if nothing is known of it."""
    if trade is None and metered is None:
        return None
    sums = BillSums()
    if trade is not None:
        sums = sums.plus(_traded(trade))
    if metered is not None:
        sums = sums.plus(_settled(metered))
    return BillLine(
        slot=slot,
        sums=sums,
        price_half_micro_per_kwh=None if trade is None else trade.price,
        retail_micro_per_kwh=None if metered is None else metered.prices.retail,
        feed_in_micro_per_kwh=None if metered is None else metered.prices.feed_in,
        provisional=_provisional(metered),
        clearing_transaction=None if trade is None else trade.transaction,
        settlement_transaction=None if metered is None else metered.transaction,
        correction_transaction=None if metered is None else metered.correction_transaction,
    )


def make_bill(account: int, zone: ZoneInfo, lines: Sequence[BillLine], refunds: Sequence[Refund] = ()) -> Bill:
    """Return the bill of lines in the order of their slots, by local day, with refunds for periods within them."""

    def local_day(line: BillLine) -> date:
        return datetime.fromtimestamp(start_of(line.slot), zone).date()

    days = tuple(BillDay(day, _hours(day, zone), tuple(group)) for day, group in groupby(lines, local_day))
    return Bill(account, zone, days, tuple(refunds))


def _hours(day: date, zone: ZoneInfo) -> int:
    begins, ends = (datetime.combine(each, time(), zone) for each in (day, day + timedelta(days=1)))
    return round((ends.timestamp() - begins.timestamp()) / 3600)


def _traded(trade: Trade) -> BillSums:
    """Return what a position comes to: a buyer paid energy and charges, a seller is due its revenue."""
    position = trade.position
    if position.energy_wh < 0:
        return BillSums(sold_wh=position.sold_wh, sold_micro=position.revenue_micro)
    charges = min(cost_rounded_up(position.bought_wh, trade.charge), position.locked_micro)
    return BillSums(bought_wh=position.bought_wh, bought_micro=charges - position.locked_micro, charges_micro=-charges)


def _settled(metered: Metered) -> BillSums:
    settlement, energy_wh = metered.settlement, metered.reading.metered_wh
    imbalance = settlement.imbalance_micro + settlement.unwound_micro
    return BillSums(
        withdrawn_wh=max(0, energy_wh),
        injected_wh=max(0, -energy_wh),
        from_retailer_micro=min(0, imbalance),
        to_retailer_micro=max(0, imbalance),
        penalties_micro=-(settlement.deviation_penalty_micro + settlement.breach_penalty_micro),
        corrections_micro=metered.correction_micro,
        without_market_micro=with_retailer_alone(energy_wh, metered.prices),
    )


def _provisional(metered: Metered | None) -> str | None:
    if metered is None:
        return "not settled yet"
    return "metered energy estimated" if metered.reading.estimated else None


def _sum(parts: Iterable[BillSums]) -> BillSums:
    total = BillSums()
    for part in parts:
        total = total.plus(part)
    return total
