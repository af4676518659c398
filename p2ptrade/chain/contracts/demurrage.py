"""Demurrage: idle cash shrinks day by day, in favour of the rewards account."""

from collections.abc import Iterable
from typing import ClassVar

from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain import demurrage
from p2ptrade.domain.units import AccountId, AmountMicro, SharePpm


class Demurrage(ContractWrapper):
    """The rule of a market, and its collection."""

    NAME: ClassVar[str] = "Demurrage"

    def rule(self) -> demurrage.Demurrage:
        """Return rate and free amount."""
        return demurrage.Demurrage(SharePpm(self.read("ratePpmPerDay")), AmountMicro(self.read("freeMicro")))

    def looked_at_on(self, accounts: Iterable[AccountId]) -> dict[AccountId, int]:
        """Return the UTC day on which each account was last looked at, 0 for never."""
        listed = list(accounts)
        found = self.read_many("seenOf", [(account,) for account in listed])
        return {account: day for account, (day, _) in zip(listed, found, strict=True)}

    def collect_data(self, accounts: Iterable[AccountId]) -> bytes:
        """Return the call that looks at accounts and collects what is due."""
        return self.call_data("collect", b"".join(account.to_bytes(4, "big") for account in accounts))
