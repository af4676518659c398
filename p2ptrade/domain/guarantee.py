"""The guarantee, an option of a market: over a period nobody pays more than it would have paid the retailer alone.

What a participant paid in sum over the settled slots of a period, corrections included, is compared with its metered
energy at the retailer's tariffs; the difference is refunded, up to an amount per account and period. The penalty for
leaving a signed envelope is not counted: it is no cost of trading, and who pays it has loaded a line beyond its limit.
(Protection of weak users: Zhou et al., Engineering 6(7) 2020, section 4.6; nobody worse off, the Pareto condition: Jia
et al., peer-to-peer energy trading in urban community microgrids, section 2.1.)
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.metered import ClearedSlot, MeteredAccount
from p2ptrade.domain.money import cost_rounded_down, cost_rounded_up
from p2ptrade.domain.settlement import (
    RetailPrices,
    SettlementRules,
    settle_account,
    settle_correction,
    settle_slot,
)
from p2ptrade.domain.units import SLOT_SECONDS, AccountId, AmountMicro, EnergyWh, SlotNumber
from p2ptrade.errors import ConfigError

_SLOTS_PER_DAY: Final = 86_400 // SLOT_SECONDS


@dataclass(frozen=True, slots=True)
class GuaranteeRules:
    """Days of a period from `first_day` (epoch seconds / 86,400), and what an account gets at most for one."""

    first_day: int
    period_days: int
    most_micro: AmountMicro

    def __post_init__(self) -> None:
        if self.period_days < 1 or self.most_micro < 1:
            raise ConfigError(f"a guarantee needs a period of at least a day and an amount, not {self}")

    def days(self, period: int) -> range:
        """Return the UTC days of a period."""
        first = self.first_day + period * self.period_days
        return range(first, first + self.period_days)

    def slots(self, period: int) -> range:
        """Return the slots of a period."""
        days = self.days(period)
        return range(days.start * _SLOTS_PER_DAY, days.stop * _SLOTS_PER_DAY)

    def refunds(self, gains: Mapping[AccountId, int]) -> dict[AccountId, AmountMicro]:
        """Return what each account is due whose gains over a period, as `gains_of` has them, are below zero."""
        return {
            account: AmountMicro(min(-gain, self.most_micro)) for account, gain in sorted(gains.items()) if gain < 0
        }


@dataclass(frozen=True, slots=True)
class SettledSlot:
    """A slot as it was settled, and its corrections in their order: accounts as they were and are."""

    slot: SlotNumber
    accounts: tuple[MeteredAccount, ...]
    prices: RetailPrices
    rules: SettlementRules
    corrections: tuple[tuple[MeteredAccount, MeteredAccount], ...] = ()


def with_retailer_alone(metered_wh: EnergyWh, prices: RetailPrices) -> AmountMicro:
    """Return what metered energy (withdrawn positive) comes to at the tariffs; negative is to be paid."""
    if metered_wh > 0:
        return AmountMicro(-cost_rounded_up(metered_wh, prices.retail))
    return cost_rounded_down(EnergyWh(-metered_wh), prices.feed_in)


def gains_of(slot: SettledSlot) -> dict[AccountId, int]:
    """Return by how much each account did better (or, negative, worse) in a slot than with the retailer alone.

    Raises:
        InputError: the accounts do not rise strictly.
    """
    bought = sum(account.position.bought_wh for account in slot.accounts if account.position)
    settled = settle_slot(slot.accounts, ClearedSlot(EnergyWh(bought)), slot.prices, slot.rules)
    paid: Counter[AccountId] = Counter()
    standing = {account.account: account for account in slot.accounts}
    for each in settled.accounts:
        position = standing[each.account].position
        paid[each.account] += each.net_micro - (position.locked_micro if position else 0)
    for before, after in slot.corrections:
        paid[after.account] += settle_correction(before, after, slot.prices, slot.rules)
        standing[after.account] = after
    return {
        account: paid[account]
        + settle_account(metered, slot.prices, slot.rules).breach_penalty_micro
        - with_retailer_alone(metered.metered_wh, slot.prices)
        for account, metered in standing.items()
    }


def gains_over(slots: Iterable[SettledSlot]) -> dict[AccountId, int]:
    """Return the gains of all accounts, as `gains_of` has them, summed over slots."""
    sums: Counter[AccountId] = Counter()
    for slot in slots:
        for account, gain in gains_of(slot).items():
            sums[account] += gain
    return dict(sums)
