"""Every message that somebody signs: orders with their terms, receipts, verdicts, reports, readings, day counts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.eip712 import Domain, Message, sign, word
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.reading import Reading
from p2ptrade.domain.report import Report

__all__ = [
    "DayCountsMessage",
    "Domain",
    "Message",
    "OrderMessage",
    "ReadingMessage",
    "ReceiptMessage",
    "ReportMessage",
    "TermsMessage",
    "VerdictMessage",
    "auction_domain",
    "order_digest",
    "prices_hash",
    "reading_domain",
    "reputation_domain",
    "settlement_domain",
    "sign",
]


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


def prices_hash(prices_half_micro_per_kwh: Sequence[int]) -> bytes:
    """Return keccak256 over the zone prices, each as a 32-byte word."""
    return keccak(b"".join(price.to_bytes(32, "big") for price in prices_half_micro_per_kwh))


def order_digest(domain: Domain, slot: int, account: int, terms_hash: bytes) -> bytes:
    """Return the digest of an order of which only the hash of the terms is known.

    Raises:
        InputError: a number does not fit its Solidity type, or the hash has not 32 bytes.
    """
    words = (word("uint64", "slot", slot), word("uint32", "account", account), word("bytes32", "terms", terms_hash))
    return keccak(b"\x19\x01" + domain.separator + keccak(OrderMessage.TYPE_HASH + b"".join(words)))
