"""The gateway's view of the chain: time, and what the clearing of a slot means for the homes."""

from dataclasses import dataclass

from p2ptrade.chain.contracts.double_auction import DoubleAuction
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.gateway.ports import SlotOutcome


@dataclass(frozen=True)
class AuctionView:
    """Reads the auction; `first_block` is the one in which the contracts were deployed, or one before it."""

    auction: DoubleAuction
    first_block: int = 0

    def now_s(self) -> int:
        """Return chain time."""
        return self.auction.client.now_s()

    def outcome(self, slot: SlotNumber) -> SlotOutcome | None:
        """Return the outcome of a slot, or nothing if it was not cleared (yet)."""
        cleared = self.auction.cleared(slot, first=self.first_block)
        if cleared is None:
            return None
        positions: dict[AccountId, EnergyWh] = {
            record.account: EnergyWh(record.energy_wh) for record in unpack_positions(cleared.positions)
        }
        return SlotOutcome(positions, cleared.envelope_root)
