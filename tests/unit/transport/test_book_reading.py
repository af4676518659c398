"""A book is read as the contract reads it: who signed what, and the first reason that makes an order void."""

from dataclasses import replace

import pytest
from eth_utils.address import to_checksum_address

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.packing import BookRecord, OpenedRecord, SupersededRecord, UnopenedRecord, pack_book
from p2ptrade.chain.typed_data import OrderMessage, auction_domain
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Order, Side, Step, VoidReason
from p2ptrade.domain.participant import AccountState, AccountStatus, CoverRules
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, judge_record, opened_digest, read_book

SLOT = SlotNumber(1_979_000)
DOMAIN = auction_domain(1337, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
KEY, OTHER = SigningKey.from_secret(b"\x01" * 32), SigningKey.from_secret(b"\x02" * 32)
ACCOUNT = AccountId(16)
STEPS = ((1_000, 200_000), (500, 150_000))
STATE = AccountState(KEY.address, AmountMicro(10**9), ZoneId(1), AccountStatus.ACTIVE, 0, 30)
CONTEXT = BookContext(
    slot=SLOT,
    domain=DOMAIN,
    accounts={ACCOUNT: STATE},
    rules=CoverRules((AmountMicro(1_000),), (PriceMicroPerKwh(50_000),)),
    grid=GridData((ROOT, ZoneLimits(ZoneId(0), EnergyWh(9), EnergyWh(9))), Charges(*(PriceMicroPerKwh(0),) * 4)),
)


def order(slot: int = SLOT, account: int = ACCOUNT) -> OrderMessage:
    steps = tuple(Step(EnergyWh(energy), PriceMicroPerKwh(limit)) for energy, limit in STEPS)
    return OrderMessage(slot, account, Side.BID, steps, b"s" * 16)


def signed_by(key: SigningKey, message: OrderMessage | None = None) -> bytes:
    return key.sign_digest((message or order()).digest(DOMAIN))


def opened(signature: bytes | None, steps: tuple[tuple[int, int], ...] = STEPS) -> OpenedRecord:
    arrival = 0 if signature is None else None
    return OpenedRecord(ACCOUNT, Side.BID, steps, b"s" * 16, signature, arrival)


def test_the_digest_of_an_opened_record_is_that_of_the_order_signed() -> None:
    assert opened_digest(opened(None), SLOT, DOMAIN) == order().digest(DOMAIN)


def test_a_relayed_order_of_the_owner_and_an_own_seal_take_part() -> None:
    for record in (opened(signed_by(KEY)), opened(None)):
        judged = judge_record(record, CONTEXT)

        assert isinstance(judged, Order)
        assert (judged.account, judged.zone, judged.steps) == (ACCOUNT, 1, order().steps)


@pytest.mark.parametrize(
    "record",
    [
        opened(signed_by(OTHER)),
        opened(signed_by(KEY, order(slot=SLOT + 1))),
        opened(signed_by(KEY, order(account=17))),
        opened(bytes(64)),
        opened(signed_by(KEY), ((1_001, 200_000),)),
        UnopenedRecord(ACCOUNT, b"t" * 32, signed_by(KEY)),
        replace(opened(signed_by(KEY)), account=AccountId(99)),
    ],
    ids=["another key", "another slot", "another account", "no signature", "other terms", "other hash", "no account"],
)
def test_what_the_owner_did_not_sign_is_void_for_its_signature(record: BookRecord) -> None:
    assert judge_record(record, CONTEXT) is VoidReason.BAD_SIGNATURE


def test_what_was_sealed_and_not_opened_is_void_for_that() -> None:
    relayed = UnopenedRecord(ACCOUNT, order().terms_hash, signed_by(KEY))
    own = UnopenedRecord(ACCOUNT, order().digest(DOMAIN), arrival=0)

    assert judge_record(relayed, CONTEXT) is judge_record(own, CONTEXT) is VoidReason.UNOPENED
    assert judge_record(SupersededRecord(ACCOUNT, b"t" * 32), CONTEXT) is VoidReason.SUPERSEDED


@pytest.mark.parametrize(
    ("steps", "changes", "reason"),
    [
        (((0, 200_000),), {}, VoidReason.MALFORMED),
        ((), {}, VoidReason.MALFORMED),
        (STEPS[::-1], {}, VoidReason.MALFORMED),
        (STEPS, {"cash_micro": 275_999}, VoidReason.INSOLVENT),
        (STEPS, {"status": AccountStatus.SUSPENDED}, VoidReason.ACCOUNT_NOT_ACTIVE),
        (STEPS, {"zone": 2}, VoidReason.ZONE_EXCLUDED),
    ],
)
def test_an_order_that_cannot_take_part_says_why(
    steps: tuple[tuple[int, int], ...], changes: dict[str, int], reason: VoidReason
) -> None:
    state = replace(STATE, **changes)  # type: ignore[arg-type]

    assert judge_record(opened(None, steps), replace(CONTEXT, accounts={ACCOUNT: state})) is reason


def test_a_book_is_read_over_its_pages_and_clears() -> None:
    seller = replace(STATE, owner=OTHER.address)
    context = replace(CONTEXT, accounts={ACCOUNT: STATE, AccountId(17): seller})
    offer = OpenedRecord(AccountId(17), Side.OFFER, ((1_000, 100_000),), b"s" * 16, arrival=0)
    pages = pack_book(
        [opened(signed_by(KEY)), offer, UnopenedRecord(AccountId(18), b"x" * 32, arrival=1)], page_bytes=120
    )

    book = read_book(pages, context)

    assert len(pages) > 1
    assert [each.account for each in book.orders] == [16, 17]
    assert book.voids == ((AccountId(18), VoidReason.UNOPENED),)
    assert clear(book.book).volume_wh == 1_000
