"""Typed structured data as EIP-712 hashes and signs it: domains, messages, digests.

A message is a frozen dataclass whose `FIELDS` are those of the Solidity type hash, in that order. Its `digest` under a
`Domain` is what the key signs and what the contracts recompute.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.errors import InputError

_DOMAIN_TYPE: Final = "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"


@dataclass(frozen=True)
class Domain:
    """What binds a signature to one contract on one chain."""

    name: str
    chain_id: int
    verifying_contract: ChecksumAddress
    version: str = "1"

    @cached_property
    def separator(self) -> bytes:
        """Return the EIP-712 domain separator."""
        return keccak(
            keccak(_DOMAIN_TYPE.encode())
            + keccak(self.name.encode())
            + keccak(self.version.encode())
            + self.chain_id.to_bytes(32, "big")
            + bytes.fromhex(self.verifying_contract[2:]).rjust(32, b"\0")
        )


@dataclass(frozen=True)
class Message:
    """Base of the messages; a subclass lists its fields as (Solidity type, Solidity name, attribute)."""

    TYPE: ClassVar[str]
    FIELDS: ClassVar[tuple[tuple[str, str, str], ...]]
    NESTED: ClassVar[tuple[type["Message"], ...]] = ()
    TYPE_HASH: ClassVar[bytes]

    def __init_subclass__(cls) -> None:
        signatures = (
            f"{part.TYPE}({','.join(f'{kind} {name}' for kind, name, _ in part.FIELDS)})" for part in (cls, *cls.NESTED)
        )
        cls.TYPE_HASH = keccak("".join(signatures).encode())

    def values(self) -> tuple[Any, ...]:
        """Return the values in the order of `FIELDS`."""
        return tuple(getattr(self, attribute) for _, _, attribute in self.FIELDS)

    def struct_hash(self) -> bytes:
        """Return EIP-712's hashStruct of the message.

        Raises:
            InputError: a number does not fit its Solidity type, or bytes have another length.
        """
        words = [self.TYPE_HASH]
        for (solidity_type, name, _), value in zip(self.FIELDS, self.values(), strict=True):
            words.append(word(solidity_type, name, value))
        return keccak(b"".join(words))

    def digest(self, domain: Domain) -> bytes:
        """Return the 32 bytes that are signed."""
        return keccak(b"\x19\x01" + domain.separator + self.struct_hash())

    def typed_data(self, domain: Domain) -> dict[str, Any]:
        """Return the message as the JSON object that wallets sign (`eth_signTypedData_v4`)."""
        return {
            "types": {
                "EIP712Domain": [
                    {"name": "name", "type": "string"},
                    {"name": "version", "type": "string"},
                    {"name": "chainId", "type": "uint256"},
                    {"name": "verifyingContract", "type": "address"},
                ],
                **{
                    part.TYPE: [{"name": name, "type": kind} for kind, name, _ in part.FIELDS]
                    for part in (type(self), *self.NESTED)
                },
            },
            "primaryType": self.TYPE,
            "domain": {
                "name": domain.name,
                "version": domain.version,
                "chainId": domain.chain_id,
                "verifyingContract": domain.verifying_contract,
            },
            "message": _plain(self),
        }


def sign(message: Message, domain: Domain, signer: DigestSigner) -> bytes:
    """Return the compact signature (64 bytes) of `signer` over `message`."""
    return signer.sign_digest(message.digest(domain))


def word(kind: str, name: str, value: Any) -> bytes:
    """Return the 32 bytes that stand for one field."""
    if isinstance(value, Message):
        return value.struct_hash()
    if kind.endswith("[]"):
        return keccak(b"".join(word(kind[:-2], name, element) for element in value))
    if kind.startswith("uint"):
        if not 0 <= value < 1 << int(kind[4:]):
            raise InputError(f"{name} must fit {kind}, {value} does not")
        return int(value).to_bytes(32, "big")
    size = int(kind.removeprefix("bytes"))
    if len(value) != size:
        raise InputError(f"{name} must have {size} bytes, not {len(value)}")
    return bytes(value).ljust(32, b"\0")


def _plain(value: Any) -> Any:
    if isinstance(value, Message):
        return {name: _plain(part) for (_, name, _), part in zip(value.FIELDS, value.values(), strict=True)}
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return [int(element) for element in value] if isinstance(value, tuple) else int(value)
