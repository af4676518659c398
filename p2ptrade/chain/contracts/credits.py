"""Credits: the ERC-20 with permit that stands for deposited money, in a closed loop."""

from dataclasses import dataclass
from typing import ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.issuing import Due, IssuingRule
from p2ptrade.domain.units import AmountMicro


@dataclass(frozen=True, slots=True)
class Supply:
    """Where credits came from and went, in micro-credits; `existing` must be deposited + issued - redeemed."""

    existing: AmountMicro
    deposited: AmountMicro
    issued: AmountMicro
    redeemed: AmountMicro


class Credits(ContractWrapper):
    """Balances and supply of credits."""

    NAME: ClassVar[str] = "Credits"

    def balance(self, holder: ChecksumAddress, *, block: Block = LATEST) -> AmountMicro:
        """Return the credits of an address."""
        return AmountMicro(self.read("balanceOf", holder, block=block))

    def supply(self, *, block: Block = LATEST) -> Supply:
        """Return the supply and what it is made of, at one block."""
        issued = sum(self.read_many("totalIssued", [(int(rule),) for rule in IssuingRule], block=block))
        return Supply(
            AmountMicro(self.read("totalSupply", block=block)),
            AmountMicro(self.read("totalDeposited", block=block)),
            AmountMicro(issued),
            AmountMicro(self.read("totalRedeemed", block=block)),
        )

    def issued(self, rule: IssuingRule, *, block: Block = LATEST) -> AmountMicro:
        """Return all that a rule ever issued."""
        return AmountMicro(self.read("totalIssued", int(rule), block=block))

    def issuable_today(self, rule: IssuingRule, *, block: Block = LATEST) -> AmountMicro:
        """Return what a rule may still issue on the UTC day of the block."""
        return AmountMicro(self.read("issuableToday", int(rule), block=block))

    def issued_reasons(self, *, first: Block, last: Block = LATEST) -> set[tuple[IssuingRule, bytes]]:
        """Return what credits were issued for between two blocks."""
        return {
            (IssuingRule(record.values["rule"]), bytes(record.values["reason"]))
            for record in self.events("Issued", first=first, last=last)
        }

    def issue_data(self, due: Due) -> bytes:
        """Return the call that issues what is due for a fact."""
        fact = due.fact
        return self.call_data("issue", int(fact.rule), fact.recipient, due.amount_micro, fact.reason)

    def is_system_holder(self, holder: str, *, block: Block = LATEST) -> bool:
        """Return whether an institution or contract of the platform may hold credits."""
        return bool(self.read("isSystemHolder", holder, block=block))
