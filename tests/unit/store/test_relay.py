"""What the relay has given a receipt for is on the disk, and a closed slot takes nothing more."""

from pathlib import Path

import pytest

from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import KeptSeal, Seal, Terms
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.store import Database
from p2ptrade.store.relay import RelayTable

SLOT = SlotNumber(7)
TERMS = Terms(Side.OFFER, ((4_000_000_000, 1), (2, 4_294_967_295)), b"s" * 16)


def kept(account: int, slot: SlotNumber = SLOT, received_at_s: int = 5) -> KeptSeal:
    seal = Seal(slot, AccountId(account), bytes([account]) * 32, b"g" * 64)
    return KeptSeal(seal, b"d" * 32, EpochSeconds(received_at_s))


def open_table(folder: Path, market: str = "1337:0xabc") -> RelayTable:
    return RelayTable(Database.open(folder / "relay.sqlite"), market)


def test_seals_and_openings_are_there_after_a_restart(tmp_path: Path) -> None:
    first = open_table(tmp_path)
    first.keep_seals(SLOT, [kept(16), kept(17)])
    first.keep_openings(SLOT, {b"d" * 32: TERMS})

    again = open_table(tmp_path)

    assert again.seals(SLOT) == {16: kept(16), 17: kept(17)}
    assert again.openings(SLOT) == {b"d" * 32: TERMS}


def test_a_seal_kept_twice_keeps_its_first_receipt(tmp_path: Path) -> None:
    table = open_table(tmp_path)

    table.keep_seals(SLOT, [kept(16)])
    table.keep_seals(SLOT, [kept(16, received_at_s=9)])

    assert table.seals(SLOT) == {16: kept(16)}


def test_a_closed_slot_takes_no_more_seals_and_other_slots_do(tmp_path: Path) -> None:
    table = open_table(tmp_path)
    table.keep_seals(SLOT, [kept(16)])

    assert table.close(SLOT) == table.close(SLOT) == {16: kept(16)}

    with pytest.raises(RefusedError, match="takes no more seals"):
        table.keep_seals(SLOT, [kept(17)])
    next_slot = SlotNumber(SLOT + 1)
    table.keep_seals(next_slot, [kept(17, next_slot)])
    assert list(table.seals(next_slot)) == [17]
    assert list(table.seals(SLOT)) == [16]


def test_markets_do_not_see_each_other(tmp_path: Path) -> None:
    open_table(tmp_path).close(SLOT)
    other = open_table(tmp_path, "1:0xdef")

    other.keep_seals(SLOT, [kept(16)])

    assert open_table(tmp_path).seals(SLOT) == {}
