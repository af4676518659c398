"""Who is ranked where, and what each rank gets: hand-made cases, and the sum against exact fractions."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.reputation import ReputationCounts
from p2ptrade.domain.rewards import Ranking, RewardRules
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import ConfigError

GOOD, FAIR, NONE = ReputationCounts(9, 9, 9), ReputationCounts(5, 10, 10), ReputationCounts(0, 0, 4)


def accounts(**counts: ReputationCounts) -> dict[AccountId, ReputationCounts]:
    return {AccountId(int(name[1:])): each for name, each in counts.items()}


def test_active_accounts_come_first_by_score_and_equal_ones_by_account() -> None:
    ranking = Ranking.of(accounts(a18=GOOD, a19=NONE, a17=FAIR, a16=NONE, a20=GOOD), {})

    assert ranking == Ranking((18, 20, 17), (16, 19))  # type: ignore[arg-type]
    assert ranking.listed == (18, 20, 17, 16, 19)


def test_old_deals_do_not_make_an_account_active() -> None:
    paid = {AccountId(16): 9, AccountId(17): 8}

    assert Ranking.of(accounts(a16=GOOD, a17=GOOD), paid).active == (17,)


def test_the_subsidy_falls_evenly_with_the_rank() -> None:
    rules = RewardRules(100, 30, 3, AmountMicro(60))

    # Weights 3, 2, 1 of 6.
    assert rules.amounts(5) == [30, 20, 10]
    assert rules.amounts(2) == [30, 20]
    assert rules.amounts(0) == []
    assert (rules.end_day(0), rules.end_day(1)) == (130, 160)


@given(st.integers(1, 200), st.integers(0, 2**50), st.integers(0, 300))
def test_nobody_gets_more_than_the_exact_share_and_nobody_loses_a_unit(places: int, subsidy: int, active: int) -> None:
    amounts = RewardRules(0, 1, places, AmountMicro(subsidy)).amounts(active)

    weights = Fraction(places * (places + 1), 2)
    for rank, amount in enumerate(amounts):
        assert 0 <= Fraction(subsidy * (places - rank)) / weights - amount < 1
    assert len(amounts) == min(places, active)


@pytest.mark.parametrize(("days", "places"), [(0, 1), (1, 0)])
def test_a_period_without_days_or_places_is_refused(days: int, places: int) -> None:
    with pytest.raises(ConfigError, match="at least one place"):
        RewardRules(0, days, places, AmountMicro(1))
