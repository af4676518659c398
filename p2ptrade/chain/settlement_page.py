"""The bytes of a settlement: pages of records, corrections, and the hashes that the oracles sign. Both ways.

A page is a row of records with strictly rising accounts, all integers big-endian:

    metered i32 | flags u8 | account u32 | position (energy i32, locked u56, release u56) | breach u32

flags: bit 0 has a position, bit 1 estimated, bit 2 breach; what is not announced is absent. The first page starts with
the totals of the slot: net i64, given u64, taken u64. A correction has the old record, then the new metered i32,
flags u8 and, if bit 2 is set, breach u32.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.domain.metered import NO_ENERGY, MeteredAccount, SlotTotals
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError

RECORDS_PER_PAGE: Final = 800
"""Most records of a page: about 6,500 gas each, well below what one transaction may use on any chain."""

NO_HASH: Final = bytes(32)
_HEAD: Final = struct.Struct(">iBI")
_NEW: Final = struct.Struct(">iB")
_TOTALS: Final = struct.Struct(">qQQ")
_U32: Final = struct.Struct(">I")
_POSITION_BYTES: Final = 18
_AMOUNT_BYTES: Final = 7
_HAS_POSITION, _ESTIMATED, _BREACHED = 1, 2, 4


@dataclass(frozen=True, slots=True)
class PackedSlot:
    """A slot's pages and the hash over them."""

    pages: tuple[bytes, ...]

    @property
    def data_hash(self) -> bytes:
        """Return the running hash over all pages: what a report carries."""
        return running_hash(self.page_hashes)

    @property
    def page_hashes(self) -> tuple[bytes, ...]:
        """Return the hash of each page."""
        return tuple(keccak(page) for page in self.pages)

    def later_hashes(self, page: int) -> tuple[bytes, ...]:
        """Return the hashes of the pages after page number `page`, which prove it."""
        return self.page_hashes[page + 1 :]

    def proof_of(self, page: int) -> tuple[bytes, bytes, tuple[bytes, ...]]:
        """Return running hash before, page, and hashes after page number `page`."""
        return running_hash(self.page_hashes[:page]), self.pages[page], self.later_hashes(page)


def running_hash(hashes: Sequence[bytes]) -> bytes:
    """Return h_n with h_0 = 0 and h_i = keccak256(h_(i-1) || hash_i)."""
    running = NO_HASH
    for one in hashes:
        running = keccak(running + one)
    return running


def pack_slot(accounts: Sequence[MeteredAccount], records_per_page: int = RECORDS_PER_PAGE) -> PackedSlot:
    """Return the pages of a slot; `accounts` rise strictly. A slot without accounts has one page of totals."""
    totals = SlotTotals.of(accounts)
    head = _TOTALS.pack(totals.net_wh, totals.given_wh, totals.taken_wh)
    records = [pack_record(account) for account in accounts]
    pages = [b"".join(records[at : at + records_per_page]) for at in range(0, len(records), records_per_page)]
    return PackedSlot((head + (pages[0] if pages else b""), *pages[1:]))


def unpack_slot(pages: Sequence[bytes]) -> tuple[MeteredAccount, ...]:
    """Return the accounts in the pages of a slot.

    Raises:
        InputError: a page ends inside a record, or the totals are not those of the records.
    """
    if not pages or len(pages[0]) < _TOTALS.size:
        raise InputError("the first page of a settlement starts with 24 bytes of totals")
    body = pages[0][_TOTALS.size :], *pages[1:]
    accounts = tuple(account for page in body for account in _records(page))
    totals = SlotTotals.of(accounts)
    if _TOTALS.unpack_from(pages[0]) != (totals.net_wh, totals.given_wh, totals.taken_wh):
        raise InputError("the totals at the start of the first page are not those of its records")
    return accounts


def pack_record(account: MeteredAccount) -> bytes:
    """Return the record of one account."""
    position = account.position
    flags = (
        (_HAS_POSITION if position is not None else 0)
        | (_ESTIMATED if account.estimated else 0)
        | (_BREACHED if account.breach_wh else 0)
    )
    packed = _HEAD.pack(account.metered_wh, flags, account.account)
    if position is not None:
        packed += pack_position(position)
    if account.breach_wh:
        packed += _U32.pack(account.breach_wh)
    return packed


def pack_position(position: Position) -> bytes:
    """Return the 18 bytes of a position without its account."""
    return (
        position.energy_wh.to_bytes(4, "big", signed=True)
        + position.locked_micro.to_bytes(_AMOUNT_BYTES, "big")
        + position.release_micro.to_bytes(_AMOUNT_BYTES, "big")
    )


def pack_corrections(changes: Sequence[tuple[MeteredAccount, MeteredAccount]]) -> bytes:
    """Return the page of a correcting report from (as settled, as corrected) pairs, accounts strictly rising."""
    return b"".join(pack_record(old) + _pack_new(new) for old, new in changes)


def unpack_corrections(page: bytes) -> tuple[tuple[MeteredAccount, MeteredAccount], ...]:
    """Return the (as settled, as corrected) pairs of a correcting report.

    Raises:
        InputError: the bytes end inside a record.
    """
    changes, offset = [], 0
    while offset < len(page):
        old, offset = _record(page, offset)
        if offset + _NEW.size > len(page):
            raise InputError(f"the correction of account {old.account} has no new reading")
        metered, flags = _NEW.unpack_from(page, offset)
        breach, offset = _breach(page, offset + _NEW.size, flags)
        new = replace(old, metered_wh=EnergyWh(metered), estimated=bool(flags & _ESTIMATED), breach_wh=EnergyWh(breach))
        changes.append((old, new))
    return tuple(changes)


def _pack_new(account: MeteredAccount) -> bytes:
    flags = (_ESTIMATED if account.estimated else 0) | (_BREACHED if account.breach_wh else 0)
    packed = _NEW.pack(account.metered_wh, flags)
    return packed + _U32.pack(account.breach_wh) if account.breach_wh else packed


def _records(page: bytes) -> Iterator[MeteredAccount]:
    offset = 0
    while offset < len(page):
        account, offset = _record(page, offset)
        yield account


def _record(page: bytes, offset: int) -> tuple[MeteredAccount, int]:
    """Return the record at `offset` and where it ends."""
    if offset + _HEAD.size > len(page):
        raise InputError(f"the page ends inside the record at byte {offset}")
    metered, flags, number = _HEAD.unpack_from(page, offset)
    account = AccountId(number)
    at = offset + _HEAD.size
    position = None
    if flags & _HAS_POSITION:
        if at + _POSITION_BYTES > len(page):
            raise InputError(f"the page ends inside the position of account {account}")
        position = _position(account, page[at : at + _POSITION_BYTES])
        at += _POSITION_BYTES
    breach, at = _breach(page, at, flags)
    return MeteredAccount(account, EnergyWh(metered), position, bool(flags & _ESTIMATED), EnergyWh(breach)), at


def _breach(page: bytes, at: int, flags: int) -> tuple[int, int]:
    if not flags & _BREACHED:
        return NO_ENERGY, at
    if at + _U32.size > len(page):
        raise InputError(f"the page ends inside the breach at byte {at}")
    return _U32.unpack_from(page, at)[0], at + _U32.size


def _position(account: AccountId, packed: bytes) -> Position:
    return Position(
        account,
        EnergyWh(int.from_bytes(packed[:4], "big", signed=True)),
        AmountMicro(int.from_bytes(packed[4:11], "big")),
        AmountMicro(int.from_bytes(packed[11:], "big")),
    )
