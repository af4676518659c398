"""The oracle's desk: which readings it takes, knows, flags and refuses.

Paths: a reading that is new, sent again, another under the same number, of a stranger, of another meter point,
unsigned, by another key, altered, of the future, rolled back, after a changed gateway; after a restart; late. A reading
that takes the place of an estimated one: with it and without it at hand, again, of two slots whose estimates it could
not stand beside, no better, contradicting another one, of another slot.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.typed_data import ReadingMessage, reading_domain, sign
from p2ptrade.domain.reading import NO_PREDECESSOR, REPLACING, Quality, Reading, Registers, SignedReading
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.oracle.desk import Desk, Taken
from p2ptrade.oracle.facts import Head, MeterPoint
from p2ptrade.store import Database
from p2ptrade.store.oracle import OracleTable

GATEWAY, NEXT_GATEWAY, STRANGER = (SigningKey.from_secret(bytes([n]) * 32) for n in (1, 2, 3))
DOMAIN = reading_domain(1337, GATEWAY.address)
ALICE = AccountId(16)
POINT = MeterPoint(ALICE, b"\x07" * 32, GATEWAY.address, 10, EpochSeconds(0))
SLOT = SlotNumber(2_000_000)


class Registry:
    """A chain that knows one meter point, at a time after the slots of the tests."""

    def __init__(self) -> None:
        self.point = POINT

    def head(self) -> Head:
        return Head(1, end_of(SlotNumber(SLOT + 5)))

    def meter_points(self) -> Mapping[AccountId, MeterPoint]:
        return {ALICE: self.point}


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def table(tmp_path: Path) -> OracleTable:
    return OracleTable(Database.open(tmp_path / "oracle.sqlite"), "market")


@pytest.fixture
def desk(registry: Registry, table: OracleTable) -> Desk:
    return Desk(registry, table, DOMAIN)  # type: ignore[arg-type]


def reading(before: SignedReading | None = None, import_wh: int = 100) -> Reading:
    last = before.reading if before else None
    slot = SlotNumber(last.slot + 1 if last else SLOT)
    return Reading(
        account=ALICE,
        meter_point=POINT.meter_point,
        slot=slot,
        registers=Registers(EnergyWh((last.registers.import_wh if last else 0) + import_wh), EnergyWh(0)),
        meter_time_s=EpochSeconds(end_of(slot)),
        quality=Quality.MEASURED,
        sequence=last.sequence + 1 if last else 1,
        previous=before.digest if before else NO_PREDECESSOR,
    )


def signed(what: Reading, key: SigningKey = GATEWAY) -> SignedReading:
    message = ReadingMessage.of(what)
    return SignedReading(what, message.digest(DOMAIN), sign(message, DOMAIN, key))


def outcome(desk: Desk, *readings: SignedReading) -> list[Taken]:
    return [answer.taken for answer in desk.take(readings)]


def test_readings_are_taken_in_order_and_known_when_they_come_again(desk: Desk, table: OracleTable) -> None:
    first = signed(reading())
    second = signed(reading(first))

    assert outcome(desk, first, second) == [Taken.STORED, Taken.STORED]
    assert outcome(desk, first, second) == [Taken.KNOWN, Taken.KNOWN]
    assert [kept.signed for kept in table.of_slot(second.reading.slot).values()] == [second]


def test_a_desk_that_was_restarted_knows_what_it_had(desk: Desk, registry: Registry, table: OracleTable) -> None:
    first = signed(reading())
    outcome(desk, first)
    again = Desk(registry, table, DOMAIN)  # type: ignore[arg-type]

    assert outcome(again, first, signed(reading(first))) == [Taken.KNOWN, Taken.STORED]


def test_another_reading_under_the_same_number_is_refused(desk: Desk, table: OracleTable) -> None:
    outcome(desk, signed(reading()))

    assert outcome(desk, signed(reading(import_wh=50))) == [Taken.REFUSED]
    assert table.of_slot(SLOT)[ALICE].signed.reading.registers.import_wh == 100


def chain_of(count: int) -> list[SignedReading]:
    made = [signed(reading())]
    while len(made) < count:
        made.append(signed(reading(made[-1])))
    return made


def test_readings_that_arrive_after_later_ones_fill_the_gap(desk: Desk, table: OracleTable) -> None:
    first, second, third, fourth, fifth = chain_of(5)

    assert outcome(desk, first, fourth) == [Taken.STORED, Taken.STORED]
    assert outcome(desk, second, third, third, fifth) == [Taken.STORED, Taken.STORED, Taken.KNOWN, Taken.STORED]
    assert outcome(desk, second) == [Taken.KNOWN]
    assert [table.reading(ALICE, number) for number in range(1, 6)] == [first, second, third, fourth, fifth]


def test_the_first_reading_may_be_the_last_to_arrive(desk: Desk) -> None:
    first, second = chain_of(2)

    assert outcome(desk, second, first) == [Taken.STORED, Taken.STORED]


def test_a_late_reading_that_does_not_fit_between_its_neighbours_is_refused(desk: Desk, table: OracleTable) -> None:
    first, second, third = chain_of(3)
    outcome(desk, first, third)
    altered = signed(replace(second.reading, meter_time_s=EpochSeconds(second.reading.meter_time_s + 1)))
    of_the_next_slot = signed(replace(second.reading, slot=third.reading.slot))

    assert outcome(desk, altered, of_the_next_slot) == [Taken.REFUSED, Taken.REFUSED]
    assert table.reading(ALICE, 2) is None


@pytest.mark.parametrize(
    "forged",
    [
        signed(reading(), STRANGER),
        replace(signed(reading()), signature=bytes(64)),
        replace(signed(reading()), reading=reading(import_wh=101)),
        signed(replace(reading(), meter_point=b"\x08" * 32)),
        signed(replace(reading(), account=AccountId(17))),
        signed(
            replace(reading(), slot=SlotNumber(SLOT + 50), meter_time_s=EpochSeconds(end_of(SlotNumber(SLOT + 50))))
        ),
    ],
    ids=["another key", "no signature", "altered", "another meter", "a stranger's account", "of the future"],
)
def test_what_the_registered_gateway_did_not_sign_is_refused(
    desk: Desk, table: OracleTable, forged: SignedReading
) -> None:
    assert outcome(desk, forged) == [Taken.REFUSED]
    assert table.newest() == {}


def test_a_register_that_fell_is_kept_and_flagged_never_repaired(desk: Desk, table: OracleTable) -> None:
    first = signed(reading(import_wh=500))
    fallen = signed(reading(first, import_wh=-200))

    assert outcome(desk, first, fallen) == [Taken.STORED, Taken.FLAGGED]
    kept = table.of_slot(fallen.reading.slot)[ALICE]
    assert (kept.signed.reading.registers.import_wh, kept.flags) == (300, ("register backwards",))


@pytest.mark.parametrize("field", ["sequence", "import_wh"])
def test_a_number_that_no_database_keeps_is_refused(desk: Desk, field: str) -> None:
    first = reading(import_wh=2**63 if field == "import_wh" else 100)
    too_large = signed(first if field == "import_wh" else replace(first, sequence=2**63))
    good = signed(reading())

    assert outcome(desk, too_large, good) == [Taken.REFUSED, Taken.STORED]


def test_a_gateway_that_was_replaced_may_sign_at_once_and_the_old_one_no_more(desk: Desk, registry: Registry) -> None:
    first = signed(reading())
    outcome(desk, first)
    registry.point = replace(POINT, gateway=NEXT_GATEWAY.address)

    assert outcome(desk, signed(reading(first), GATEWAY)) == [Taken.REFUSED]
    assert outcome(desk, signed(reading(first), NEXT_GATEWAY)) == [Taken.STORED]


def test_the_store_finds_the_readings_around_a_gap(desk: Desk, table: OracleTable) -> None:
    first = signed(reading())
    later = reading(first)
    skipped = signed(replace(later, slot=SlotNumber(SLOT + 3), meter_time_s=EpochSeconds(end_of(SlotNumber(SLOT + 3)))))
    outcome(desk, first, skipped)

    before, after = table.nearest(ALICE, SlotNumber(SLOT + 2))

    assert before is not None
    assert after is not None
    assert (before.signed, after.signed) == (first, skipped)


def estimated_chain() -> list[SignedReading]:
    """Return a measured reading, two estimated ones that follow it, and a measured one at 1,000 Wh."""
    made = [signed(reading())]
    for import_wh, quality in ((300, Quality.INTERPOLATED), (300, Quality.INTERPOLATED), (300, Quality.MEASURED)):
        made.append(signed(replace(reading(made[-1], import_wh), quality=quality)))
    return made


def better(replaced: SignedReading, import_wh: int, quality: Quality = Quality.MEASURED) -> SignedReading:
    return signed(
        replace(
            replaced.reading,
            registers=Registers(EnergyWh(import_wh), EnergyWh(0)),
            quality=quality,
            sequence=replaced.reading.sequence + REPLACING,
            previous=replaced.digest,
        )
    )


def test_better_readings_are_used_in_place_of_estimates_and_the_count_goes_on(desk: Desk, table: OracleTable) -> None:
    first, second, third, fourth = chain = estimated_chain()
    # The estimates say 400 and 700 Wh; all but 10 Wh had been used before the first of them.
    replacing = [better(second, 980), better(third, 990)]
    following = signed(reading(fourth))

    assert outcome(desk, *chain) == [Taken.STORED] * 4
    assert outcome(desk, *replacing, following) == [Taken.STORED] * 3
    assert outcome(desk, *chain, *replacing, following) == [Taken.KNOWN] * 7

    in_use = [table.of_slot(SlotNumber(SLOT + number))[ALICE].signed for number in range(5)]
    assert in_use == [first, *replacing, fourth, following]
    assert [kept.signed for kept in table.all_of_slot(second.reading.slot)] == [second, replacing[0]]
    assert table.newest() == {ALICE: following}


def test_a_better_reading_may_arrive_before_the_one_that_it_replaces(desk: Desk, table: OracleTable) -> None:
    first, second, third, fourth = estimated_chain()
    replacing = better(second, 980)

    assert outcome(desk, first, replacing) == [Taken.STORED, Taken.STORED]
    assert outcome(desk, second, third, fourth) == [Taken.STORED] * 3
    assert table.of_slot(second.reading.slot)[ALICE].signed == replacing


def test_what_is_no_better_or_cannot_be_true_replaces_nothing(desk: Desk, table: OracleTable) -> None:
    first, second, third, fourth = chain = estimated_chain()
    outcome(desk, *chain)
    another_slot = better(second, 500).reading
    cases = {
        "register import_wh fell by 1 Wh": [better(second, 1_001), better(second, 99)],
        "the same quality": [better(fourth, 900), better(third, 600, Quality.INTERPOLATED)],
        "it says what the reading in use says": [better(first, 100)],
        "its quality is substituted": [better(third, 600, Quality.SUBSTITUTED)],
        "of another slot": [signed(replace(another_slot, slot=third.reading.slot))],
        "the signature is not": [replace(better(second, 500), signature=bytes(64))],
    }

    for reason, wrong in cases.items():
        answers = desk.take(wrong)
        assert {answer.taken for answer in answers} == {Taken.REFUSED}
        assert all(reason in (answer.reason or "") for answer in answers), answers
    in_use = [table.of_slot(SlotNumber(SLOT + number))[ALICE].signed for number in range(4)]
    assert in_use == chain


def test_two_better_readings_that_contradict_each_other_are_both_distrusted(desk: Desk, table: OracleTable) -> None:
    chain = estimated_chain()
    outcome(desk, *chain, better(chain[1], 500))
    stored = desk.stored

    assert outcome(desk, better(chain[1], 501)) == [Taken.REFUSED]

    kept = table.of_slot(chain[1].reading.slot)[ALICE]
    assert (kept.signed.reading.registers.import_wh, kept.flags) == (500, ("contradiction",))
    assert desk.stored > stored, "what was settled with it is looked at again"
