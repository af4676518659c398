"""Signatures of secp256k1 in one form only: 64 bytes, compact as in EIP-2098, with a low s.

There is one way to write a signature down, so signatures can be compared as bytes and nobody can make a second one out
of another's.
"""

from typing import Final, Protocol

import coincurve
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.errors import InputError

SIGNATURE_BYTES: Final = 64
_ORDER_OF_CURVE: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_Y_PARITY_BIT: Final = 1 << 255


class DigestSigner(Protocol):
    """Whoever can sign a digest: a key in memory, or an outside program that holds one."""

    @property
    def address(self) -> ChecksumAddress:
        """The account that its signatures recover to."""
        ...

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the compact signature over the 32 bytes of `digest`."""
        ...


def recover(digest: bytes, signature: bytes) -> ChecksumAddress | None:
    """Return who signed `digest`, or None if `signature` is none: wrong length, high s, or not on the curve."""
    if len(signature) != SIGNATURE_BYTES:
        return None
    word = int.from_bytes(signature[32:], "big")
    parity, s = word >> 255, word & (_Y_PARITY_BIT - 1)
    if s > _ORDER_OF_CURVE // 2:
        return None
    recoverable = signature[:32] + s.to_bytes(32, "big") + bytes([parity])
    try:
        key = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError:
        return None
    return address_of(key)


def address_of(key: coincurve.PublicKey) -> ChecksumAddress:
    """Return the Ethereum address of a public key."""
    return to_checksum_address(keccak(key.format(compressed=False)[1:])[-20:])


def compact(r: int, s: int, y_parity: int) -> bytes:
    """Return a signature as EIP-2098 writes it, with the low one of the two equivalent s."""
    if s > _ORDER_OF_CURVE // 2:
        s, y_parity = _ORDER_OF_CURVE - s, 1 - y_parity
    return r.to_bytes(32, "big") + (s | y_parity << 255).to_bytes(32, "big")


def expanded(signature: bytes) -> bytes:
    """Return a compact signature as the 65 bytes r, s, v (27 or 28) that most contracts and wallets take."""
    if len(signature) != SIGNATURE_BYTES:
        raise InputError(f"a compact signature has {SIGNATURE_BYTES} bytes, not {len(signature)}")
    word = int.from_bytes(signature[32:], "big")
    return signature[:32] + (word & (_Y_PARITY_BIT - 1)).to_bytes(32, "big") + bytes([27 + (word >> 255)])


def shortened(signature: bytes) -> bytes:
    """Return a 65-byte signature (v of 0, 1, 27 or 28) in compact form."""
    if len(signature) != SIGNATURE_BYTES + 1 or signature[64] not in (0, 1, 27, 28):
        raise InputError("a signature has 65 bytes, the last of them 0, 1, 27 or 28")
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
    return compact(r, s, signature[64] % 27)
