"""The energy token: one id per slot, one unit per Wh, minted against metered delivery only."""

from collections.abc import Mapping, Sequence
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

    def retire_data(self, holder: ChecksumAddress, energy_wh: Mapping[SlotNumber, EnergyWh], claim: str) -> bytes:
        """Return the call that retires tokens of `holder`, in several slots, under one claim."""
        slots = sorted(energy_wh)
        return self.call_data("retireFrom", holder, slots, [energy_wh[slot] for slot in slots], claim)

    def is_approved(self, holder: ChecksumAddress, operator: ChecksumAddress) -> bool:
        """Return whether `operator` may act on the tokens of `holder`."""
        return bool(self.read("isApprovedForAll", holder, operator))

    def approve_data(self, operator: ChecksumAddress) -> bytes:
        """Return the call that lets `operator` act on the caller's tokens."""
        return self.call_data("setApprovalForAll", operator, True)
