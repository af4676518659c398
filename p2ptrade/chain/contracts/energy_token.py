"""The energy token: one id per slot, one unit per Wh, minted against metered delivery only."""

from collections.abc import Sequence
from typing import ClassVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.units import EnergyWh, SlotNumber


class EnergyToken(ContractWrapper):
    """Balances and supply by slot."""

    NAME: ClassVar[str] = "EnergyToken"

    def balances(
        self, holder: ChecksumAddress, slots: Sequence[SlotNumber], *, block: Block = LATEST
    ) -> list[EnergyWh]:
        """Return the tokens that `holder` has of each slot, in Wh."""
        found = self.read("balanceOfBatch", [holder] * len(slots), list(slots), block=block)
        return [EnergyWh(energy) for energy in found]

    def total_supply(self, slot: SlotNumber, *, block: Block = LATEST) -> EnergyWh:
        """Return the tokens of a slot that exist, in Wh."""
        return EnergyWh(self.read("totalSupply", slot, block=block))

    def retire_data(self, slot: SlotNumber, energy_wh: EnergyWh, claim: str) -> bytes:
        """Return the call that retires tokens under a claim."""
        return self.call_data("retire", slot, energy_wh, claim)
