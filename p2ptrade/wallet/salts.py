"""Salts that can be found again: a lost salt is a lost order, so each follows from the key, the slot and a counter.

The seed is keccak256 of the key's signature over an EIP-712 message that only this market has. Signatures here are
deterministic (RFC 6979), so any machine with the key, hardware signers included, finds the same seed; nobody without
it can. Signing that message for anybody else would give the salts away, and its text says so.
"""

from dataclasses import dataclass
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, Message
from p2ptrade.domain.units import SlotNumber

SALT_BYTES: Final = 16
_WARNING: Final = "Salts of my sealed orders. Sign this in your own wallet only: it reveals your orders."


@dataclass(frozen=True)
class SaltSeedMessage(Message):
    """What is signed to get the seed: the hash of a warning, in the domain of the auction."""

    TYPE = "SaltSeed"
    FIELDS = (("bytes32", "warning", "warning"),)

    warning: bytes = keccak(_WARNING.encode())


class Salts:
    """The salts of one key in one market."""

    def __init__(self, signer: DigestSigner, domain: Domain) -> None:
        """Sign once for the seed, which stays in memory only."""
        self._seed = keccak(signer.sign_digest(SaltSeedMessage().digest(domain)))

    def salt(self, slot: SlotNumber, counter: int) -> bytes:
        """Return the salt of the key's order number `counter` in a slot."""
        return keccak(self._seed + slot.to_bytes(8, "big") + counter.to_bytes(4, "big"))[:SALT_BYTES]

    def __repr__(self) -> str:
        """Show nothing."""
        return "Salts(not shown)"
