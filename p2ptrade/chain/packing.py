"""The packed bytes that the auction contract reads and writes, both ways: books, lists of seals, positions, voids.

All integers are big-endian; the layout is that of `IDoubleAuction`. Pages are chained by a running hash,
h_i = keccak256(h_(i-1) ‖ keccak256(page_i)) with h_0 = 0.
"""

import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress
from eth_utils.address import to_canonical_address

from p2ptrade.domain.order import Side, VoidReason
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError

PAGE_BYTES_MAX: Final = 128 * 1024
HASH_BYTES: Final = 32
SALT_BYTES: Final = 16
SIGNATURE_BYTES: Final = 64

_STEPS_MASK: Final = 0x07
_SIDE_BIT: Final = 0x08
_OWN_BIT: Final = 0x10
_UNOPENED_BIT: Final = 0x20
_SUPERSEDED_BIT: Final = 0x40

_HEAD: Final = struct.Struct(">BI")
_ARRIVAL: Final = struct.Struct(">H")
_STEP: Final = struct.Struct(">II")
_ENTRY: Final = struct.Struct(">I32s")
_POSITION: Final = struct.Struct(">Ii7s7s")
_VOID: Final = struct.Struct(">IB")


@dataclass(frozen=True, slots=True)
class OpenedRecord:
    """An order in the clear: steps of (energy in Wh, limit price), whatever they are.

    A relayed order has a signature, an own seal its number among the slot's own seals, in order of arrival.
    """

    account: AccountId
    side: Side
    steps: tuple[tuple[int, int], ...]
    salt: bytes
    signature: bytes | None = None
    arrival: int | None = None

    def pack(self) -> bytes:
        """Return the record's bytes."""
        kind = len(self.steps) | self.side * _SIDE_BIT
        return _head(kind, self.account, self.arrival) + self._body() + (self.signature or b"")

    def opening(self) -> bytes:
        """Return the bytes with which the order is opened on the chain: the same for both ways of sealing."""
        return _HEAD.pack(len(self.steps) | self.side * _SIDE_BIT, self.account) + self._body()

    def _body(self) -> bytes:
        return b"".join(_STEP.pack(*step) for step in self.steps) + self.salt


@dataclass(frozen=True, slots=True)
class UnopenedRecord:
    """An order that nobody opened: `sealed` is the hash of its terms, or the whole digest of an own seal."""

    account: AccountId
    sealed: bytes
    signature: bytes | None = None
    arrival: int | None = None

    def pack(self) -> bytes:
        """Return the record's bytes."""
        return _head(_UNOPENED_BIT, self.account, self.arrival) + self.sealed + (self.signature or b"")


@dataclass(frozen=True, slots=True)
class SupersededRecord:
    """A seal that a later own seal replaces: a relayed one by its ticket, an own one by digest and order of arrival."""

    account: AccountId
    digest: bytes
    arrival: int | None = None

    @property
    def signature(self) -> None:
        """Return nothing: who sealed it does not matter any more."""

    def pack(self) -> bytes:
        """Return the record's bytes."""
        return _head(_SUPERSEDED_BIT, self.account, self.arrival) + self.digest


BookRecord = OpenedRecord | UnopenedRecord | SupersededRecord


@dataclass(frozen=True, slots=True)
class OwnSeal:
    """A seal made by an own transaction: who sent it, and the digest of the order."""

    owner: ChecksumAddress
    digest: bytes

    def pack(self) -> bytes:
        """Return the seal as the contract's chain over own seals takes it in."""
        return to_canonical_address(self.owner) + self.digest


@dataclass(frozen=True, slots=True)
class SealEntry:
    """One entry of a list of relayed seals."""

    account: AccountId
    digest: bytes


def pack_book(records: Iterable[BookRecord], page_bytes: int = PAGE_BYTES_MAX) -> list[bytes]:
    """Return a book as pages of at most `page_bytes`; a superseded record stays with the own seal after it."""
    pages: list[bytearray] = [bytearray()]
    kept_together = b""
    for record in records:
        kept_together += record.pack()
        if isinstance(record, SupersededRecord):
            continue
        if pages[-1] and len(pages[-1]) + len(kept_together) > page_bytes:
            pages.append(bytearray())
        pages[-1] += kept_together
        kept_together = b""
    return [bytes(page) for page in pages]


def unpack_book(page: bytes) -> Iterator[BookRecord]:
    """Return the records of a page.

    Raises:
        InputError: the page ends within a record, or a record has an unknown kind.
    """
    position = 0
    while position < len(page):
        record, position = _read_record(page, position)
        yield record


def pack_entries(entries: Iterable[SealEntry]) -> bytes:
    """Return a list of seals as bytes."""
    return b"".join(_ENTRY.pack(entry.account, entry.digest) for entry in entries)


def unpack_entries(packed: bytes) -> list[SealEntry]:
    """Return the list of seals that `packed` holds.

    Raises:
        InputError: it ends within an entry.
    """
    return [SealEntry(AccountId(account), digest) for account, digest in _each(_ENTRY, packed, "seals")]


