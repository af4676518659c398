"""What an oracle needs from outside: the chain, a durable store, its peers, envelopes, an outbox."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from eth_typing import ChecksumAddress

from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.domain.reading import Quality, Reading, SignedReading
from p2ptrade.domain.report import KeptReading, KeptReport, Report
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.oracle.facts import (
    Call,
    ClearingFacts,
    Contest,
    Envelope,
    Head,
    MeterPoint,
    SettledFacts,
    SettledSlot,
    SignedReport,
)


class ChainView(Protocol):
    """What an oracle reads from the chain, and how it words what it sends there."""

    def head(self) -> Head:
        """Return the newest block."""
        ...

    def meter_points(self) -> Mapping[AccountId, MeterPoint]:
        """Return all participants' metering."""
        ...

    def first_priced_slot(self) -> SlotNumber | None:
        """Return the first slot that has a tariff; earlier ones never get one and cannot be settled."""
        ...

    def states(self, slots: Sequence[SlotNumber]) -> Mapping[SlotNumber, str]:
        """Return the settlement state of slots by name."""
        ...

    def settled(self, slot: SlotNumber) -> SettledFacts:
        """Return how far the settlement of a slot is."""
        ...

    def clearing(self, slot: SlotNumber) -> ClearingFacts:
        """Return the clearing of a slot."""
        ...

    def quorum(self, slot: SlotNumber) -> int:
        """Return how many signatures a report of a slot needs."""
        ...

    def is_oracle(self, address: ChecksumAddress) -> bool:
        """Return whether an address may sign reports now."""
        ...

    def submitted_digest(self, slot: SlotNumber, version: int) -> bytes | None:
        """Return how the digest of the report begins that was submitted for a version.

        The contract keeps 31 bytes of the first report's, and all of the newest correction's.
        """
        ...

    def settled_with(self, slot: SlotNumber) -> SettledSlot | None:
        """Return what a slot was settled and corrected with, or nothing while the node does not have all of it."""
        ...

    def contests(self) -> Mapping[SlotNumber, Sequence[Contest]]:
        """Return all contests by slot, each slot's in their order on the chain."""
        ...

    def settled_pages(self, slot: SlotNumber) -> Sequence[bytes]:
        """Return the running hashes of the pages of a slot that were settled."""
        ...

    def settle_call(self, report: Report, signatures: Sequence[bytes], pages: Sequence[bytes]) -> Call:
        """Return the call that submits a report, and settles it at once if it has one page."""
        ...

    def page_call(self, report: Report, page: bytes, later: Sequence[bytes]) -> Call:
        """Return the call that settles the next page of a submitted report."""
        ...

    def submit_call(self, report: Report, signatures: Sequence[bytes]) -> Call:
        """Return the call that submits a correcting report."""
        ...

    def correction_call(
        self,
        report: Report,
        first: Report,
        corrections: bytes,
        proofs: Sequence[tuple[bytes, bytes, Sequence[bytes]]],
    ) -> Call:
        """Return the call that settles a submitted correction."""
        ...

    def mint_call(self, slot: SlotNumber, positions: bytes) -> Call:
        """Return the call that mints what corrections found delivered."""
        ...


class Store(Protocol):
    """What an oracle keeps; whatever a method was asked to keep is on the disk when it returns."""

    def keep_readings(self, readings: Sequence[KeptReading]) -> None:
        """Keep readings that are not there yet."""
        ...

    def flag(self, reading: Reading, flag: str) -> None:
        """Add a flag to a reading that is kept, unless it has it."""
        ...

    def newest(self) -> dict[AccountId, SignedReading]:
        """Return the newest reading of each account's count."""
        ...

    def reading(self, account: AccountId, sequence: int) -> SignedReading | None:
        """Return one reading by its number."""
        ...

    def of_slot(self, slot: SlotNumber) -> dict[AccountId, KeptReading]:
        """Return the readings in use of a slot by account: the best of each."""
        ...

    def all_of_slot(self, slot: SlotNumber) -> list[KeptReading]:
        """Return all readings of a slot, each before the one that takes its place."""
        ...

    def nearest(
        self, account: AccountId, slot: SlotNumber, worst: Quality = Quality.MISSING
    ) -> tuple[KeptReading | None, KeptReading | None]:
        """Return the readings in use before a slot and at or after it that are nearest and no worse than `worst`."""
        ...

    def counted_around(self, account: AccountId, slot: SlotNumber) -> tuple[KeptReading | None, KeptReading | None]:
        """Return the last reading of the account's count before a slot, and the first one at or after it."""
        ...

    def keep_contested(self, signed: SignedReading) -> None:
        """Keep a reading that a contest names."""
        ...

    def contested(self, digest: bytes) -> SignedReading | None:
        """Return the reading that contests name by this digest."""
        ...

    def keep_report(self, kept: KeptReport) -> None:
        """Keep a report; it replaces one of the same slot and version."""
        ...

    def report(self, slot: SlotNumber, version: int) -> KeptReport | None:
        """Return the report of a version."""
        ...

    def newest_version(self, slot: SlotNumber) -> int:
        """Return the newest version of which there is a report of a slot; 0 if there is none."""
        ...


class ReportSource(Protocol):
    """What the oracle shows of what it keeps."""

    def all_of_slot(self, slot: SlotNumber) -> list[KeptReading]:
        """Return all readings of a slot, each before the one that takes its place."""
        ...

    def contested(self, digest: bytes) -> SignedReading | None:
        """Return the reading that contests name by this digest."""
        ...

    def report(self, slot: SlotNumber, version: int) -> KeptReport | None:
        """Return the report of a version."""
        ...

    def newest_version(self, slot: SlotNumber) -> int:
        """Return the newest version of which there is a report of a slot; 0 if there is none."""
        ...


class Peer(Protocol):
    """Another oracle."""

    @property
    def name(self) -> str:
        """Where it is."""
        ...

    def report(self, slot: SlotNumber) -> SignedReport | None:
        """Return its signature over its newest report of a slot."""
        ...

    def pages(self, slot: SlotNumber, version: int) -> Sequence[bytes]:
        """Return the pages behind its report of a version; none if it has another."""
        ...

    def readings(self, slot: SlotNumber) -> Sequence[SignedReading]:
        """Return the signed readings that it has of a slot."""
        ...

    def contested(self, digest: bytes) -> SignedReading | None:
        """Return the reading that contests name by this digest, if it has it."""
        ...


class Envelopes(Protocol):
    """Where the envelopes of a slot come from, verified against the root on the chain."""

    def envelopes(self, slot: SlotNumber, root: bytes) -> Mapping[AccountId, Envelope] | None:
        """Return the envelopes that the root proves, or nothing while they are not to be had."""
        ...


class Outbox(Protocol):
    """The outgoing transactions: each intent is sent once, whatever happens in between."""

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes) -> Outgoing:
        """Send a transaction for `intent` unless it has one that may still succeed, or did.

        Raises:
            TransactionRevertedError: it would revert now.
        """
        ...

    def find(self, intent: str) -> Outgoing | None:
        """Return the transaction of an intent."""
        ...

    def advance(self) -> list[Outgoing]:
        """Send and look up what is waiting."""
        ...
