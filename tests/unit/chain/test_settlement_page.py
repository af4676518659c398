"""Settlement pages: what goes in comes out, and what is not a page is refused with the place."""

from random import Random

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import (
    pack_corrections,
    pack_record,
    pack_slot,
    running_hash,
    unpack_corrections,
    unpack_slot,
)
from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh
from p2ptrade.errors import InputError
from tests.support.settlement import random_slot


@pytest.mark.parametrize("records_per_page", [1, 3, 800])
@pytest.mark.parametrize("seed", range(20))
def test_a_slot_comes_out_of_its_pages_as_it_went_in(seed: int, records_per_page: int) -> None:
    accounts, _ = random_slot(Random(seed), list(range(16, 30)))

    packed = pack_slot(accounts, records_per_page)

    assert list(unpack_slot(packed.pages)) == accounts
    assert len(packed.pages) == -(-len(accounts) // records_per_page)


def test_a_record_is_laid_out_as_the_interface_says() -> None:
    position = Position(AccountId(7), EnergyWh(-2), AmountMicro(3), AmountMicro(4))
    account = MeteredAccount(AccountId(7), EnergyWh(-1), position, True, EnergyWh(5))

    metered, flags, number = "ffffffff", "07", "00000007"
    energy, locked, release, breach = "fffffffe", "00000000000003", "00000000000004", "00000005"
    assert pack_record(account).hex() == metered + flags + number + energy + locked + release + breach


def test_every_page_is_proven_by_what_comes_before_and_after_it() -> None:
    accounts, _ = random_slot(Random(1), list(range(16, 30)))
    packed = pack_slot(accounts, 4)

    for number in range(len(packed.pages)):
        before, page, later = packed.proof_of(number)
        running = keccak(before + keccak(page))
        for each in later:
            running = keccak(running + each)
        assert running == packed.data_hash == running_hash(packed.page_hashes)


def test_corrections_come_out_as_they_went_in() -> None:
    old, _ = random_slot(Random(2), list(range(16, 26)))
    new = [
        MeteredAccount(a.account, EnergyWh(a.metered_wh + 5), a.position, False, EnergyWh(a.account % 2)) for a in old
    ]
    changes = tuple(zip(old, new, strict=True))

    assert unpack_corrections(pack_corrections(changes)) == changes


@pytest.mark.parametrize("cut", range(1, 31))
def test_a_page_that_ends_inside_a_record_is_refused(cut: int) -> None:
    position = Position(AccountId(7), EnergyWh(-2), AmountMicro(3), AmountMicro(4))
    (page,) = pack_slot([MeteredAccount(AccountId(7), EnergyWh(-1), position, True, EnergyWh(5))]).pages

    with pytest.raises(InputError):
        unpack_slot([page[:-cut]])


def test_totals_that_are_not_those_of_the_records_are_refused() -> None:
    (page,) = pack_slot([MeteredAccount(AccountId(7), EnergyWh(9))]).pages

    with pytest.raises(InputError, match="totals"):
        unpack_slot([bytes([1]) + page[1:]])
