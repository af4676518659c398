"""A participant's ledger account as the market sees it, and whether an order of it can take part."""

from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final, Self

from eth_utils.address import to_checksum_address

from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.money import cost_rounded_up
from p2ptrade.domain.order import Side, Step, VoidReason
from p2ptrade.domain.units import STEPS_MAX, AmountMicro, PriceMicroPerKwh, ZoneId

CLASSES: Final = 8
ENERGY_IN_ORDER_MAX: Final = 2**31 - 1


class AccountStatus(IntEnum):
    """What an account may do; the numbers are those of the ledger."""

    NONE = 0
    ACTIVE = 1
    SUSPENDED = 2
    SYSTEM = 3


@dataclass(frozen=True, slots=True)
class AccountState:
    """A ledger account at a block: its owner's address, cash in micro-credits (a debt is negative), zone, status."""

    owner: str
    cash_micro: AmountMicro
    zone: ZoneId
    status: AccountStatus
    reputation_class: int
    capacity_kw: int

    @classmethod
    def from_word(cls, word: int) -> Self:
        """Return the account that the ledger keeps in a storage word: owner 160 bits, cash 64, then a byte each."""
        cash = word >> 160 & (1 << 64) - 1
        return cls(
            owner=to_checksum_address((word & (1 << 160) - 1).to_bytes(20, "big")),
            cash_micro=AmountMicro(cash - (cash >> 63 << 64)),
            zone=ZoneId(word >> 224 & 0xFF),
            status=AccountStatus(word >> 232 & 0xFF),
            reputation_class=word >> 240 & 0xFF,
            capacity_kw=word >> 248,
        )


@dataclass(frozen=True, slots=True)
class CoverRules:
    """What an order must be covered with, by reputation class (classes above the last count as the last).

    The bond, in micro-credits, is the same for every order of a class, so that it tells nothing about the order; the
    collateral is a price in micro-credits per kWh offered.
    """

    bonds_micro: tuple[AmountMicro, ...]
    collateral_micro_per_kwh: tuple[PriceMicroPerKwh, ...]

    def bond(self, account: AccountState) -> AmountMicro:
        """Return the bond of an account's class."""
        return self.bonds_micro[min(account.reputation_class, len(self.bonds_micro) - 1)]

    def collateral_price(self, account: AccountState) -> PriceMicroPerKwh:
        """Return the collateral price of an account's class."""
        last = len(self.collateral_micro_per_kwh) - 1
        return self.collateral_micro_per_kwh[min(account.reputation_class, last)]

    def cover(self, account: AccountState, side: Side, steps: tuple[Step, ...]) -> AmountMicro:
        """Return the cover of an order: what a bid pays at its limits, or the collateral of what is offered."""
        if side is Side.BID:
            return AmountMicro(sum(cost_rounded_up(s.energy_wh, s.limit_price_micro_per_kwh) for s in steps))
        energy_wh = sum(step.energy_wh for step in steps)
        return AmountMicro(-(-energy_wh * self.collateral_price(account) // 1000))


def is_canonical(side: Side, steps: tuple[Step, ...]) -> bool:
    """Return whether steps are an order's canonical form: one to four, best first, not too much energy in all."""
    prices = [step.limit_price_micro_per_kwh for step in steps]
    best_first = prices if side is Side.OFFER else prices[::-1]
    rising = all(earlier < later for earlier, later in pairwise(best_first))
    energy_wh = sum(step.energy_wh for step in steps)
    return 1 <= len(steps) <= STEPS_MAX and rising and energy_wh <= ENERGY_IN_ORDER_MAX


def why_void(
    account: AccountState, side: Side, steps: tuple[Step, ...], rules: CoverRules, grid: GridData
) -> VoidReason | None:
    """Return why an opened order with a good signature is left out, or nothing if it takes part.

    The order of the reasons is the contract's.
    """
    if account.status is not AccountStatus.ACTIVE:
        return VoidReason.ACCOUNT_NOT_ACTIVE
    if account.zone >= len(grid.zones) or account.zone in grid.excluded:
        return VoidReason.ZONE_EXCLUDED
    if not is_canonical(side, steps):
        return VoidReason.MALFORMED
    if account.cash_micro < rules.bond(account) + rules.cover(account, side, steps):
        return VoidReason.INSOLVENT
    return None
