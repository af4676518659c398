"""What the relay needs from outside: the chain, a durable store, an outbox, the grid operator."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from p2ptrade.chain.packing import SealEntry
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.participant import AccountState, CoverRules
from p2ptrade.domain.sealed import KeptSeal, Terms
from p2ptrade.domain.units import AccountId, EnergyWh, PriceHalfMicroPerKwh, SlotNumber
from p2ptrade.transport.schemas.grid import ApprovedVerdict, RefusedVerdict, VerdictRequest


@dataclass(frozen=True, slots=True)
class Head:
    """The newest block: number and chain time."""

    number: int
    time_s: int


@dataclass(frozen=True, slots=True)
class Cleared:
    """The clearing of a slot as the chain recorded it."""

    prices: tuple[PriceHalfMicroPerKwh, ...]
    bought_wh: EnergyWh
    transaction_hash: bytes


class ChainView(Protocol):
    """What the relay reads from the chain."""

    def head(self) -> Head:
        """Return the newest block."""
        ...

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        """Return the ledger accounts that exist among those asked for."""
        ...

    def cover_rules(self) -> CoverRules:
        """Return what an order must be covered with."""
        ...

    def root(self, slot: SlotNumber) -> bytes | None:
        """Return the relay's commitment of a slot."""
        ...

    def own_seals(self, slot: SlotNumber) -> tuple[SealEntry, ...]:
        """Return the seals made by own transactions, in their order of arrival."""
        ...

    def own_seals_sorted(self, slot: SlotNumber) -> bool:
        """Return whether the own seals of a slot have been put into the order of the book."""
        ...

    def opened(self, slot: SlotNumber) -> Mapping[bytes, Terms]:
        """Return the orders that their owners opened on the chain, by digest."""
        ...

    def grid_data(self, slot: SlotNumber) -> GridData | None:
        """Return what the grid operator published for a slot."""
        ...

    def cleared(self, slot: SlotNumber) -> Cleared | None:
        """Return the clearing of a slot, if it was cleared."""
        ...


class SealStore(Protocol):
    """What the relay keeps; whatever a method was asked to keep is on the disk when it returns."""

    def seals(self, slot: SlotNumber) -> dict[AccountId, KeptSeal]:
        """Return the seals of a slot by account."""
        ...

    def keep_seals(self, slot: SlotNumber, seals: Sequence[KeptSeal]) -> None:
        """Keep seals.

        Raises:
            RefusedError: the slot has been closed.
        """
        ...

    def close(self, slot: SlotNumber) -> dict[AccountId, KeptSeal]:
        """Take no more seals of a slot from now on, and return those that it has; closing again changes nothing."""
        ...

    def openings(self, slot: SlotNumber) -> dict[bytes, Terms]:
        """Return the openings of a slot by digest."""
        ...

    def keep_openings(self, slot: SlotNumber, openings: Mapping[bytes, Terms]) -> None:
        """Keep openings."""
        ...


class Sent(Enum):
    """What became of a transaction that was asked for."""

    UNKNOWN = "unknown"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    REVERTED = "reverted"


class Transactions(Protocol):
    """The relay's outgoing transactions: each intent is sent once, whatever happens in between."""

    def send(self, intent: str, function: str, *arguments: object) -> None:
        """Send a call of the auction contract under the name `intent`, unless that intent was sent before."""
        ...

    def outcome(self, intent: str) -> Sent:
        """Return what became of an intent."""
        ...

    def advance(self) -> None:
        """Send and look up what is waiting."""
        ...


class GridOperator(Protocol):
    """Who says whether the grid can carry a result."""

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict | RefusedVerdict:
        """Return the verdict on a result."""
        ...
