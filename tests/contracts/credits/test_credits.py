"""Credits: deposits, redemption, issuing rules, closed loop.

Paths:
  recordDeposit   a payment counts once; to an outsider: refused
  redeem          credits go; the payout waits until the treasurer records it, once
  issue           below the cap of the UTC day, each reason once; the cap renews with the day
  transfer        to admitted participants and the platform; to anybody else refused
  supply          is deposits and issues less redemptions, always
"""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.chain import Chain, reverts
from tests.support.platform import CREDIT, Platform

DAY_S = 86_400
REGISTRATION, CLEAN_ENERGY, ORACLE_WORK, VALIDATOR_WORK = range(1, 5)


def reference(name: str) -> bytes:
    return name.encode().ljust(32, b"\0")


def supply_closes(platform: Platform) -> bool:
    issued = sum(platform.credits.call("totalIssued", rule) for rule in range(1, 5))
    deposited, redeemed = platform.credits.call("totalDeposited"), platform.credits.call("totalRedeemed")
    return bool(platform.credits.call("totalSupply") == deposited + issued - redeemed)


def issue(platform: Platform, rule: int, to: str, amount: int, reason: str) -> None:
    platform.credits.send("issue", rule, to, amount, reference(reason), sender=platform.holder("ISSUER"))


def test_it_counts_in_millionths(platform: Platform) -> None:
    assert (platform.credits.call("decimals"), platform.credits.call("symbol")) == (6, "P2PC")


