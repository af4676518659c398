"""Permits of the credits token (ERC-2612): let the ledger take an amount without a transaction of the owner."""

from eth_hash.auto import keccak

from p2ptrade.chain.signatures import expanded
from tests.support.chain import Key
from tests.support.platform import Platform

_TYPE = keccak(b"Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)")


def permit(platform: Platform, owner: Key, amount: int, deadline_s: int) -> tuple[int, int, bytes, bytes]:
    """Return deadline, v, r and s of an owner's first permit."""
    spender = platform.ledger.address
    addresses = [bytes.fromhex(address[2:]).rjust(32, b"\0") for address in (owner.address, spender)]
    words = [_TYPE, *addresses, *(number.to_bytes(32, "big") for number in (amount, 0, deadline_s))]
    separator = platform.credits.call("DOMAIN_SEPARATOR")
    signature = expanded(owner.sign_digest(keccak(b"\x19\x01" + separator + keccak(b"".join(words)))))
    return deadline_s, signature[64], signature[:32], signature[32:64]
