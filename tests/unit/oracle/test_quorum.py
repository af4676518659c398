"""Which signatures count, and whose turn it is."""

from dataclasses import replace

import pytest

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.typed_data import ReportMessage, settlement_domain, sign
from p2ptrade.domain.report import Report
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.oracle.facts import SignedReport
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.quorum import count_signatures, first_signatures

KEYS = [SigningKey.from_secret(bytes([number]) * 32) for number in range(1, 6)]
DOMAIN = settlement_domain(1337, KEYS[0].address)
REPORT = Report(SlotNumber(7), 1, bytes(32), bytes(32), 3, EnergyWh(900))
ORACLES = {key.address for key in KEYS[:4]}


def signed(key: SigningKey, report: Report = REPORT) -> SignedReport:
    return SignedReport(report, key.address, sign(ReportMessage.of(report), DOMAIN, key))


def count(*others: SignedReport) -> tuple[int, tuple[str, ...]]:
    named = [(f"peer {number}", other) for number, other in enumerate(others)]
    found = count_signatures(REPORT, signed(KEYS[0]), named, DOMAIN, ORACLES.__contains__)
    return len(found.signatures), found.dissenters


def test_the_same_report_by_other_oracles_counts() -> None:
    assert count(signed(KEYS[1]), signed(KEYS[2])) == (3, ())


def test_another_report_does_not_count_and_is_named() -> None:
    assert count(signed(KEYS[1]), signed(KEYS[2], replace(REPORT, delivered_wh=EnergyWh(901)))) == (2, ("peer 1",))


@pytest.mark.parametrize(
    "other",
    [
        signed(KEYS[0]),
        signed(KEYS[4]),
        replace(signed(KEYS[1]), signature=bytes(64)),
        SignedReport(REPORT, KEYS[1].address, signed(KEYS[2], replace(REPORT, version=2)).signature),
    ],
    ids=["our own again", "no oracle", "no signature", "a signature over something else"],
)
def test_what_proves_nothing_does_not_count(other: SignedReport) -> None:
    assert count(other)[0] == 1


def test_signatures_rise_by_signer_as_the_contract_wants_them() -> None:
    others = [(key.address, signed(key)) for key in KEYS[1:4]]
    found = count_signatures(REPORT, signed(KEYS[0]), others, DOMAIN, ORACLES.__contains__)

    rising = sorted(KEYS[:4], key=lambda key: int(key.address, 16))
    assert list(found.signatures) == [signed(key).signature for key in rising]
    assert first_signatures(found.signatures, 5) is None
    assert first_signatures(found.signatures, 3) == found.signatures[:3]


def test_the_turn_rotates_and_is_taken_over_one_after_the_other() -> None:
    waits = [[Place(index, 4, 60.0).turn_after_s(slot) for index in range(4)] for slot in (8, 9)]

    assert waits == [[0, 60, 120, 180], [180, 0, 60, 120]]
