"""The relay's stake, and the challenges of participants whose seals it dropped."""

from dataclasses import dataclass
from typing import ClassVar

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.units import AccountId, AmountMicro


@dataclass(frozen=True, slots=True)
class RelayState:
    """Which key is the relay, which account stakes for it, and how much."""

    relay: ChecksumAddress
    account: AccountId
    stake_micro: AmountMicro


class RelayStake(ContractWrapper):
    """Who may commit, and what it has at stake."""

    NAME: ClassVar[str] = "RelayStake"

    def relay(self, *, block: Block = LATEST) -> RelayState:
        """Return the relay."""
        relay, account, stake = self.read("relayState", block=block)
        return RelayState(to_checksum_address(relay), AccountId(account), AmountMicro(stake))

    def may_commit(self, relay: ChecksumAddress, *, block: Block = LATEST) -> bool:
        """Return whether `relay` is the relay and has staked enough."""
        return bool(self.read("mayCommit", relay, block=block))

    def required_micro(self) -> AmountMicro:
        """Return the least stake with which the relay may commit."""
        return AmountMicro(self.read("stakeRequiredMicro"))