def pack_positions(positions: Iterable[Position]) -> bytes:
    """Return positions as bytes, 22 each."""
    return b"".join(
        _POSITION.pack(
            position.account,
            position.energy_wh,
            position.locked_micro.to_bytes(7, "big"),
            position.release_micro.to_bytes(7, "big"),
        )
        for position in positions
    )


def unpack_positions(packed: bytes) -> list[Position]:
    """Return the positions that `packed` holds.

    Raises:
        InputError: it ends within a record.
    """
    return [
        Position(
            AccountId(account),
            EnergyWh(energy_wh),
            AmountMicro(int.from_bytes(locked, "big")),
            AmountMicro(int.from_bytes(release, "big")),
        )
        for account, energy_wh, locked, release in _each(_POSITION, packed, "positions")
    ]


def unpack_voids(packed: bytes) -> list[tuple[AccountId, VoidReason]]:
    """Return the orders that were left out, and why.

    Raises:
        InputError: it ends within a record, or a reason is unknown.
    """
    try:
        return [(AccountId(account), VoidReason(reason)) for account, reason in _each(_VOID, packed, "voids")]
    except ValueError as error:
        raise InputError(f"an order is void for a reason that is not known: {error}") from None


def running_hash(pages: Iterable[bytes], state: bytes = bytes(HASH_BYTES)) -> bytes:
    """Return the running hash of pages, going on from `state`; 32 zero bytes of none."""
    for page in pages:
        state = keccak(state + keccak(page))
    return state


def ticket(digest: bytes, signature: bytes) -> bytes:
    """Return what a relay commits to for a seal: digest and signature, so that neither can be exchanged later."""
    word = int.from_bytes(signature[HASH_BYTES:], "big")
    v, s = 27 + (word >> 255), word & ((1 << 255) - 1)
    return keccak(digest + v.to_bytes(32, "big") + signature[:HASH_BYTES] + s.to_bytes(32, "big"))


def seal_chain(seals: Iterable[OwnSeal], state: bytes = bytes(HASH_BYTES)) -> bytes:
    """Return the hash chain over own seals in their order of arrival, going on from `state`."""
    for seal in seals:
        state = keccak(state + seal.pack())
    return state


def pack_strangers(arrivals: Mapping[int, OwnSeal]) -> bytes:
    """Return the own seals, by their order of arrival, of senders who have no account: no record of a book has them."""
    return b"".join(_ARRIVAL.pack(arrival) + seal.pack() for arrival, seal in arrivals.items())


def positions_hash(positions: Sequence[Position]) -> bytes:
    """Return the running hash of position records; 32 zero bytes of none."""
    state = bytes(HASH_BYTES)
    for position in positions:
        state = keccak(state + pack_positions([position]))
    return state


def _head(kind: int, account: AccountId, arrival: int | None) -> bytes:
    """Return what a record starts with; who has an arrival is an own seal."""
    if arrival is None:
        return _HEAD.pack(kind, account)
    return _HEAD.pack(kind | _OWN_BIT, account) + _ARRIVAL.pack(arrival)


def _each(layout: struct.Struct, packed: bytes, what: str) -> Iterator[Any]:
    if len(packed) % layout.size:
        raise InputError(f"{len(packed)} bytes are no list of {what} of {layout.size} bytes each")
    return layout.iter_unpack(packed)


def _read_record(page: bytes, position: int) -> tuple[BookRecord, int]:
    """Return the record at `position` and where the next one starts."""
    head = _take(page, position, _HEAD.size)
    kind, account_number = _HEAD.unpack(head)
    account = AccountId(account_number)
    body_at = position + _HEAD.size
    path = kind & ~_OWN_BIT
    _require_kind(path <= (_STEPS_MASK | _SIDE_BIT) or path in (_UNOPENED_BIT, _SUPERSEDED_BIT), kind, position)
    arrival = None
    if kind & _OWN_BIT:
        (arrival,) = _ARRIVAL.unpack(_take(page, body_at, _ARRIVAL.size))
        body_at += _ARRIVAL.size
    if path == _SUPERSEDED_BIT:
        return SupersededRecord(account, _take(page, body_at, HASH_BYTES), arrival), body_at + HASH_BYTES
    unopened = path == _UNOPENED_BIT
    steps = 0 if unopened else kind & _STEPS_MASK
    body_bytes = HASH_BYTES if unopened else steps * _STEP.size + SALT_BYTES
    body = _take(page, body_at, body_bytes)
    end = body_at + body_bytes
    signature = None
    if arrival is None:
        signature = _take(page, end, SIGNATURE_BYTES)
        end += SIGNATURE_BYTES
    if unopened:
        return UnopenedRecord(account, body, signature, arrival), end
    pairs = tuple(_STEP.iter_unpack(body[:-SALT_BYTES]))
    side = Side.OFFER if kind & _SIDE_BIT else Side.BID
    return OpenedRecord(account, side, pairs, body[-SALT_BYTES:], signature, arrival), end


def _take(page: bytes, position: int, count: int) -> bytes:
    if position + count > len(page):
        raise InputError(f"the book ends at byte {len(page)}, within a record that needs {position + count} bytes")
    return page[position : position + count]


def _require_kind(known: bool, kind: int, position: int) -> None:
    if not known:
        raise InputError(f"the record at byte {position} has the unknown kind {kind:#04x}")
