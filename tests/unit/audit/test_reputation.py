"""Reputation that follows from its days, and rewards that follow from the ranking, pass; what was changed is named."""

from dataclasses import replace

import pytest

from p2ptrade.audit.reputation import StoredReputation, check_days, check_rewards, check_stored
from p2ptrade.chain.reputation_history import PaidPeriod
from p2ptrade.domain.reputation import DayCounts, ReputationCounts, pack_day
from p2ptrade.domain.rewards import Ranking, RewardRules
from p2ptrade.domain.units import AccountId, AmountMicro

ANNA, BEN, CARL = AccountId(16), AccountId(17), AccountId(18)
# 8 of 10 deals were good, and it made a deal in 10 of 20 slots: (0.8 + 0.5) / 2 is 0.65, class 1.
NEXT_DAY = 20_000
COUNTS = ReputationCounts(8, 10, 20, 1, 2, NEXT_DAY - 9)
STORED = StoredReputation(COUNTS, 650_000, 1, 1, may_stand=False)
RULES = RewardRules(100, 30, 2, AmountMicro(90))
PERIOD = PaidPeriod(0, ((BEN, AmountMicro(60)), (ANNA, AmountMicro(30))), Ranking((BEN, ANNA), (CARL,)), bytes(32))


def test_reputation_that_follows_from_its_days_passes() -> None:
    assert list(check_stored({ANNA: COUNTS}, NEXT_DAY, {ANNA: STORED})) == []


@pytest.mark.parametrize(
    ("stored", "sentence"),
    [
        (replace(STORED, counts=replace(COUNTS, good=9)), "good: the events give 8, the chain says 9"),
        (replace(STORED, counts=replace(COUNTS, unopened=0)), "unopened: the events give 1, the chain says 0"),
        (replace(STORED, counts=replace(COUNTS, idle_days=1)), "idle_days: the events give 2, the chain says 1"),
        (replace(STORED, score_ppm=650_001), "score: the events give 650000, the chain says 650001"),
        (replace(STORED, reputation_class=2), "class: the events give 1, the chain says 2"),
        (
            replace(STORED, counts=replace(COUNTS, last_idle_day=0)),
            f"last_idle_day: the events give {NEXT_DAY - 9}, the chain says 0",
        ),
        (replace(STORED, may_stand=True), "may stand: the events give False, the chain says True"),
        (replace(STORED, class_in_ledger=0), "class in the ledger: the events give 1, the chain says 0"),
    ],
)
def test_a_stored_value_that_does_not_follow_is_named(stored: StoredReputation, sentence: str) -> None:
    found = [str(each) for each in check_stored({ANNA: COUNTS}, NEXT_DAY, {ANNA: stored})]

    assert found == [f"reputation of account 16: {sentence}"]


def test_an_account_without_reputation_is_named() -> None:
    assert [each.what for each in check_stored({ANNA: COUNTS}, NEXT_DAY, {})] == ["reputation of account 16"]


def test_a_day_that_its_slots_bear_out_passes_and_another_is_named() -> None:
    posted = pack_day({ANNA: DayCounts(1, 2, 3, 1), BEN: DayCounts(idle=True)})
    forgiving = pack_day({ANNA: DayCounts(1, 2, 3, 0), BEN: DayCounts()})

    assert list(check_days({7: posted}, {7: posted})) == []
    # An unopened order counts twice in what was taken part in, and an idle day once.
    assert {str(each) for each in check_days({7: forgiving}, {7: posted})} == {
        "day 7, account 16: taken_part: the events give 4, the chain says 3",
        "day 7, account 16: unopened: the events give 1, the chain says 0",
        "day 7, account 17: taken_part: the events give 1, the chain says 0",
        "day 7, account 17: idle_days: the events give 1, the chain says 0",
        "day 7, account 17: last_idle_day: the events give 7, the chain says 0",
    }


@pytest.mark.parametrize(
    ("paid", "wrong"),
    [
        (((BEN, 60), (ANNA, 30)), set()),
        (((ANNA, 60), (BEN, 30)), {"16", "17"}),
        (((BEN, 60), (CARL, 30)), {"16", "18"}),
        (((BEN, 61), (ANNA, 30)), {"17"}),
        (((BEN, 60),), {"16"}),
    ],
)
def test_rewards_that_the_ranking_does_not_give_are_named(
    paid: tuple[tuple[AccountId, int], ...], wrong: set[str]
) -> None:
    period = replace(PERIOD, paid=tuple((account, AmountMicro(amount)) for account, amount in paid))

    assert {each.what.rsplit(" ", 1)[1] for each in check_rewards([period], RULES)} == wrong


def test_a_period_paid_twice_is_named() -> None:
    assert [str(each) for each in check_rewards([PERIOD, PERIOD], RULES)] == [
        "period of rewards: the events give 1, the chain says 0"
    ]
