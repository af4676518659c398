"""Every message that somebody signs, as EIP-712 typed data: orders, receipts, verdicts, reports, readings.

A message is a frozen dataclass whose `FIELDS` are those of the Solidity type hash, in that order. Its `digest` under a
`Domain` is what the key signs and what the contracts recompute.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Final, Self

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.reading import Reading
from p2ptrade.domain.report import Report
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
            words.append(_word(solidity_type, name, value))
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


@dataclass(frozen=True)
class TermsMessage(Message):
    """What an order hides until it is opened: side, steps and the salt that keeps anybody from guessing them."""

    TYPE = "Terms"
    FIELDS = (
        ("uint8", "side", "side"),
        ("uint32[]", "energyWh", "energies_wh"),
        ("uint32[]", "limitPriceMicroPerKwh", "limit_prices_micro_per_kwh"),
        ("bytes16", "salt", "salt"),
    )

    side: Side
    steps: tuple[Step, ...]
    salt: bytes

    @property
    def energies_wh(self) -> tuple[int, ...]:
        """Return the energy of each step in Wh."""
        return tuple(step.energy_wh for step in self.steps)

    @property
    def limit_prices_micro_per_kwh(self) -> tuple[int, ...]:
        """Return the limit price of each step."""
        return tuple(step.limit_price_micro_per_kwh for step in self.steps)

    def __repr__(self) -> str:
        """Leave out what is sealed, so that no log can show it."""
        return "TermsMessage(sealed)"


@dataclass(frozen=True)
class OrderMessage(Message):
    """A participant's order; its digest is the seal, and the signature over it authenticates a relayed seal.

    The terms are a struct of their own, so that who knows only their hash (`terms_hash`) can check for which slot and
    account a seal was signed: an old seal cannot be passed off as one of another slot.
    """

    TYPE = "Order"
    FIELDS = (
        ("uint64", "slot", "slot"),
        ("uint32", "account", "account"),
        ("Terms", "terms", "terms"),
    )
    NESTED = (TermsMessage,)

    slot: int
    account: int
    side: Side
    steps: tuple[Step, ...]
    salt: bytes

    @cached_property
    def terms(self) -> TermsMessage:
        """Return the part that is hidden until the order is opened."""
        return TermsMessage(self.side, self.steps, self.salt)

    @property
    def terms_hash(self) -> bytes:
        """Return hashStruct of the terms: what a relay gets to see before the gate."""
        return self.terms.struct_hash()

    def __repr__(self) -> str:
        """Leave out what is sealed, so that no log can show it."""
        return f"OrderMessage(slot={self.slot}, account={self.account}, sealed)"


@dataclass(frozen=True)
class ReceiptMessage(Message):
    """The relay's promise that a seal is in the slot's commitment; `received_at` in epoch seconds."""

    TYPE = "Receipt"
    FIELDS = (
        ("uint64", "slot", "slot"),
        ("uint32", "account", "account"),
        ("bytes32", "digest", "seal"),
        ("uint64", "receivedAt", "received_at"),
    )

    slot: int
    account: int
    seal: bytes
    received_at: int


@dataclass(frozen=True)
class VerdictMessage(Message):
    """The DSO's approval of one clearing: book, prices, limits and charges, and the envelopes that go with it."""

    TYPE = "Verdict"
    FIELDS = (
        ("uint64", "slot", "slot"),
        ("bytes32", "bookHash", "book_hash"),
        ("bytes32", "pricesHash", "prices_hash"),
        ("bytes32", "gridHash", "grid_hash"),
        ("bytes32", "envelopeRoot", "envelope_root"),
    )

    slot: int
    book_hash: bytes
    prices_hash: bytes
    grid_hash: bytes
    envelope_root: bytes


