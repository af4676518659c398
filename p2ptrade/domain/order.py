"""Orders: what a participant wants to buy or sell in a slot, and why an order may be left out of the
clearing.

An order is one side of one account: up to four steps of energy and limit price. Steps are alternatives in
price, not in energy: the order trades every step that its zone's price is good enough for. The canonical
form, the only one that can be sealed, has the best step first: a bid's prices fall strictly, an offer's rise
strictly.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, IntEnum
from itertools import pairwise
from typing import Self

from p2ptrade.domain.units import STEPS_MAX, U32_MAX, ZONES_MAX, AccountId, EnergyWh, PriceMicroPerKwh, ZoneId
from p2ptrade.errors import InputError


class Side(IntEnum):
    """Buying or selling; the number is what goes into a signed order."""

    BID = 0
    OFFER = 1

    @property
    def word(self) -> str:
        """Return the word for the side as files and screens have it."""
        return self.name.lower()


class VoidReason(Enum):
    """Why an order is left out of the clearing; the number is what the contract records."""

    BAD_SIGNATURE = 1
    ACCOUNT_NOT_ACTIVE = 2
    INSOLVENT = 3
    MALFORMED = 4
    UNOPENED = 5
    ZONE_EXCLUDED = 6
    SUPERSEDED = 7
    # The two below cannot happen on the chain, where a book holds one order per account.
    SELF_CROSSING = 101
    REPEATED = 102


@dataclass(frozen=True, slots=True)
class Step:
    """Energy and its limit price, all-in: most that a buyer pays, or least that a seller receives, per kWh."""

    energy_wh: EnergyWh
    limit_price_micro_per_kwh: PriceMicroPerKwh

    def __post_init__(self) -> None:
        _require_between("energy_wh", self.energy_wh, 1, U32_MAX)
        _require_between("limit_price_micro_per_kwh", self.limit_price_micro_per_kwh, 0, U32_MAX)


@dataclass(frozen=True, slots=True)
class Order:
    """One side of one account in one slot, in canonical form; `Order.from_steps` brings steps into it.

    Raises:
        InputError: a number is out of its range, or the steps are none, too many or out of order.
    """

    account: AccountId
    zone: ZoneId
    side: Side
    steps: tuple[Step, ...]

    def __post_init__(self) -> None:
        _require_between("account", self.account, 0, U32_MAX)
        _require_between("zone", self.zone, 0, ZONES_MAX - 1)
        if not 1 <= len(self.steps) <= STEPS_MAX:
            raise InputError(f"an order has 1 to {STEPS_MAX} steps, not {len(self.steps)}")
        prices = [step.limit_price_micro_per_kwh for step in self.steps]
        best_first = pairwise(prices if self.side is Side.OFFER else reversed(prices))
        if not all(better < worse for better, worse in best_first):
            rule = "an offer must rise" if self.side is Side.OFFER else "a bid must fall"
            raise InputError(f"the limit prices of the steps of {rule} strictly")

    @classmethod
    def from_steps(cls, account: AccountId, zone: ZoneId, side: Side, steps: Iterable[Step]) -> Self:
        """Return the order with its steps brought into canonical form: sorted, steps of one price joined."""
        energy_at: dict[PriceMicroPerKwh, int] = {}
        for step in steps:
            price = step.limit_price_micro_per_kwh
            energy_at[price] = energy_at.get(price, 0) + step.energy_wh
        best_first = sorted(energy_at, reverse=side is Side.BID)
        return cls(account, zone, side, tuple(Step(EnergyWh(energy_at[price]), price) for price in best_first))

    @property
    def energy_wh(self) -> EnergyWh:
        """Return the energy of all steps together, in Wh."""
        return EnergyWh(sum(step.energy_wh for step in self.steps))

    @property
    def best_price_micro_per_kwh(self) -> PriceMicroPerKwh:
        """Return the limit price of the first step: the highest of a bid, the lowest of an offer."""
        return self.steps[0].limit_price_micro_per_kwh


def _require_between(name: str, number: int, least: int, most: int) -> None:
    """Refuse anything but an integer (a bool is none) from `least` to `most`."""
    if type(number) is not int or not least <= number <= most:
        raise InputError(f"{name} must be an integer from {least} to {most}, not {number!r}")
