"""What an oracle hears from outside: facts of the chain, other oracles' signatures, envelopes."""

from dataclasses import dataclass, field

from eth_typing import ChecksumAddress

from p2ptrade.domain.metered import ClearedSlot
from p2ptrade.domain.position import Position
from p2ptrade.domain.report import Report
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block: number and chain time."""

    number: int
    time_s: int


@dataclass(frozen=True, slots=True)
class MeterPoint:
    """A participant's metering: the salted hash of its meter point, its gateway's key, its connection, since when."""

    account: AccountId
    meter_point: bytes
    gateway: ChecksumAddress
    capacity_kw: int
    since_s: EpochSeconds


@dataclass(frozen=True, slots=True)
class ClearingFacts:
    """What the chain says of the clearing of a slot; empty for one that lapsed."""

    positions: tuple[Position, ...] = ()
    packed_positions: bytes = b""
    cleared: ClearedSlot = field(default_factory=ClearedSlot)
    envelope_root: bytes = bytes(32)


@dataclass(frozen=True, slots=True)
class SettledFacts:
    """How far the settlement of a slot is: its state's name, newest settled version, delivered and minted energy."""

    state: str
    version: int
    delivered_wh: EnergyWh
    minted_wh: EnergyWh


@dataclass(frozen=True, slots=True)
class Contest:
    """A participant's contest of how its account was settled in a slot, by the digest of a signed reading."""

    slot: SlotNumber
    account: AccountId
    digest: bytes
    block_number: int


@dataclass(frozen=True, slots=True)
class SettledCorrection:
    """A correction that was settled: its page, and the block that it is in."""

    page: bytes
    block_number: int


@dataclass(frozen=True, slots=True)
class SettledSlot:
    """What a slot was settled with, and every correction after that, in their order."""

    first: Report
    pages: tuple[bytes, ...]
    corrections: tuple[SettledCorrection, ...]

    @property
    def version(self) -> int:
        """Return the newest settled version."""
        return 1 + len(self.corrections)


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be sent as a transaction."""

    to: ChecksumAddress
    data: bytes


@dataclass(frozen=True, slots=True)
class SignedReport:
    """An oracle's signature over a report."""

    report: Report
    oracle: ChecksumAddress
    signature: bytes


@dataclass(frozen=True, slots=True)
class SignedDay:
    """An oracle's signature over the reputation counts of a day."""

    day: int
    counts: bytes
    oracle: ChecksumAddress
    signature: bytes


@dataclass(frozen=True, slots=True)
class Envelope:
    """The most that an account may import and export in a slot."""

    account: AccountId
    import_wh: EnergyWh
    export_wh: EnergyWh
