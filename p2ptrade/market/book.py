"""A book: every order of a slot, the zones they are in and the charge, held as columns.

Order i of the columns is order i of what the book was made from; what a clearing says about orders is in that
order too. The result does not depend on it: marginal energy is shared in rising account order.

An order is void, that is left out of the clearing and recorded, if its maker says so (a bad signature, too
little cash, ...), if its account has another order of the same side, or if the account's own best bid is not
below its own lowest offer.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from p2ptrade.domain.order import Order, Side, VoidReason
from p2ptrade.domain.units import CHARGE_MAX, HALF_UNITS_PER_UNIT, U32_MAX, PriceMicroPerKwh
from p2ptrade.errors import InputError
from p2ptrade.market.certificate import MarketStep
from p2ptrade.market.zones import ZoneTree

Column = NDArray[np.int64]

# 2^25 steps of 2^32 - 1 Wh stay within 57 bits, so that no sum of energies can overflow a column.
STEPS_IN_BOOK_MAX: Final = 2**25
_NOT_VOID: Final = 0


@dataclass(frozen=True, eq=False)
class Book:
    """Columns of orders (`account`, `zone`, `side`) and of their steps (`step_order`, `energy_wh`,
    `limit_price`).

    `step_order` is the order that a step belongs to. Limits are in micro per kWh, all-in, and so is `charge`,
    which a buyer pays on top of the zone price. `void_code` is 0 for an order that takes part, else the
    number of its `VoidReason`.

    Raises:
        InputError: the columns do not fit each other, the tree, or the widths of the platform.
    """

    tree: ZoneTree
    charge: PriceMicroPerKwh
    account: Column
    zone: Column
    side: Column
    step_order: Column
    energy_wh: Column
    limit_price: Column
    void_code: Column = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def __post_init__(self) -> None:
        if self.void_code.size == 0:
            object.__setattr__(self, "void_code", np.zeros(self.account.size, dtype=np.int64))
        self._check_widths()
        object.__setattr__(self, "void_code", _void_codes(self))

    @classmethod
    def of(
        cls,
        tree: ZoneTree,
        charge: PriceMicroPerKwh,
        orders: Sequence[Order],
        void: Mapping[int, VoidReason] | None = None,
    ) -> "Book":
        """Return the book of `orders`; `void` has the reason for each index that is void already."""
        steps = [(index, step) for index, order in enumerate(orders) for step in order.steps]
        void_code = np.zeros(len(orders), dtype=np.int64)
        for index, reason in (void or {}).items():
            void_code[index] = reason.value
        return cls(
            tree=tree,
            charge=charge,
            account=_column([order.account for order in orders]),
            zone=_column([order.zone for order in orders]),
            side=_column([order.side for order in orders]),
            step_order=_column([index for index, _ in steps]),
            energy_wh=_column([step.energy_wh for _, step in steps]),
            limit_price=_column([step.limit_price_micro_per_kwh for _, step in steps]),
            void_code=void_code,
        )

    def __len__(self) -> int:
        return int(self.account.size)

    def void_reason(self, index: int) -> VoidReason | None:
        """Return why order `index` is void, or None if it takes part."""
        code = int(self.void_code[index])
        return None if code == _NOT_VOID else VoidReason(code)

    @cached_property
    def effective_price(self) -> Column:
        """The effective price of every step in micro per kWh; a bid's may be below 0."""
        price: Column = np.where(self.side == Side.BID, self.charge, 0)[self.step_order]
        return np.subtract(self.limit_price, price, out=price)

    @cached_property
    def step_side(self) -> Column:
        """The side of every step."""
        return self.side[self.step_order]

    @cached_property
    def step_zone(self) -> Column:
        """The zone of every step."""
        return self.zone[self.step_order]

    @cached_property
    def is_in_play(self) -> NDArray[np.bool_]:
        """Whether the clearing looks at a step: its order is not void, its effective price from 0."""
        in_play: NDArray[np.bool_] = self.effective_price >= 0
        if self.void_code.any():
            in_play &= self.void_code[self.step_order] == _NOT_VOID
        return in_play

    def in_play(self, column: Column) -> Column:
        """Return the entries of a step column that are in play."""
        return column if bool(self.is_in_play.all()) else column[self.is_in_play]

    def market_steps(self) -> Iterator[MarketStep]:
        """Return the steps in play one by one, as the contract meets them."""
        columns = (self.step_zone, self.step_side, self.energy_wh, HALF_UNITS_PER_UNIT * self.effective_price)
        zones, sides, energies, prices = (self.in_play(column).tolist() for column in columns)
        return map(MarketStep, zones, map(Side, sides), energies, prices)

    def _check_widths(self) -> None:
        """Refuse columns with which sums could overflow or indices point nowhere."""
        orders, steps = self.account.size, self.step_order.size
        if steps > STEPS_IN_BOOK_MAX:
            raise InputError(f"a book has at most {STEPS_IN_BOOK_MAX} steps, not {steps}")
        lengths = {self.zone.size, self.side.size, self.void_code.size}, {self.energy_wh.size, self.limit_price.size}
        if lengths != ({orders}, {steps}):
            raise InputError("the columns of a book must have one entry per order and one per step")
        for name, column, least, most in (
            ("account", self.account, 0, U32_MAX),
            ("zone", self.zone, 0, len(self.tree) - 1),
            ("side", self.side, 0, 1),
            ("step_order", self.step_order, 0, orders - 1),
            ("energy_wh", self.energy_wh, 1, U32_MAX),
            ("limit_price", self.limit_price, 0, U32_MAX),
            ("charge", np.asarray([self.charge]), 0, CHARGE_MAX),
        ):
            if column.size and not (column.min() >= least and column.max() <= most):
                raise InputError(f"{name} must be from {least} to {most}, not {column.min()} to {column.max()}")


def _column(numbers: Sequence[int]) -> Column:
    return np.array(numbers, dtype=np.int64)


def _void_codes(book: Book) -> Column:
    """Return the void codes with the orders added that their own account's other orders make void."""
    account = book.account
    if account.size < 2 or bool((account[1:] > account[:-1]).all()):
        return book.void_code
    codes = book.void_code.copy()
    live = np.flatnonzero(codes == _NOT_VOID)
    key = 2 * account[live] + book.side[live]
    _, group, count = np.unique(key, return_inverse=True, return_counts=True)
    codes[live[count[group] > 1]] = VoidReason.REPEATED.value
    single = live[np.argsort(key, kind="stable")]
    single = single[codes[single] == _NOT_VOID]
    bid, offer = single[:-1], single[1:]
    both = account[bid] == account[offer]
    best = _best_price(book)
    crossing = both & (best[bid] >= best[offer])
    codes[np.concatenate((bid[crossing], offer[crossing]))] = VoidReason.SELF_CROSSING.value
    return codes


def _best_price(book: Book) -> Column:
    """Return the best limit price of every order: a bid's highest, an offer's lowest."""
    sign = np.where(book.side == Side.BID, -1, 1)
    best = np.full(len(book), np.iinfo(np.int64).max)
    np.minimum.at(best, book.step_order, sign[book.step_order] * book.limit_price)
    best_price: Column = sign * best
    return best_price
