"""Clearing a book of several pages: the calls it takes, and the state that goes from one to the next.

Layouts are those of `IDoubleAuctionPages`. A plan says what every call brings and, before any is sent, to which hashes
it leads (`Checkpoint`): by these whoever goes on with a clearing finds the state that the chain has come to.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from eth_hash.auto import keccak

from p2ptrade.chain.abi import Parameters
from p2ptrade.chain.packing import (
    HASH_BYTES,
    BookRecord,
    OwnSeal,
    SealEntry,
    pack_entries,
    running_hash,
    seal_chain,
)
from p2ptrade.domain.units import AccountId, PriceHalfMicroPerKwh, SlotNumber

PAGE_ORDERS: Final = 1000
"""How many relayed seals a chunk of the commitment has, and how many records a page at most: 10M gas of 16.7M."""
CALL_BYTES: Final = 104 * 1024
"""Records, seals and unfinished entries of one call; with zones and hashes it then stays below 128 KiB."""
SEAL_BYTES: Final = 53

_CLEARING: Final = Parameters(("(uint64,bytes32,uint64[],bytes,bytes,bytes32,bytes)",), ("clearing",))
_JUDGED: Final = Parameters(
    ("(bytes32,bytes32,bytes32,uint256,uint256,uint256,uint256,uint256[],bytes32[],bytes)",), ("judged",)
)
_FILLED: Final = Parameters(
    ("(bytes32,uint256,bytes32,uint256,uint256,uint256,uint256,uint256[],bytes32[])",), ("filled",)
)


@dataclass(frozen=True, slots=True)
class Clearing:
    """What all pages of one clearing have in common; `published` is empty if `grid_data` is what was published."""

    slot: SlotNumber
    book_hash: bytes
    prices: tuple[PriceHalfMicroPerKwh, ...]
    grid_data: bytes
    published: bytes
    envelope_root: bytes
    verdict: bytes

    @classmethod
    def of(cls, values: Sequence[Any]) -> "Clearing":
        """Return the clearing that the contract's struct holds."""
        slot, book_hash, prices, *rest = values
        return cls(SlotNumber(slot), book_hash, tuple(map(PriceHalfMicroPerKwh, prices)), *rest)

    def struct(self) -> tuple[Any, ...]:
        """Return the contract's struct."""
        return (
            self.slot,
            self.book_hash,
            list(self.prices),
            self.grid_data,
            self.published,
            self.envelope_root,
            self.verdict,
        )

    @property
    def hash(self) -> bytes:
        """Return the hash by which events name the clearing."""
        return keccak(_CLEARING.encode((self.struct(),)))


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What judging has come to, as far as it follows from the book and the seals alone."""

    book_hash: bytes = bytes(HASH_BYTES)
    entries_hash: bytes = bytes(HASH_BYTES)
    own_chain: bytes = bytes(HASH_BYTES)
    arrivals: int = 0
    entries: bytes = b""

    @classmethod
    def in_state(cls, state: bytes) -> "Checkpoint":
        """Return the checkpoint in a state of the contract."""
        ((book_hash, entries_hash, own_chain, arrivals, *_, entries),) = _JUDGED.decode(state)
        return cls(book_hash, entries_hash, own_chain, arrivals, entries)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a page came to: packed trades and bonds, packed void orders."""

    trades: bytes
    voids: bytes

    @property
    def hash(self) -> bytes:
        """Return the hash by which a state names the outcome."""
        return keccak(keccak(self.trades) + keccak(self.voids))


@dataclass(frozen=True, slots=True)
class CallPlan:
    """What one call brings, and what it leads to."""

    book: bytes
    ends_chunk: bool
    seals: bytes
    after: Checkpoint

    def struct(self) -> tuple[bytes, bool, bytes]:
        """Return the contract's struct."""
        return self.book, self.ends_chunk, self.seals


