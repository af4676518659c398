"""Balances recomputed from events alone, to be compared with what the contracts say. Pure.

An event is what a contract said in the past tense; the fields are those of the contracts' interfaces. Replaying them
must give every balance: of the ledger's accounts, of the credits' holders, of the energy tokens' holders.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber

ZERO_ADDRESS: Final = "0x" + 40 * "0"

NOTHING: Final = AmountMicro(0)
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class CashMoved:
    """Cash entered, left or moved between accounts of the ledger: `deltas` sum to what entered less what left."""

    deltas: tuple[tuple[AccountId, AmountMicro], ...]
    outside_micro: AmountMicro = NOTHING

    @property
    def created_micro(self) -> int:
        """Return what the event made out of nothing: 0 unless the ledger is broken."""
        return sum(delta for _, delta in self.deltas) - self.outside_micro


@dataclass(frozen=True, slots=True)
class CreditsTransferred:
    """An ERC-20 transfer; from the zero address it is issued, to the zero address redeemed."""

    sender: str
    receiver: str
    amount_micro: AmountMicro


@dataclass(frozen=True, slots=True)
class TokensTransferred:
    """Energy tokens of one slot changed hands; from the zero address they are minted, to it retired."""

    slot: SlotNumber
    sender: str
    receiver: str
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Difference:
    """A balance that the events do not bear out, in the unit of `what`."""

    what: str
    replayed: int
    stored: int

    def __str__(self) -> str:
        return f"{self.what}: the events give {self.replayed}, the chain says {self.stored}"


def cash_of(events: Iterable[CashMoved]) -> dict[AccountId, int]:
    """Return the cash of every account, in micro-credits."""
    cash: defaultdict[AccountId, int] = defaultdict(int)
    for event in events:
        for account, delta in event.deltas:
            cash[account] += delta
    return dict(cash)


def credits_of(events: Iterable[CreditsTransferred]) -> dict[str, int]:
    """Return the credits of every holder; that of the zero address is minus the supply."""
    held: defaultdict[str, int] = defaultdict(int)
    for event in events:
        held[event.sender] -= event.amount_micro
        held[event.receiver] += event.amount_micro
    return dict(held)


def tokens_of(events: Iterable[TokensTransferred]) -> dict[tuple[SlotNumber, str], int]:
    """Return the energy tokens of every slot and holder, in Wh; that of the zero address is minus the supply."""
    held: defaultdict[tuple[SlotNumber, str], int] = defaultdict(int)
    for event in events:
        held[event.slot, event.sender] -= event.energy_wh
        held[event.slot, event.receiver] += event.energy_wh
    return dict(held)


def minted_by_slot(events: Iterable[TokensTransferred]) -> dict[SlotNumber, int]:
    """Return what was minted of each slot, in Wh, retired tokens included."""
    minted: defaultdict[SlotNumber, int] = defaultdict(int)
    for event in events:
        if event.sender == ZERO_ADDRESS:
            minted[event.slot] += event.energy_wh
    return dict(minted)


def differences(what: str, replayed: Mapping[Key, int], stored: Mapping[Key, int]) -> list[Difference]:
    """Return every key of either side whose balances differ; a missing balance is zero."""
    keys = sorted({*replayed, *stored}, key=str)
    pairs = ((key, replayed.get(key, 0), stored.get(key, 0)) for key in keys)
    return [Difference(f"{what} {key}", ours, theirs) for key, ours, theirs in pairs if ours != theirs]
