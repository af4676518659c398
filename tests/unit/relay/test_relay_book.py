"""The book holds every sealed order once: opened, unopened, or superseded by the owner's own seal."""

from eth_utils.address import to_checksum_address

from p2ptrade.chain.packing import OpenedRecord, OwnSeal, SupersededRecord, UnopenedRecord, ticket
from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import KeptSeal, Seal, Terms
from p2ptrade.domain.units import AccountId, EpochSeconds, SlotNumber
from p2ptrade.relay.book import make_book
from p2ptrade.relay.ports import Arrival

TERMS = Terms(Side.BID, ((1_000, 200_000),), b"s" * 16)


def relayed(account: int) -> KeptSeal:
    seal = Seal(SlotNumber(7), AccountId(account), bytes([account]) * 32, b"g" * 64)
    return KeptSeal(seal, bytes([account + 100]) * 32, EpochSeconds(1))


def own(account: int | None, number: int = 0) -> Arrival:
    seal = OwnSeal(to_checksum_address(bytes([account or 0]) * 20), bytes([(account or 0) + 200 - number]) * 32)
    return Arrival(seal, None if account is None else AccountId(account))


def test_records_rise_by_account_whatever_the_order_of_arrival() -> None:
    made = make_book([relayed(20), relayed(16)], [own(18)], {})

    assert [record.account for record in made.records] == [16, 18, 20]
    assert made.unopened == (16, 18, 20)


def test_an_opened_order_is_in_the_clear_and_carries_the_signature_if_it_was_relayed() -> None:
    openings = {relayed(16).digest: TERMS, own(17).seal.digest: TERMS}

    made = make_book([relayed(16)], [own(17)], openings)

    assert made.records == (
        OpenedRecord(AccountId(16), Side.BID, TERMS.steps, TERMS.salt, b"g" * 64),
        OpenedRecord(AccountId(17), Side.BID, TERMS.steps, TERMS.salt, arrival=0),
    )
    assert not made.unopened


def test_an_unopened_order_shows_the_hash_of_its_terms_or_its_digest() -> None:
    made = make_book([relayed(16)], [own(17)], {})

    assert made.records == (
        UnopenedRecord(AccountId(16), relayed(16).seal.terms_hash, b"g" * 64),
        UnopenedRecord(AccountId(17), own(17).seal.digest, arrival=0),
    )


def test_the_last_own_seal_replaces_the_earlier_ones_and_the_relayed_one() -> None:
    arrivals = [own(16, 1), own(17), own(16)]

    made = make_book([relayed(16)], arrivals, {own(16).seal.digest: TERMS, relayed(16).digest: TERMS})

    assert made.records == (
        SupersededRecord(AccountId(16), ticket(relayed(16).digest, b"g" * 64)),
        SupersededRecord(AccountId(16), own(16, 1).seal.digest, arrival=0),
        OpenedRecord(AccountId(16), Side.BID, TERMS.steps, TERMS.salt, arrival=2),
        UnopenedRecord(AccountId(17), own(17).seal.digest, arrival=1),
    )


def test_terms_show_nothing_as_text() -> None:
    assert "200" not in f"{TERMS!r}{TERMS}"


def test_seals_of_strangers_are_listed_beside_the_book_in_their_places() -> None:
    made = make_book([], [own(None, 1), own(16), own(None)], {})

    assert made.records == (UnopenedRecord(AccountId(16), own(16).seal.digest, arrival=1),)
    assert made.strangers == b"\0\0" + bytes(20) + bytes([199]) * 32 + b"\0\2" + bytes(20) + bytes([200]) * 32
