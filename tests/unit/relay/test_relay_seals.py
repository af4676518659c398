"""What the relay takes, gives its receipt for, and refuses."""

import pytest
from eth_utils.address import to_checksum_address

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.typed_data import Domain, OrderMessage, auction_domain
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.participant import AccountState, AccountStatus
from p2ptrade.domain.sealed import Seal
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.relay.seals import take_in

SLOT = SlotNumber(1_979_000)
DOMAIN = auction_domain(1337, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
OTHER_CHAIN = auction_domain(1, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
ANNA = SigningKey.from_secret(b"\x01" * 32)
BEN = SigningKey.from_secret(b"\x02" * 32)


def account(key: SigningKey, status: AccountStatus = AccountStatus.ACTIVE) -> AccountState:
    return AccountState(key.address, AmountMicro(0), ZoneId(0), status, 0, 30)


ACCOUNTS = {AccountId(16): account(ANNA), AccountId(17): account(BEN, AccountStatus.SUSPENDED)}


def seal(
    key: SigningKey = ANNA,
    number: int = 16,
    *,
    slot: SlotNumber = SLOT,
    domain: Domain = DOMAIN,
    energy_wh: int = 1_000,
) -> Seal:
    step = Step(EnergyWh(energy_wh), PriceMicroPerKwh(200_000))
    order = OrderMessage(slot, number, Side.BID, (step,), b"salt" * 4)
    return Seal(SLOT, AccountId(number), order.terms_hash, key.sign_digest(order.digest(domain)))


def take(*seals: Seal, kept=None, room: int = 9):  # type: ignore[no-untyped-def]
    return take_in(seals, kept=kept or {}, accounts=ACCOUNTS, domain=DOMAIN, now_s=42, room=room)


def test_a_seal_signed_by_the_owner_is_kept_and_gets_a_receipt() -> None:
    taken = take(seal())

    assert not taken.refused
    assert [kept.seal for kept in taken.new] == [seal()]
    assert taken.receipted[AccountId(16)].received_at_s == 42


def test_the_same_seal_again_gets_its_first_receipt_and_is_not_kept_twice() -> None:
    first = take(seal())

    again = take(seal(), seal(), kept=first.receipted)

    assert not again.new
    assert not again.refused
    assert again.receipted == first.receipted


def test_another_seal_of_the_same_account_and_slot_is_refused() -> None:
    taken = take(seal(), seal(energy_wh=2_000))

    assert list(taken.refused) == [1]
    assert "own transaction" in taken.refused[1]
    assert taken.receipted[AccountId(16)].seal == seal()


@pytest.mark.parametrize(
    "bad",
    [
        seal(BEN),
        seal(slot=SlotNumber(SLOT + 1)),
        seal(domain=OTHER_CHAIN),
        seal(number=18),
        seal(BEN, 17),
        Seal(SLOT, AccountId(16), b"\0" * 32, seal().signature),
        Seal(SLOT, AccountId(16), seal().terms_hash, bytes(64)),
    ],
    ids=["not the owner", "another slot", "another chain", "no account", "suspended", "other terms", "no signature"],
)
def test_what_is_not_the_owners_order_of_this_slot_here_is_refused_and_harms_nobody_else(bad: Seal) -> None:
    taken = take(bad, seal())

    assert list(taken.refused) == [0]
    assert [kept.seal for kept in taken.new] == [seal()]


def test_a_full_book_takes_no_new_seal_and_still_answers_for_the_old_ones() -> None:
    first = take(seal())

    full = take(seal(), kept=first.receipted, room=0)
    refused = take(seal(), room=0)

    assert full.receipted == first.receipted
    assert not full.refused
    assert "the book of this slot is full" in refused.refused[0]
