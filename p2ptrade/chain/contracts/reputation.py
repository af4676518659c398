"""Reputation: counts of deals posted day by day with the oracles' signatures, and the class that follows."""

from typing import ClassVar

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.reputation import ReputationCounts
from p2ptrade.domain.units import AccountId, SharePpm


class Reputation(ContractWrapper):
    """Counts, score and class of each account."""

    NAME: ClassVar[str] = "Reputation"

    def counts(self, account: AccountId, *, block: Block = LATEST) -> ReputationCounts:
        """Return the counts of an account."""
        return ReputationCounts(*self.read("countsOf", account, block=block))

    def score(self, account: AccountId, *, block: Block = LATEST) -> SharePpm:
        """Return the score of an account in parts per million."""
        return SharePpm(self.read("scoreOf", account, block=block))

    def may_stand(self, account: AccountId, *, block: Block = LATEST) -> bool:
        """Return whether an account may stand as a validator."""
        return bool(self.read("mayStand", account, block=block))

    def next_day(self, *, block: Block = LATEST) -> int:
        """Return the UTC day that is to be posted next."""
        return int(self.read("nextDay", block=block))

    def quorum(self) -> int:
        """Return how many oracle signatures a day needs."""
        return int(self.read("quorum"))
