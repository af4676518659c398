"""Rewards: at the end of a period the best by reputation share a subsidy."""

from collections.abc import Sequence
from typing import ClassVar

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.rewards import RewardRules
from p2ptrade.domain.units import AccountId, AmountMicro


class Rewards(ContractWrapper):
    """Periods, and what each rank gets."""

    NAME: ClassVar[str] = "Rewards"

    def next_period(self, *, block: Block = LATEST) -> int:
        """Return the period that is to be paid next."""
        return int(self.read("nextPeriod", block=block))

    def rules(self) -> RewardRules:
        """Return period, places and subsidy."""
        first_day, period_days, places, subsidy = (
            int(self.read(name)) for name in ("firstDay", "periodDays", "places", "subsidyMicro")
        )
        return RewardRules(first_day, period_days, places, AmountMicro(subsidy))

    def pay_data(self, period: int, ranking: Sequence[AccountId]) -> bytes:
        """Return the call that pays a period; `ranking` has all participants, the active ones first, best first."""
        return self.call_data("pay", period, b"".join(account.to_bytes(4, "big") for account in ranking))