@dataclass(frozen=True)
class ReportMessage(Message):
    """What an oracle says about a slot: the root of the readings and the hash of the settlement pages."""

    TYPE = "Report"
    FIELDS = (
        ("uint64", "slot", "slot"),
        ("uint32", "version", "version"),
        ("bytes32", "readingsRoot", "readings_root"),
        ("bytes32", "dataHash", "data_hash"),
        ("uint32", "accounts", "accounts"),
        ("uint64", "deliveredWh", "delivered_wh"),
    )

    slot: int
    version: int
    readings_root: bytes
    data_hash: bytes
    accounts: int
    delivered_wh: int

    @classmethod
    def of(cls, report: Report) -> Self:
        """Return the message that stands for a report."""
        return cls(
            slot=report.slot,
            version=report.version,
            readings_root=report.readings_root,
            data_hash=report.data_hash,
            accounts=report.accounts,
            delivered_wh=report.delivered_wh,
        )


@dataclass(frozen=True)
class ReadingMessage(Message):
    """A gateway's reading: the meter's registers in Wh at the end of `slot`; `meter_time` in epoch seconds."""

    TYPE = "Reading"
    FIELDS = (
        ("uint32", "account", "account"),
        ("bytes32", "meterPoint", "meter_point"),
        ("uint64", "slot", "slot"),
        ("uint64", "importWh", "import_wh"),
        ("uint64", "exportWh", "export_wh"),
        ("uint64", "meterTime", "meter_time"),
        ("uint8", "quality", "quality"),
        ("uint64", "sequence", "sequence"),
        ("bytes32", "previous", "previous"),
    )

    account: int
    meter_point: bytes
    slot: int
    import_wh: int
    export_wh: int
    meter_time: int
    quality: int
    sequence: int
    previous: bytes

    @classmethod
    def of(cls, reading: Reading) -> Self:
        """Return the message that stands for a reading."""
        return cls(
            account=reading.account,
            meter_point=reading.meter_point,
            slot=reading.slot,
            import_wh=reading.registers.import_wh,
            export_wh=reading.registers.export_wh,
            meter_time=reading.meter_time_s,
            quality=int(reading.quality),
            sequence=reading.sequence,
            previous=reading.previous,
        )


@dataclass(frozen=True)
class DayCountsMessage(Message):
    """What the oracles say of a UTC day for reputation: the hash of the packed counts of all accounts."""

    TYPE = "DayCounts"
    FIELDS = (("uint32", "day", "day"), ("bytes32", "countsHash", "counts_hash"))

    day: int
    counts_hash: bytes


def auction_domain(chain_id: int, double_auction: ChecksumAddress) -> Domain:
    """Return the domain of orders, receipts and verdicts."""
    return Domain("p2ptrade", chain_id, double_auction)


def settlement_domain(chain_id: int, settlement: ChecksumAddress) -> Domain:
    """Return the domain of oracle reports."""
    return Domain("p2ptrade-settlement", chain_id, settlement)


def reading_domain(chain_id: int, participant_registry: ChecksumAddress) -> Domain:
    """Return the domain of meter readings."""
    return Domain("p2ptrade-reading", chain_id, participant_registry)


def reputation_domain(chain_id: int, reputation: ChecksumAddress) -> Domain:
    """Return the domain of the counts of a day."""
    return Domain("p2ptrade-reputation", chain_id, reputation)


def sign(message: Message, domain: Domain, signer: DigestSigner) -> bytes:
    """Return the compact signature (64 bytes) of `signer` over `message`."""
    return signer.sign_digest(message.digest(domain))


def prices_hash(prices_half_micro_per_kwh: Sequence[int]) -> bytes:
    """Return keccak256 over the zone prices, each as a 32-byte word."""
    return keccak(b"".join(price.to_bytes(32, "big") for price in prices_half_micro_per_kwh))


def order_digest(domain: Domain, slot: int, account: int, terms_hash: bytes) -> bytes:
    """Return the digest of an order of which only the hash of the terms is known.

    Raises:
        InputError: a number does not fit its Solidity type, or the hash has not 32 bytes.
    """
    words = (_word("uint64", "slot", slot), _word("uint32", "account", account), _word("bytes32", "terms", terms_hash))
    return keccak(b"\x19\x01" + domain.separator + keccak(OrderMessage.TYPE_HASH + b"".join(words)))


def _word(kind: str, name: str, value: Any) -> bytes:
    """Return the 32 bytes that stand for one field."""
    if isinstance(value, Message):
        return value.struct_hash()
    if kind.endswith("[]"):
        return keccak(b"".join(_word(kind[:-2], name, element) for element in value))
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