@dataclass(frozen=True, slots=True)
class ArrivedSeal:
    """An own seal; a stranger's has no record in the book."""

    seal: OwnSeal
    is_stranger: bool

    def pack(self) -> bytes:
        """Return the bytes of the list that goes with a page."""
        return bytes([self.is_stranger]) + self.seal.pack()


def outcomes_of(state: bytes) -> tuple[bytes, ...]:
    """Return the hashes of all pages' outcomes in the state of an accepted clearing, and with that their number."""
    ((*_, outcomes),) = _FILLED.decode(state)
    return tuple(outcomes)


def pages_filled(state: bytes) -> int:
    """Return how many pages of an accepted clearing are filled in this state."""
    ((_, page, *_),) = _FILLED.decode(state)
    return int(page)


def chunks_of(entries: Sequence[SealEntry], chunk_seals: int) -> list[bytes]:
    """Return the entries in chunks of `chunk_seals`, the last with the rest; the commitment is their running hash."""
    return [pack_entries(entries[first : first + chunk_seals]) for first in range(0, len(entries), chunk_seals)]


def plan_calls(
    records: Iterable[BookRecord],
    tickets: Mapping[AccountId, bytes],
    seals: Sequence[ArrivedSeal],
    *,
    chunk_seals: int = PAGE_ORDERS,
    page_records: int = PAGE_ORDERS,
    call_bytes: int = CALL_BYTES,
) -> tuple[CallPlan, ...]:
    """Return the calls that judge a book: a page ends with a chunk of the commitment or when it is full.

    `tickets` has the committed entry of every account with a relayed record. Own seals go with the last page if they
    fit, and else in calls after it.
    """
    calls: list[CallPlan] = []
    after = Checkpoint()
    for page in _pages(records, chunk_seals, page_records, call_bytes):
        entries = after.entries + pack_entries(SealEntry(account, tickets[account]) for account in page.relayed)
        after = replace(after, book_hash=running_hash([page.book], after.book_hash), entries=entries)
        if page.ends_chunk:
            after = replace(after, entries_hash=running_hash([entries], after.entries_hash), entries=b"")
        calls.append(CallPlan(page.book, page.ends_chunk, b"", after))
    waiting = list(seals)
    if calls and waiting and len(waiting) * SEAL_BYTES + len(calls[-1].book) + len(after.entries) <= call_bytes:
        calls[-1] = _with_seals(calls[-1], waiting)
        waiting = []
    at_once = (call_bytes - len(after.entries)) // SEAL_BYTES
    for first in range(0, len(waiting), at_once):
        blank = CallPlan(b"", False, b"", calls[-1].after)
        calls.append(_with_seals(blank, waiting[first : first + at_once]))
    return tuple(calls)


@dataclass(slots=True)
class _Page:
    """A page that is being filled."""

    records: int
    book: bytes
    relayed: list[AccountId]
    ends_chunk: bool = False


def _pages(records: Iterable[BookRecord], chunk_seals: int, page_records: int, call_bytes: int) -> Iterator[_Page]:
    page = _Page(0, b"", [])
    in_chunk = carried = 0
    for record in records:
        packed = record.pack()
        if page.records and (page.records >= page_records or len(page.book) + len(packed) + carried > call_bytes):
            carried = in_chunk * len(pack_entries([SealEntry(AccountId(0), bytes(HASH_BYTES))]))
            yield page
            page = _Page(0, b"", [])
        page.records += 1
        page.book += packed
        if record.arrival is not None:
            continue
        page.relayed.append(record.account)
        in_chunk += 1
        if in_chunk == chunk_seals:
            page.ends_chunk = True
            yield page
            page, in_chunk, carried = _Page(0, b"", []), 0, 0
    if page.records:
        page.ends_chunk = True
        yield page


def _with_seals(call: CallPlan, seals: Sequence[ArrivedSeal]) -> CallPlan:
    before = call.after
    chain = seal_chain((each.seal for each in seals), before.own_chain)
    after = replace(before, own_chain=chain, arrivals=before.arrivals + len(seals))
    return CallPlan(call.book, call.ends_chunk, b"".join(each.pack() for each in seals), after)
