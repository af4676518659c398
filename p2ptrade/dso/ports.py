"""What the grid operator needs from outside, each as small as it can be: chain, forecast, outbox, decision log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from eth_typing import ChecksumAddress

from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.grid_decision import LoggedDecision
from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.domain.participant import AccountState, CoverRules
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.grid import Forecast


@dataclass(frozen=True, slots=True)
class Call:
    """A contract and the data of a call to it."""

    to: ChecksumAddress
    data: bytes


class ChainView(Protocol):
    """What the grid operator reads from the chain."""

    def now_s(self) -> int:
        """Return chain time."""
        ...

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        """Return the ledger accounts that exist among those asked for."""
        ...

    def cover_rules(self) -> CoverRules:
        """Return what an order must be covered with."""
        ...

    def connections(self) -> Mapping[AccountId, int]:
        """Return the participants with the number of the connection behind which each is."""
        ...

    def published(self, slot: SlotNumber) -> GridData | None:
        """Return what was published for a slot."""
        ...

    def unpublished(self, slots: Sequence[SlotNumber]) -> list[SlotNumber]:
        """Return those of `slots` for which nothing was published."""
        ...

    def topology_hash(self) -> bytes:
        """Return the hash of the network model that the chain names."""
        ...

    def publish_call(self, grid_data: Mapping[SlotNumber, GridData]) -> Call:
        """Return the call that publishes for slots."""
        ...

    def topology_call(self, topology_hash: bytes) -> Call:
        """Return the call that names the network model."""
        ...


class Forecaster(Protocol):
    """What the connections will do."""

    def forecast(self, slot: SlotNumber) -> Forecast | None:
        """Return the forecast of a slot for every connection, or nothing if there is none for that time."""
        ...


class DecisionLog(Protocol):
    """The decisions taken; on the disk when `keep` returns."""

    def keep(self, decision: LoggedDecision) -> None:
        """Keep a decision; the same again changes nothing."""
        ...

    def approved(self, slot: SlotNumber) -> LoggedDecision | None:
        """Return the newest approval of a slot."""
        ...


class Outbox(Protocol):
    """The grid operator's outgoing transactions."""

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes) -> Outgoing:
        """Send a transaction for `intent` unless it has one that may still succeed, or did."""
        ...

    def advance(self) -> list[Outgoing]:
        """Send again and look up what is waiting."""
        ...

    def waiting(self) -> int:
        """Return how many transactions are in no block yet."""
        ...
