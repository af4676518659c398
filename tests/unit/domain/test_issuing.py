"""What the issuing rules give: the rate times the units, the cap shared out, each fact with a reason of its own."""

from fractions import Fraction

import pytest
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.issuing import Due, Fact, IssuingRule, IssuingTerms, Terms, dues_of
from p2ptrade.domain.units import AmountMicro
from p2ptrade.errors import ConfigError

ANNA, BEN, CARL = "0xA", "0xB", "0xC"


def terms(rate: int, cap: int) -> Terms:
    return Terms(AmountMicro(rate), AmountMicro(cap))


def amounts(dues: list[Due]) -> dict[tuple[int, str], int]:
    return {(due.fact.day, due.fact.recipient): due.amount_micro for due in dues}


def test_clean_energy_is_paid_by_the_kilowatt_hour_and_rounded_down() -> None:
    facts = [Fact(IssuingRule.CLEAN_ENERGY, 5, ANNA, 1_999), Fact(IssuingRule.CLEAN_ENERGY, 5, BEN, 333)]

    # 1.999 kWh at 2,001 are 3,999.999; 0.333 kWh are 666.333.
    assert amounts(dues_of(facts, {(IssuingRule.CLEAN_ENERGY, 5): terms(2_001, 10_000)})) == {
        (5, ANNA): 3_999,
        (5, BEN): 666,
    }


def test_facts_beyond_the_cap_share_it_in_proportion() -> None:
    facts = [Fact(IssuingRule.ORACLE_WORK, 5, who, units) for who, units in ((CARL, 30), (ANNA, 10), (BEN, 20))]

    # 60 reports at 10 are 600 for a cap of 100: a sixth each; running totals 16.6, 50, 100 floored.
    assert amounts(dues_of(facts, {(IssuingRule.ORACLE_WORK, 5): terms(10, 100)})) == {
        (5, ANNA): 16,
        (5, BEN): 34,
        (5, CARL): 50,
    }


def test_each_day_and_rule_has_its_own_terms_and_what_gives_nothing_is_left_out() -> None:
    facts = [
        Fact(IssuingRule.ORACLE_WORK, 6, ANNA, 3),
        Fact(IssuingRule.ORACLE_WORK, 5, ANNA, 3),
        Fact(IssuingRule.VALIDATOR_WORK, 5, ANNA, 3),
    ]
    held = {(IssuingRule.ORACLE_WORK, 5): terms(10, 100), (IssuingRule.ORACLE_WORK, 6): terms(7, 100)}

    assert amounts(dues_of(facts, held)) == {(5, ANNA): 30, (6, ANNA): 21}


def test_a_registration_counts_once_ever_and_other_work_once_a_day() -> None:
    def reasons(rule: IssuingRule) -> set[bytes]:
        return {Fact(rule, day, who, 1).reason for day in (5, 6) for who in (ANNA, BEN)}

    assert reasons(IssuingRule.REGISTRATION) == {keccak(b"registration/0xA"), keccak(b"registration/0xB")}
    assert len(reasons(IssuingRule.ORACLE_WORK)) == 4
    assert keccak(b"oracle work/6/0xB") in reasons(IssuingRule.ORACLE_WORK)
    assert len({reason for rule in IssuingRule for reason in reasons(rule)}) == 2 + 3 * 4


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=12), st.integers(0, 10**6), st.integers(0, 10**9))
def test_a_day_never_gives_more_than_its_cap_and_everybody_gets_the_exact_share_to_the_unit(
    units: list[int], rate: int, cap: int
) -> None:
    facts = [Fact(IssuingRule.VALIDATOR_WORK, 5, f"0x{number:040x}", each) for number, each in enumerate(units)]

    given_to = amounts(dues_of(facts, {(IssuingRule.VALIDATOR_WORK, 5): terms(rate, cap)}))

    whole = sum(units) * rate
    assert sum(given_to.values()) == min(whole, cap)
    for number, each in enumerate(units):
        exact = Fraction(each * rate * min(whole, cap), whole) if whole else Fraction(0)
        assert abs(given_to.get((5, f"0x{number:040x}"), 0) - exact) < 1


def test_nobody_gets_anything_unless_a_market_says_so() -> None:
    assert [rule for rule, held in IssuingTerms().items() if not held.gives] == list(IssuingRule)


@pytest.mark.parametrize(("rate", "cap"), [(-1, 5), (5, -1), (2**63, 5), (5, 2**61)])
def test_terms_that_cannot_be_are_refused(rate: int, cap: int) -> None:
    with pytest.raises(ConfigError, match="issuing rule"):
        terms(rate, cap)
