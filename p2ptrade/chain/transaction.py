"""A transaction as the chain takes it: in legacy form, bound to a chain (EIP-155), which every engine understands."""

from dataclasses import dataclass

import rlp
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.signatures import DigestSigner, expanded


@dataclass(frozen=True, slots=True)
class UnsignedTransaction:
    """What a transaction does and pays; `to` None creates a contract. It never carries value."""

    nonce: int
    gas_price_wei: int
    gas_limit: int
    to: ChecksumAddress | None
    data: bytes

    def signed(self, signer: DigestSigner, chain_id: int) -> bytes:
        """Return the raw bytes, the same ones whenever the same is signed."""
        terms = self._fields()
        signature = expanded(signer.sign_digest(keccak(rlp.encode([*terms, chain_id, 0, 0]))))
        r, s, parity = signature[:32], signature[32:64], signature[64] - 27
        numbers = [35 + 2 * chain_id + parity, int.from_bytes(r, "big"), int.from_bytes(s, "big")]
        return bytes(rlp.encode([*terms, *numbers]))

    def _fields(self) -> list[int | bytes]:
        to = b"" if self.to is None else bytes.fromhex(self.to[2:])
        return [self.nonce, self.gas_price_wei, self.gas_limit, to, 0, self.data]


def unsigned(raw: bytes) -> UnsignedTransaction:
    """Return what a raw transaction of ours does and pays."""
    nonce, gas_price, gas_limit, to, _, data, *_ = rlp.decode(raw)
    return UnsignedTransaction(
        int.from_bytes(nonce, "big"),
        int.from_bytes(gas_price, "big"),
        int.from_bytes(gas_limit, "big"),
        to_checksum_address(to) if to else None,
        bytes(data),
    )
