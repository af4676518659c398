"""How long people wait for their money: from the reading at the end of a slot to the block that settled it."""

from dataclasses import dataclass
from statistics import median_low

from p2ptrade.chain.deployed import Market
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import PPM, SharePpm, SlotNumber


@dataclass(frozen=True, slots=True)
class PaymentDelay:
    """A settled slot, the seconds from its end to its settlement, and the hash of the transaction that settled it."""

    slot: SlotNumber
    seconds: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class PaymentDelays:
    """The delays of all settled slots up to a block, by slot."""

    block_number: int
    slots: tuple[PaymentDelay, ...]

    @property
    def median_s(self) -> int:
        """Return the delay that half of the slots keep to; there must be one."""
        return median_low(each.seconds for each in self.slots)

    @property
    def longest_s(self) -> int:
        """Return the longest delay; there must be one."""
        return max(each.seconds for each in self.slots)

    def kept_by_s(self, share_ppm: SharePpm) -> int:
        """Return the delay that a share of the slots, above zero, keeps to by nearest rank; there must be one slot."""
        rank = -(-share_ppm * len(self.slots) // PPM)  # rounded up
        return sorted(each.seconds for each in self.slots)[rank - 1]


def payment_delays(market: Market) -> PaymentDelays:
    """Return how long after its end each slot was settled, by the times of the blocks.

    Raises:
        ChainUnreachableError: the node does not answer.
    """
    newest = market.client.head().number
    settled = list(market.settlement.events("Settled", first=market.first_block, last=newest))
    blocks = market.client.heads(sorted({record.log.block_number for record in settled}))
    times = {head.number: head.time_s for head in blocks}
    slots = [
        PaymentDelay(slot, times[record.log.block_number] - end_of(slot), record.log.transaction_hash)
        for record in settled
        for slot in (SlotNumber(record.values["slot"]),)
    ]
    return PaymentDelays(newest, tuple(sorted(slots, key=lambda each: each.slot)))
