"""A transaction on its way to the chain, as the outbox keeps it: what was meant, the exact bytes, what became of it.

An *intent* is a name that its author gives to something that is to happen once, as `clear/1900000`. The bytes are
signed and stored before they are sent for the first time; whatever happens then, they are sent again or looked up.
"""

from dataclasses import dataclass
from enum import StrEnum


class OutgoingState(StrEnum):
    """What is known about an outgoing transaction."""

    PENDING = "pending"
    """Stored; perhaps sent, perhaps waiting in the node's pool."""
    MINED = "mined"
    """In a block that may still be reorganised away."""
    FINAL = "final"
    """In a block that stays."""
    DROPPED = "dropped"
    """Never to be mined: another transaction with its nonce is in a block that stays."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One signed transaction; `attempt` counts the transactions of one intent from 0."""

    intent: str
    attempt: int
    chain_id: int
    sender: str
    nonce: int
    gas_price_wei: int
    raw: bytes
    transaction_hash: bytes
    state: OutgoingState = OutgoingState.PENDING
    succeeded: bool | None = None
    block_number: int | None = None
    block_hash: bytes | None = None
    gas_used: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether its fate may still change."""
        return self.state in (OutgoingState.PENDING, OutgoingState.MINED)

    @property
    def is_mined(self) -> bool:
        """Whether it is in a block."""
        return self.state in (OutgoingState.MINED, OutgoingState.FINAL)
