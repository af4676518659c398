"""What the gateway needs from outside: the chain, the grid operator's envelopes, oracles, a durable store, a key."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from p2ptrade.domain.home import HomeState
from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.metering.meter import Devices, Meter
from p2ptrade.store.gateway import NumberedReading, Refusal


@dataclass(frozen=True, slots=True)
class SlotOutcome:
    """What the clearing of a slot left behind: positions, bought positive, and the root of the signed envelopes."""

    positions_wh: Mapping[AccountId, EnergyWh]
    envelope_root: bytes


@dataclass(frozen=True, slots=True)
class EnvelopeBounds:
    """The most that an account may withdraw and inject in a slot, with its Merkle proof."""

    account: AccountId
    import_wh: EnergyWh
    export_wh: EnergyWh
    proof: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Ack:
    """An oracle's answer for a reading: durable there, or refused with a reason."""

    account: AccountId
    sequence: int
    refused: str | None = None


class ChainView(Protocol):
    """What the gateway reads from the chain."""

    def now_s(self) -> int:
        """Return chain time."""
        ...

    def outcome(self, slot: SlotNumber) -> SlotOutcome | None:
        """Return the outcome of a slot, or nothing if it was not cleared (yet)."""
        ...


class EnvelopeSource(Protocol):
    """The grid operator's service."""

    def envelopes(self, slot: SlotNumber) -> Sequence[EnvelopeBounds]:
        """Return the envelopes of a slot.

        Raises:
            PeerUnreachableError: it does not answer.
        """
        ...


class Oracle(Protocol):
    """An oracle that takes readings."""

    @property
    def url(self) -> str:
        """Where it is, which also names it in the store."""
        ...

    def send(self, readings: Sequence[SignedReading]) -> Sequence[Ack]:
        """Send readings, in order; whatever is acknowledged is durable there.

        Raises:
            PeerUnreachableError: it does not answer.
        """
        ...


class ReadingStore(Protocol):
    """What must survive a kill at any instruction."""

    def keep(self, readings: Sequence[SignedReading], homes: Mapping[AccountId, HomeState]) -> None:
        """Write readings and the states that belong to them: all or nothing."""
        ...

    def last_readings(self) -> Mapping[AccountId, SignedReading]:
        """Return the newest reading of each account."""
        ...

    def estimates(self, first: SlotNumber) -> Mapping[AccountId, Sequence[SignedReading]]:
        """Return the estimated readings from slot `first` on that no reading replaces, by account, slots rising."""
        ...

    def waiting(self, oracle: str, most: int) -> Sequence[NumberedReading]:
        """Return the oldest readings that an oracle has not acknowledged."""
        ...

    def acknowledge(self, oracle: str, number: int, refusals: Sequence[Refusal] = ()) -> None:
        """Note that an oracle has everything up to `number`, but for what it refused."""
        ...


@dataclass(frozen=True, slots=True)
class Connected:
    """A meter point that the gateway serves: whose it is, its meter, and the devices behind it, if they can be steered.

    `state_at` gives what must be saved with a reading where meter and devices are a model.
    """

    account: AccountId
    meter_point: bytes
    capacity_kw: int
    meter: Meter
    devices: Devices | None = None
    model: "ModelState | None" = None


class ModelState(Protocol):
    """A modelled home, whose state is saved with its readings."""

    def state_at(self, slot: SlotNumber) -> HomeState:
        """Return the home at the end of a slot that was run."""
        ...
