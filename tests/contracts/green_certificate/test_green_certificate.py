"""Green certificates: made of exactly 1 MWh of retired tokens, listing their slots, retired once.

Paths: issue with approval and without, of more or less than 1 MWh, of slots out of order, after gathering in parts;
gather too much; transfer; retire by the holder, by another, twice; transfer after retirement.
"""

import pytest

from tests.support.chain import Contract, reverts
from tests.support.platform import Platform

SLOTS = [800, 801, 950]
ENERGIES = [400_000, 350_000, 250_000]


@pytest.fixture
def token(platform: Platform) -> Contract:
    token = platform.chain.deploy("EnergyToken", platform.authority, "")
    platform.set_function_roles(token, {"MARKET": ("mint",)})
    alice = int(platform.chain.address("alice"), 16)
    for slot in SLOTS:
        token.send("mint", slot, [alice << 32 | 1_000_000], sender=platform.holder("MARKET"))
    return token


@pytest.fixture
def certificate(platform: Platform, token: Contract) -> Contract:
    certificate = platform.chain.deploy("GreenCertificate", token)
    token.send("setApprovalForAll", certificate, True, sender=platform.chain.address("alice"))
    return certificate


def issue(platform: Platform, certificate: Contract) -> int:
    alice = platform.chain.address("alice")
    receipt = certificate.send("issue", SLOTS, ENERGIES, sender=alice)
    return int(receipt.event(certificate, "Issued")["certificate"])


def test_a_certificate_retires_the_tokens_that_it_lists(
    platform: Platform, token: Contract, certificate: Contract
) -> None:
    alice = platform.chain.address("alice")

    receipt = certificate.send("issue", SLOTS, ENERGIES, sender=alice)

    event = receipt.event(certificate, "Issued")
    assert (list(event["slots"]), list(event["energiesWh"])) == (SLOTS, ENERGIES)
    assert [token.call("totalRetired", slot) for slot in SLOTS] == ENERGIES
    assert [each["claim"] for each in receipt.events(token, "Retired")] == ["green certificate 1"] * 3
    assert certificate.call("ownerOf", 1).lower() == alice.lower()


@pytest.mark.parametrize("last", [249_999, 250_001])
def test_one_mwh_is_neither_more_nor_less(platform: Platform, certificate: Contract, last: int) -> None:
    with reverts("GreenCertificateNotOneMWh", energyWh=750_000 + last, needed=1_000_000):
        certificate.send("issue", SLOTS, [*ENERGIES[:2], last], sender=platform.chain.address("alice"))


def test_a_slot_is_listed_once(platform: Platform, certificate: Contract) -> None:
    with reverts("GreenCertificateMalformedSlots", index=1):
        certificate.send("issue", [800, 800, 950], ENERGIES, sender=platform.chain.address("alice"))


def test_what_was_gathered_in_parts_makes_one_certificate(
    platform: Platform, token: Contract, certificate: Contract
) -> None:
    alice = platform.chain.address("alice")

    first = certificate.send("gather", SLOTS[:2], [300_000, 350_000], sender=alice)
    second = certificate.send("gather", [800], [100_000], sender=alice)
    before = (certificate.call("gatheredOf", alice), certificate.call("issued"))
    last = certificate.send("issue", [950], [250_000], sender=alice)

    assert [each.event(certificate, "Gathered")["certificate"] for each in (first, second)] == [1, 1]
    assert before == ((1, 750_000), 0)
    assert last.event(certificate, "Issued")["certificate"] == certificate.call("issued") == 1
    assert certificate.call("gatheredOf", alice) == (0, 0)
    assert [token.call("totalRetired", slot) for slot in SLOTS] == ENERGIES
    assert (
        certificate.send("issue", [800, 950], [500_000, 500_000], sender=alice).event(certificate, "Issued")[
            "certificate"
        ]
        == 2
    )


def test_gathering_stops_short_of_a_whole_certificate(platform: Platform, certificate: Contract) -> None:
    alice = platform.chain.address("alice")
    certificate.send("gather", SLOTS[:2], ENERGIES[:2], sender=alice)

    with reverts("GreenCertificateNotOneMWh", energyWh=1_000_000):
        certificate.send("gather", [950], [250_000], sender=alice)
    with reverts("GreenCertificateNotOneMWh", energyWh=1_000_001):
        certificate.send("issue", [950], [250_001], sender=alice)
    with reverts("GreenCertificateMalformedSlots", index=1):
        certificate.send("gather", [950, 800], [1, 1], sender=alice)


def test_two_holders_gather_for_certificates_of_their_own(
    platform: Platform, token: Contract, certificate: Contract
) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    token.send("safeTransferFrom", alice, bob, 950, 600_000, b"", sender=alice)
    token.send("setApprovalForAll", certificate, True, sender=bob)
    certificate.send("gather", [800], [999_999], sender=alice)
    certificate.send("gather", [950], [600_000], sender=bob)

    made = certificate.send("issue", [801], [1], sender=alice)

    assert made.event(certificate, "Issued")["certificate"] == 1
    assert certificate.call("gatheredOf", bob) == (2, 600_000)


def test_tokens_that_are_not_there_make_no_certificate(
    platform: Platform, token: Contract, certificate: Contract
) -> None:
    issue(platform, certificate)
    with reverts("ERC1155InsufficientBalance", balance=600_000, needed=700_000):
        certificate.send("issue", [800, 950], [700_000, 300_000], sender=platform.chain.address("alice"))
    assert certificate.call("issued") == 1


def test_without_approval_nothing_is_retired(platform: Platform, token: Contract, certificate: Contract) -> None:
    alice = platform.chain.address("alice")
    token.send("setApprovalForAll", certificate, False, sender=alice)

    with reverts("ERC1155MissingApprovalForAll", owner=alice):
        certificate.send("issue", SLOTS, ENERGIES, sender=alice)


def test_a_certificate_is_retired_once_by_its_holder_and_then_stays(platform: Platform, certificate: Contract) -> None:
    alice, bob = (platform.chain.address(name) for name in ("alice", "bob"))
    number = issue(platform, certificate)
    certificate.send("transferFrom", alice, bob, number, sender=alice)

    with reverts("GreenCertificateNotHolder", caller=alice):
        certificate.send("retire", number, "mine", sender=alice)
    receipt = certificate.send("retire", number, "Bob's bakery, 2026", sender=bob)
    assert receipt.event(certificate, "CertificateRetired")["claim"] == "Bob's bakery, 2026"

    assert certificate.call("isRetired", number)
    with reverts("GreenCertificateIsRetired", certificate=number):
        certificate.send("retire", number, "again", sender=bob)
    with reverts("GreenCertificateIsRetired", certificate=number):
        certificate.send("transferFrom", bob, alice, number, sender=bob)
