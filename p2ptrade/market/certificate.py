"""The certificate of a clearing: one price per zone, and the rule that accepts exactly one such vector.

This module is the rule itself, written as the contract has it: one pass over the book (`tally`), one sweep
over the tree (`judge`). It trusts nobody who proposes prices. Prices of zones and steps are in half micro per
kWh here.

*Effective price.* Limits are all-in, so a bid enters with its limit less the charge and an offer with its
limit. A bid whose limit is below the charge cannot trade at any price from 0 and is not in the arithmetic at
all; so every effective price is from 0 up and no signed price is needed.

*The pass.* For each zone at its price p: `bid_above_wh` (B>), `bid_at_wh` (B=), `offer_below_wh` (S<),
`offer_at_wh` (S=), and the nearest effective prices of any step beyond p on either side. The zone can export
from `lo` = S< - (B> + B=) to `hi` = (S< + S=) - B>.

*The staircase.* As p rises, the range [lo, hi] climbs a staircase: it is a single number between step prices
and an interval at a step price (a breakpoint). Sums of staircases and staircases cut off at a line's limits
are staircases again, so a subtree has one too. The sweep keeps four numbers of it at the subtree's price: lo,
hi, and the next breakpoints `down` and `up`.

*A price of its own.* The root balances (target 0); a child whose price differs from its parent's exports
exactly what its line can carry (target `export`, or `-import`). The prices at which a staircase contains a
target form an interval [a, b]: a = p if target > lo, else `down`; b = p if target < hi, else `up`. The price
must be the middle, of an interval open to one side the end, and 0 if it is open to both (the root of a tree
where nothing is wanted).

*The parent's view of a child.* Same price: range and breakpoints cut off at the line's limits; the range must
reach between them. Lower price: exactly `export`, and the next breakpoint below is a; the whole interval must
lie below the parent's price, b < parent. Higher price: exactly `-import`, next breakpoint above is b; a >
parent.

Why exactly one vector passes. Bottom-up: if all zones below pass, the four numbers of a subtree are those of
its staircase at its price, with lines clipped. Top-down: the root's price is a function of its staircase.
Given its parent's price, a child's staircase there either meets the line's limits, then only the parent's
price passes (an own one would need its interval to lie strictly beyond the parent's price, but the parent's
price is in it or on its other side); or it lies beyond one limit, then the interval of that limit lies
strictly on the one side, and only its middle passes. Why it is the optimum: prices, fills and flows satisfy
the complementary slackness of the welfare program (a step strictly better than its zone's price trades
wholly, a worse one not at all, prices differ only across a full line, and then in its direction).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final, NamedTuple

from p2ptrade.domain.order import Side
from p2ptrade.domain.units import U32_MAX, PriceHalfMicroPerKwh, ZoneId
from p2ptrade.market.zones import ROOT, Zone, ZoneTree

PRICE_HALF_MAX: Final = 2 * U32_MAX
# Ends of an interval that is open downwards or upwards: just outside all prices.
OPEN_BELOW: Final = -1
OPEN_ABOVE: Final = PRICE_HALF_MAX + 1


class MarketStep(NamedTuple):
    """A step as the clearing sees it: zone, side, energy in Wh, effective price in half micro per kWh."""

    zone: int
    side: Side
    energy_wh: int
    price_half: int


@dataclass(slots=True)
class Tally:
    """What the pass over the book finds in a zone at its price; in Wh and half micro per kWh."""

    bid_above_wh: int = 0
    bid_at_wh: int = 0
    offer_below_wh: int = 0
    offer_at_wh: int = 0
    down: int = OPEN_BELOW
    up: int = OPEN_ABOVE

    def staircase(self) -> "Staircase":
        """Return what the zone alone can export at its price."""
        return Staircase(
            lo=self.offer_below_wh - self.bid_above_wh - self.bid_at_wh,
            hi=self.offer_below_wh + self.offer_at_wh - self.bid_above_wh,
            down=self.down,
            up=self.up,
        )


class Staircase(NamedTuple):
    """Net export of a zone or subtree at a price: the range [lo, hi] in Wh and the nearest breakpoints beyond it."""

    lo: int
    hi: int
    down: int
    up: int

    def plus(self, other: "Staircase") -> "Staircase":
        """Return the staircase of both together."""
        return Staircase(self.lo + other.lo, self.hi + other.hi, max(self.down, other.down), min(self.up, other.up))


class Fault(Enum):
    """What is wrong with a price."""

    OUT_OF_RANGE = "the price is negative or beyond any limit price"
    WRONG_COUNT = "there must be one price per zone"
    DOES_NOT_BALANCE = "at this price the zones that share it cannot reach the export that is due"
    NOT_THE_MIDDLE = "the price is not the middle of the interval of prices that clear"
    NOT_SEPARATED = "the zone has a price of its own although its line is not full at its parent's"
    LINE_OVERLOADED = "at its parent's price the zone exceeds what its line can carry"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A price vector is not the certificate: the first zone, in falling order, at which that shows, and why."""

    zone: ZoneId
    fault: Fault


