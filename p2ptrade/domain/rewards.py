"""Rewards: at the end of a period the best by reputation share a subsidy, as the contract ranks and pays them.

An account is active if it made a deal since the last payment. Active accounts are ranked by falling score, equal ones
by rising account. (Activity account, subsidy by rank: Li et al., doi 10.13335/j.1000-3673.pst.2018.1158, section 2.3.)
"""

from collections.abc import Mapping
from dataclasses import dataclass

from p2ptrade.domain.reputation import ReputationCounts
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import ConfigError


@dataclass(frozen=True, slots=True)
class RewardRules:
    """Days of a period from `first_day` (epoch seconds / 86,400), how many are paid, and what of, in micro-credits."""

    first_day: int
    period_days: int
    places: int
    subsidy_micro: AmountMicro

    def __post_init__(self) -> None:
        if self.period_days < 1 or self.places < 1:
            raise ConfigError(f"rewards need a period of at least a day and at least one place, not {self}")

    def end_day(self, period: int) -> int:
        """Return the first UTC day after a period."""
        return self.first_day + (period + 1) * self.period_days

    def amounts(self, active: int) -> list[AmountMicro]:
        """Return what the ranks get, best first, each rounded down.

        The weights are those of all places, taken or not: what nobody earned stays in the rewards account.
        """
        whole = self.places * (self.places + 1)
        return [
            AmountMicro(self.subsidy_micro * (self.places - rank) * 2 // whole)
            for rank in range(min(active, self.places))
        ]


@dataclass(frozen=True, slots=True)
class Ranking:
    """All participants of a period: the active ones, best first, and the others by account."""

    active: tuple[AccountId, ...]
    others: tuple[AccountId, ...]

    @property
    def listed(self) -> tuple[AccountId, ...]:
        """Return all of them in the order that the contract asks for."""
        return self.active + self.others

    @classmethod
    def of(cls, counts: Mapping[AccountId, ReputationCounts], deals_paid: Mapping[AccountId, int]) -> "Ranking":
        """Return the ranking by the counts so far; `deals_paid` are the deals at the last payment, 0 if missing."""
        active = [account for account, held in counts.items() if held.deals != deals_paid.get(account, 0)]
        active.sort(key=lambda account: (-counts[account].score_ppm, account))
        return cls(tuple(active), tuple(sorted(counts.keys() - set(active))))
