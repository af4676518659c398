"""What the relay needs from outside: the chain, a durable store, an outbox, the grid operator."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from eth_typing import ChecksumAddress

from p2ptrade.chain.clearing_pages import CallPlan, Checkpoint, Clearing
from p2ptrade.chain.contracts.auction_pages import AcceptedClearing
from p2ptrade.chain.packing import OwnSeal
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.outgoing import Outgoing
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


@dataclass(frozen=True, slots=True)
class Paging:
    """A clearing that takes several calls: what is the same in all of them, and what each brings."""

    clearing: Clearing
    calls: tuple[CallPlan, ...]

    def next_call(self, states: Iterable[bytes]) -> tuple[int, bytes]:
        """Return the number of the next call and the state it goes on from, of those that the chain has come to.

        Somebody else may have judged other pages; what does not follow the plan is left aside. Of several states after
        the same call the newest counts.
        """
        number_after = {call.after: number + 1 for number, call in enumerate(self.calls)}
        best = (0, b"")
        for state in states:
            number = number_after.get(Checkpoint.in_state(state), 0)
            if number and number >= best[0]:
                best = (number, state)
        return best


@dataclass(slots=True)
class Progress:
    """What is known of a slot in this process; all of it can be found again on the chain or in the store."""

    stands: str = ""
    rounds: int = 0
    attempts: int = 0
    given_up: bool = False
    cleared: Cleared | None = None
    paging: Paging | None = None


@dataclass(frozen=True, slots=True)
class Turn:
    """A slot that is being cleared in pages; `accepted` once all its pages are judged."""

    slot: SlotNumber
    accepted: AcceptedClearing | None = None


@dataclass(frozen=True, slots=True)
class Challenge:
    """An owner's claim that a seal with a receipt is not in the relay's commitment."""

    slot: SlotNumber
    account: AccountId
    digest: bytes


@dataclass(frozen=True, slots=True)
class Arrival:
    """A seal that came by an own transaction, and the account of its sender, who may be a stranger without one."""

    seal: OwnSeal
    account: AccountId | None


@dataclass(frozen=True, slots=True)
class Call:
    """A call to be sent as a transaction."""

    to: ChecksumAddress
    data: bytes


class ChainView(Protocol):
    """What the relay reads from the chain, and how it words what it sends there."""

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

    def arrivals(self, slot: SlotNumber) -> tuple[Arrival, ...]:
        """Return the seals made by own transactions, in their order of arrival."""
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

    def commit_call(self, slot: SlotNumber, root: bytes, count: int) -> Call:
        """Return the call that commits to the relayed seals of a slot."""
        ...

    def challenges(self, first_block: int) -> tuple[Challenge, ...]:
        """Return the claims that were made since a block, answered or not."""
        ...

    def answer_call(self, challenge: Challenge, signature: bytes, entries: Sequence[bytes]) -> Call:
        """Return the call that shows a claimed seal in the commitment made of chunks of `entries`."""
        ...

    def clear_call(
        self, slot: SlotNumber, book: bytes, strangers: bytes, result: "Submittable", published: GridData
    ) -> Call:
        """Return the call that clears a slot whose book is one page."""
        ...

    def turn(self) -> Turn | None:
        """Return the slot that is being cleared in pages, if nothing else can be cleared before."""
        ...

    def judged_states(self, clearing: Clearing) -> Sequence[bytes]:
        """Return the states that judging a clearing in pages has come to, in their order."""
        ...

    def judge_call(self, clearing: Clearing, call: CallPlan, state: bytes) -> Call:
        """Return the call that judges a page."""
        ...

    def fill_call(self, accepted: AcceptedClearing) -> Call:
        """Return the call that fills the next page of an accepted clearing."""
        ...


class AcceptedSource(Protocol):
    """Where clearings are found that were accepted and not filled."""

    def accepted(self, slot: SlotNumber) -> AcceptedClearing | None:
        """Return the accepted clearing of a slot as long as pages of it wait to be filled."""
        ...

    def cleared(self, slot: SlotNumber) -> Cleared | None:
        """Return the clearing of a slot, if it was cleared."""
        ...

    def turn(self) -> Turn | None:
        """Return the slot that is being cleared in pages, if nothing else can be cleared before."""
        ...

    def fill_call(self, accepted: AcceptedClearing) -> Call:
        """Return the call that fills the next page of an accepted clearing."""
        ...


class Submittable(Protocol):
    """A result that the grid operator approved."""

    @property
    def prices(self) -> tuple[PriceHalfMicroPerKwh, ...]:
        """Return the zone prices."""
        ...

    @property
    def grid(self) -> GridData:
        """Return the grid data that the prices keep."""
        ...

    @property
    def verdict(self) -> ApprovedVerdict:
        """Return the operator's verdict."""
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


class Outbox(Protocol):
    """The relay's outgoing transactions: each intent is sent once, whatever happens in between."""

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes) -> Outgoing:
        """Send a transaction for `intent` unless it has one that may still succeed, or did.

        Raises:
            TransactionRevertedError: it would revert now.
        """
        ...

    def find(self, intent: str) -> Outgoing | None:
        """Return the transaction of an intent."""
        ...

    def wait(self, intent: str) -> Outgoing:
        """Return the transaction of an intent once it is in a block."""
        ...

    def advance(self) -> list[Outgoing]:
        """Send and look up what is waiting."""
        ...


class GridOperator(Protocol):
    """Who says whether the grid can carry a result."""

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict | RefusedVerdict:
        """Return the verdict on a result."""
        ...
