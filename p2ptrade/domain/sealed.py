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