@dataclass(frozen=True, slots=True)
class Accepted:
    """The price vector is the certificate.

    `own` has what each zone alone can export at its price; `views` what each subtree can as its parent sees
    it, and for the root exactly 0. Both per zone, from which the flows follow.
    """

    own: tuple[Staircase, ...]
    views: tuple[Staircase, ...]


def tally(steps: Iterable[MarketStep], prices: Sequence[PriceHalfMicroPerKwh]) -> list[Tally]:
    """Return one tally per zone of one pass over the steps of a book, in any order."""
    tallies = [Tally() for _ in prices]
    for step in steps:
        zone, price = tallies[step.zone], prices[step.zone]
        if step.price_half > price:
            zone.up = min(zone.up, step.price_half)
            if step.side is Side.BID:
                zone.bid_above_wh += step.energy_wh
        elif step.price_half < price:
            zone.down = max(zone.down, step.price_half)
            if step.side is Side.OFFER:
                zone.offer_below_wh += step.energy_wh
        elif step.side is Side.BID:
            zone.bid_at_wh += step.energy_wh
        else:
            zone.offer_at_wh += step.energy_wh
    return tallies


def judge(tree: ZoneTree, prices: Sequence[PriceHalfMicroPerKwh], tallies: Sequence[Tally]) -> Accepted | Refusal:
    """Return whether `prices` are the certificate of the book that was tallied, in one sweep, leaves first."""
    own = [each.staircase() for each in tallies]
    subtree = list(own)
    views = list(own)
    for index in range(len(tree) - 1, ROOT, -1):
        zone = tree[index]
        view = _seen_by_parent(subtree[index], zone, prices[index], prices[zone.parent])
        if isinstance(view, Fault):
            return Refusal(ZoneId(index), view)
        views[index] = view
        subtree[zone.parent] = subtree[zone.parent].plus(view)
    interval = _own_interval(subtree[ROOT], prices[ROOT], target=0)
    if isinstance(interval, Fault):
        return Refusal(ROOT, interval)
    views[ROOT] = Staircase(0, 0, OPEN_BELOW, OPEN_ABOVE)
    return Accepted(tuple(own), tuple(views))


def verify(tree: ZoneTree, steps: Iterable[MarketStep], prices: Sequence[PriceHalfMicroPerKwh]) -> Accepted | Refusal:
    """Return whether `prices` are the certificate of a book: the one pass and the one sweep."""
    if len(prices) != len(tree):
        return Refusal(ROOT, Fault.WRONG_COUNT)
    for index, price in enumerate(prices):
        if not 0 <= price <= PRICE_HALF_MAX:
            return Refusal(ZoneId(index), Fault.OUT_OF_RANGE)
    return judge(tree, prices, tally(steps, prices))


def canonical_price(a: int, b: int) -> PriceHalfMicroPerKwh:
    """Return the price that stands for the interval [a, b]: its middle, its only end, or 0 if it has none.

    Ends are prices of steps, even in half units, so the middle is exact.
    """
    if a == OPEN_BELOW and b == OPEN_ABOVE:
        return PriceHalfMicroPerKwh(0)
    if a == OPEN_BELOW:
        return PriceHalfMicroPerKwh(b)
    if b == OPEN_ABOVE:
        return PriceHalfMicroPerKwh(a)
    return PriceHalfMicroPerKwh((a + b) // 2)


def _seen_by_parent(subtree: Staircase, zone: Zone, price: int, parent_price: int) -> Staircase | Fault:
    """Return the subtree's staircase at its parent's price with its line's limits, or what is wrong with its price."""
    if price == parent_price:
        return _clipped(subtree, zone)
    target = zone.export_wh if price < parent_price else -zone.import_wh
    interval = _own_interval(subtree, price, target)
    if isinstance(interval, Fault):
        return interval
    a, b = interval
    if a <= parent_price <= b:
        return Fault.NOT_SEPARATED
    carries_nothing = zone.export_wh == -zone.import_wh
    if price < parent_price:
        return Staircase(target, target, OPEN_BELOW if carries_nothing else a, OPEN_ABOVE)
    return Staircase(target, target, OPEN_BELOW, OPEN_ABOVE if carries_nothing else b)


def _clipped(subtree: Staircase, zone: Zone) -> Staircase | Fault:
    """Return the staircase cut off at the limits of the line to a parent with the same price."""
    if subtree.lo > zone.export_wh or subtree.hi < -zone.import_wh:
        return Fault.LINE_OVERLOADED
    return Staircase(
        lo=max(subtree.lo, -zone.import_wh),
        hi=min(subtree.hi, zone.export_wh),
        down=subtree.down if subtree.lo > -zone.import_wh else OPEN_BELOW,
        up=subtree.up if subtree.hi < zone.export_wh else OPEN_ABOVE,
    )


def _own_interval(subtree: Staircase, price: int, target: int) -> tuple[int, int] | Fault:
    """Return the interval of prices that give the target, or why `price` does not stand for it."""
    if not subtree.lo <= target <= subtree.hi:
        return Fault.DOES_NOT_BALANCE
    a = price if target > subtree.lo else subtree.down
    b = price if target < subtree.hi else subtree.up
    return (a, b) if price == canonical_price(a, b) else Fault.NOT_THE_MIDDLE