def test_a_payment_is_credited_once(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    treasurer = platform.holder("TREASURER")
    platform.credits.send("recordDeposit", chain.address("alice"), CREDIT, reference("bank 1"), sender=treasurer)

    with reverts("CreditsReferenceUsed", ref=reference("bank 1")):
        platform.credits.send("recordDeposit", chain.address("alice"), CREDIT, reference("bank 1"), sender=treasurer)

    assert platform.credits.call("balanceOf", chain.address("alice")) == CREDIT
    assert supply_closes(platform)


def test_an_outsider_gets_no_credits(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    platform.mint(chain.address("alice"), CREDIT)

    with reverts("CreditsOutsideClosedLoop", to=chain.address("outsider")):
        platform.credits.send("transfer", chain.address("outsider"), 1, sender=chain.address("alice"))
    with reverts("CreditsOutsideClosedLoop", to=chain.address("outsider")):
        platform.mint(chain.address("outsider"), CREDIT)


def test_participants_pay_each_other(platform: Platform, chain: Chain) -> None:
    platform.admit_many(["alice", "bob"])
    platform.mint(chain.address("alice"), CREDIT)

    platform.credits.send("transfer", chain.address("bob"), 400_000, sender=chain.address("alice"))

    assert platform.credits.call("balanceOf", chain.address("bob")) == 400_000
    with reverts("ERC20InsufficientBalance", balance=600_000, needed=600_001):
        platform.credits.send("transfer", chain.address("bob"), 600_001, sender=chain.address("alice"))


def test_a_suspended_participant_gets_its_own_back_and_nothing_else(platform: Platform, chain: Chain) -> None:
    alice, _ = platform.admit_many(["alice", "bob"])
    platform.mint(chain.address("alice"), CREDIT)
    platform.mint(chain.address("bob"), CREDIT)
    platform.registry.send("suspend", alice, sender=platform.holder("REGISTRAR"))

    with reverts("CreditsOutsideClosedLoop", to=chain.address("alice")):
        platform.credits.send("transfer", chain.address("alice"), 1, sender=chain.address("bob"))
    platform.mint(platform.holder("TREASURER"), 5)
    platform.credits.send("transfer", chain.address("alice"), 5, sender=platform.holder("TREASURER"))
    platform.credits.send("redeem", CREDIT + 5, reference("mine"), sender=chain.address("alice"))

    assert supply_closes(platform)


def test_a_redemption_is_paid_out_once(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    platform.mint(chain.address("alice"), CREDIT)
    alice, treasurer = chain.address("alice"), platform.holder("TREASURER")
    platform.credits.send("redeem", CREDIT, reference("rent"), sender=alice)

    platform.credits.send("recordPayout", alice, reference("rent"), reference("bank out 1"), sender=treasurer)

    assert platform.credits.call("awaitingPayout", alice, reference("rent")) == 0
    with reverts("CreditsNothingToPayOut", holder=alice):
        platform.credits.send("recordPayout", alice, reference("rent"), reference("bank out 2"), sender=treasurer)


def test_a_holders_reference_cannot_be_taken_by_another(platform: Platform, chain: Chain) -> None:
    platform.admit_many(["alice", "bob"])
    for name in ("alice", "bob"):
        platform.mint(chain.address(name), 2)

    platform.credits.send("redeem", 1, reference("january"), sender=chain.address("bob"))
    platform.credits.send("redeem", 1, reference("january"), sender=chain.address("alice"))

    with reverts("CreditsReferenceUsed", ref=reference("january")):
        platform.credits.send("redeem", 1, reference("january"), sender=chain.address("alice"))


def test_more_than_one_has_cannot_be_redeemed(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    platform.mint(chain.address("alice"), CREDIT)

    with reverts("ERC20InsufficientBalance", needed=CREDIT + 1):
        platform.credits.send("redeem", CREDIT + 1, reference("greed"), sender=chain.address("alice"))


def test_a_rule_issues_nothing_before_it_has_a_cap(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")

    with reverts("CreditsIssuingCapExceeded", rule=ORACLE_WORK, available=0, needed=1):
        issue(platform, ORACLE_WORK, chain.address("alice"), 1, "report")


def test_a_rule_issues_up_to_its_cap_a_day(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    alice = chain.address("alice")
    platform.credits.send("setIssuingTerms", CLEAN_ENERGY, 2, 10, sender=platform.admin)
    next_day = (chain.now_s() // DAY_S + 1) * DAY_S
    chain.next_block_at(next_day)
    issue(platform, CLEAN_ENERGY, alice, 7, "slot 1")
    chain.next_block_at(next_day + DAY_S - 2)
    with reverts("CreditsIssuingCapExceeded", available=3, needed=4):
        issue(platform, CLEAN_ENERGY, alice, 4, "slot 2")
    chain.next_block_at(next_day + DAY_S - 1)
    issue(platform, CLEAN_ENERGY, alice, 3, "slot 2")

    chain.next_block_at(next_day + DAY_S)
    issue(platform, CLEAN_ENERGY, alice, 10, "slot 3")

    assert platform.credits.call("totalIssued", CLEAN_ENERGY) == 20
    assert platform.credits.call("issuingRate", CLEAN_ENERGY) == 2
    assert platform.credits.call("balanceOf", alice) == 20
    assert supply_closes(platform)


def test_a_reason_counts_once_for_a_rule(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    for rule in (REGISTRATION, VALIDATOR_WORK):
        platform.credits.send("setIssuingTerms", rule, 1, 100, sender=platform.admin)
        issue(platform, rule, chain.address("alice"), 1, "alice")

    with reverts("CreditsReferenceUsed", ref=reference("alice")):
        issue(platform, REGISTRATION, chain.address("alice"), 1, "alice")


def test_there_is_no_rule_zero(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")

    with reverts("CreditsUnknownRule", rule=0):
        platform.credits.send("setIssuingTerms", 0, 1, 100, sender=platform.admin)
    with reverts("CreditsIssuingCapExceeded", rule=0, available=0):
        issue(platform, 0, chain.address("alice"), 1, "free money")


@pytest.mark.parametrize("amount", [0])
def test_nothing_is_no_amount(platform: Platform, chain: Chain, amount: int) -> None:
    platform.admit("alice")
    alice = chain.address("alice")

    with reverts("CreditsZeroAmount"):
        platform.mint(alice, amount)
    with reverts("CreditsZeroAmount"):
        issue(platform, REGISTRATION, alice, amount, "x")
    with reverts("CreditsZeroAmount"):
        platform.credits.send("redeem", amount, reference("x"), sender=alice)


def test_supply_stays_within_what_the_ledger_can_hold(platform: Platform, chain: Chain) -> None:
    platform.admit("alice")
    before = platform.credits.call("totalSupply")

    with reverts("CreditsSupplyTooLarge", supply=2**61 + 1, maximum=2**61):
        platform.mint(chain.address("alice"), 2**61 - before + 1)
    platform.mint(chain.address("alice"), 2**61 - before)


def test_the_registry_is_set_once(platform: Platform, chain: Chain) -> None:
    with reverts("CreditsRegistryAlreadySet", registry=platform.registry.address):
        platform.credits.send("setRegistry", chain.address("another"), sender=platform.admin)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["deposit", "redeem", "issue", "pay"]), st.integers(1, 50)), min_size=1, max_size=12
    )
)
def test_supply_is_always_deposits_and_issues_less_redemptions(
    platform: Platform, chain: Chain, steps: list[tuple[str, int]]
) -> None:
    before = chain.dev.snapshot()
    platform.admit_many(["alice", "bob"])
    alice, bob = chain.address("alice"), chain.address("bob")
    platform.credits.send("setIssuingTerms", REGISTRATION, 1, 100, sender=platform.admin)
    held = 0
    expected = platform.credits.call("totalSupply")  # fixtures of the session may have brought money in
    for number, (step, amount) in enumerate(steps):
        if step == "deposit":
            platform.mint(alice, amount)
            expected, held = expected + amount, held + amount
        elif step == "issue" and platform.credits.call("issuableToday", REGISTRATION) >= amount:
            issue(platform, REGISTRATION, alice, amount, str(number))
            expected, held = expected + amount, held + amount
        elif step in ("redeem", "pay") and held >= amount:
            if step == "redeem":
                platform.credits.send("redeem", amount, reference(str(number)), sender=alice)
                expected -= amount
            else:
                platform.credits.send("transfer", bob, amount, sender=alice)
            held -= amount

        assert platform.credits.call("totalSupply") == expected
        assert platform.credits.call("balanceOf", alice) == held
        assert supply_closes(platform)
    chain.dev.revert(before)
