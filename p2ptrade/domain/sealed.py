"""Sealed orders: what is seen of an order before the gate, and the terms that are seen after it."""

from dataclasses import dataclass

from p2ptrade.domain.order import Side
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber


@dataclass(frozen=True, slots=True)
class Seal:
    """A sealed order: the hash of its terms and the owner's compact signature over the order's digest."""

    slot: SlotNumber
    account: AccountId
    terms_hash: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class KeptSeal:
    """A seal with the digest that was signed and the chain time of its receipt."""

    seal: Seal
    digest: bytes
    received_at_s: EpochSeconds


@dataclass(frozen=True, slots=True, repr=False)
class Terms:
    """An order in the clear: steps of (energy in Wh, limit price), and salt. Its text form shows nothing of them."""

    side: Side
    steps: tuple[tuple[int, int], ...]
    salt: bytes

    def __repr__(self) -> str:
        """Leave out what may still be sealed somewhere."""
        return "Terms(not shown)"


@dataclass(frozen=True, slots=True)
class OwnOrder:
    """An order of ours, with all that is needed to open it: the wallet's memory until the slot is cleared.

    `counter` numbers the orders of an account in a slot; `direct` says that it is sealed by an own transaction.
    `received_at_s` is when the seal was received, by the relay or in a block; `receipt` is the relay's promise.
    """

    slot: SlotNumber
    account: AccountId
    counter: int
    terms: Terms
    digest: bytes
    signature: bytes
    direct: bool = False
    received_at_s: EpochSeconds | None = None
    receipt: bytes | None = None
    opened: bool = False

    @property
    def key(self) -> tuple[SlotNumber, AccountId, int]:
        """Return what tells the order from all others of the wallet."""
        return self.slot, self.account, self.counter
