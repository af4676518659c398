"""Packed books, lists of seals and positions: the bytes by hand, the way back, and refusals of what is no book."""

import pytest
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.chain.packing import (
    BookRecord,
    OpenedRecord,
    OwnSeal,
    SealEntry,
    SupersededRecord,
    UnopenedRecord,
    pack_book,
    pack_entries,
    pack_positions,
    pack_strangers,
    running_hash,
    seal_chain,
    unpack_book,
    unpack_entries,
    unpack_positions,
)
from p2ptrade.domain.order import Side
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError

u32 = st.integers(0, 2**32 - 1)
accounts = u32.map(AccountId)
hashes = st.binary(min_size=32, max_size=32)
signed = st.binary(min_size=64, max_size=64)
arrivals = st.integers(0, 2**16 - 1)
terms = (
    accounts,
    st.sampled_from(Side),
    st.lists(st.tuples(u32, u32), max_size=7).map(tuple),
    st.binary(min_size=16, max_size=16),
)
records = st.one_of(
    st.builds(OpenedRecord, *terms, signed),
    st.builds(OpenedRecord, *terms, arrival=arrivals),
    st.builds(UnopenedRecord, accounts, hashes, signed),
    st.builds(UnopenedRecord, accounts, hashes, arrival=arrivals),
    st.builds(SupersededRecord, accounts, hashes, st.none() | arrivals),
)


def test_the_bytes_of_each_kind_of_record_are_those_of_the_contract() -> None:
    opened = OpenedRecord(AccountId(16), Side.OFFER, ((1, 2), (3, 4)), b"s" * 16, b"g" * 64)
    own_unopened = UnopenedRecord(AccountId(17), b"d" * 32, arrival=259)
    superseded = SupersededRecord(AccountId(17), b"r" * 32)

    (page,) = pack_book([opened, superseded, own_unopened])

    first = bytes.fromhex("0a 00000010 00000001 00000002 00000003 00000004") + b"s" * 16 + b"g" * 64
    second = bytes.fromhex("40 00000011") + b"r" * 32 + bytes.fromhex("30 00000011 0103") + b"d" * 32
    assert page == first + second
    assert opened.opening() == first[: -len(b"g" * 64)]


@given(st.lists(records, max_size=8))
def test_a_book_comes_back_as_it_was(book: list[BookRecord]) -> None:
    page = b"".join(record.pack() for record in book)

    assert list(unpack_book(page)) == book


@given(st.lists(records, min_size=1, max_size=4), st.data())
def test_a_book_cut_short_is_refused(book: list[BookRecord], data: st.DataObject) -> None:
    page = b"".join(record.pack() for record in book)
    rest = len(page) - len(book[-1].pack())
    cut = data.draw(st.integers(rest + 1, len(page) - 1))

    with pytest.raises(InputError, match="within a record"):
        list(unpack_book(page[:cut]))


@pytest.mark.parametrize("kind", [0x80, 0x21, 0x28, 0x60, 0x70, 0x41])
def test_a_kind_that_the_contract_does_not_know_is_refused(kind: int) -> None:
    with pytest.raises(InputError, match="unknown kind"):
        list(unpack_book(bytes([kind]) + bytes(200)))


def test_pages_keep_a_superseded_seal_with_the_one_that_replaces_it() -> None:
    book: list[BookRecord] = [
        UnopenedRecord(AccountId(1), b"a" * 32, arrival=0),
        SupersededRecord(AccountId(2), b"b" * 32),
        UnopenedRecord(AccountId(2), b"c" * 32, arrival=1),
    ]

    pages = pack_book(book, page_bytes=80)

    assert [list(unpack_book(page)) for page in pages] == [book[:1], book[1:]]


def test_the_running_hash_follows_its_definition() -> None:
    entries = [SealEntry(AccountId(1), b"a" * 32), SealEntry(AccountId(2), b"b" * 32)]
    one, two = pack_entries(entries[:1]), pack_entries(entries[1:])

    assert unpack_entries(one + two) == entries
    assert running_hash([one, two]) == keccak(keccak(bytes(32) + keccak(one)) + keccak(two))


def test_the_chain_of_own_seals_runs_over_sender_and_digest() -> None:
    seals = [OwnSeal(to_checksum_address(bytes([number]) * 20), bytes([number + 8]) * 32) for number in (1, 2)]
    one, two = (bytes([number]) * 20 + bytes([number + 8]) * 32 for number in (1, 2))

    assert seal_chain(seals) == keccak(keccak(bytes(32) + one) + two)
    assert pack_strangers({513: seals[1]}) == b"\2\1" + two


@given(st.integers(-(2**31) + 1, 2**31 - 1), st.integers(0, 2**56 - 1), st.integers(0, 2**56 - 1))
def test_a_position_comes_back_as_it_was(energy_wh: int, locked: int, release: int) -> None:
    position = Position(AccountId(16), EnergyWh(energy_wh), AmountMicro(locked), AmountMicro(release))

    assert unpack_positions(pack_positions([position])) == [position]
    assert len(pack_positions([position])) == 22
