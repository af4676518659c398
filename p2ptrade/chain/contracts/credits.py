"""Credits: the ERC-20 with permit that stands for deposited money, in a closed loop."""

from dataclasses import dataclass
from typing import ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.units import AmountMicro

ISSUING_RULES = (1, 2, 3, 4)


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
        issued = sum(self.read_many("totalIssued", [(rule,) for rule in ISSUING_RULES], block=block))
        return Supply(
            AmountMicro(self.read("totalSupply", block=block)),
            AmountMicro(self.read("totalDeposited", block=block)),
            AmountMicro(issued),
            AmountMicro(self.read("totalRedeemed", block=block)),
        )
