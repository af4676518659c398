"""Refunds that follow the guarantee pass; one that is too high, too low, missing, or moved otherwise is named."""

from dataclasses import replace

import pytest

from p2ptrade.audit.guarantee import PaidRefunds, check_refunds
from p2ptrade.domain.units import AccountId

ANNA, BEN, CARLA = AccountId(16), AccountId(17), AccountId(18)
FUND = AccountId(9)
PERIODS = (
    PaidRefunds(0, {ANNA: 70, CARLA: 5}, {ANNA: 70, CARLA: 5}, {ANNA: 70, CARLA: 5, FUND: -75}, complete=True),
    PaidRefunds(1, {}, {}, {}, complete=True),
    # the first of two lists
    PaidRefunds(2, {ANNA: 1, BEN: 2, CARLA: 3}, {ANNA: 1, BEN: 2}, {ANNA: 1, BEN: 2, FUND: -3}, complete=False),
)


def named(*periods: PaidRefunds) -> list[str]:
    return [difference.what for difference in check_refunds(periods)]


def test_refunds_that_are_due_pass_also_while_a_period_is_being_paid() -> None:
    assert named(*PERIODS) == []


@pytest.mark.parametrize(
    ("told", "moved", "refunds", "cash"),
    [
        ({ANNA: 71, CARLA: 5}, {ANNA: 70, CARLA: 5, FUND: -75}, [ANNA], []),
        ({ANNA: 70}, {ANNA: 70, FUND: -70}, [CARLA], [CARLA, FUND]),
        ({ANNA: 70, CARLA: 5}, {ANNA: 70, BEN: 5, FUND: -75}, [], [BEN, CARLA]),
        ({ANNA: 70, CARLA: 5}, {ANNA: 70, CARLA: 5, AccountId(8): -75}, [], [AccountId(8), FUND]),
    ],
)
def test_a_refund_that_is_not_due_is_named(
    told: dict[AccountId, int], moved: dict[AccountId, int], refunds: list[AccountId], cash: list[AccountId]
) -> None:
    wrong = replace(PERIODS[0], told=told, moved=moved)

    assert set(named(wrong, *PERIODS[1:])) == {
        *(f"period 0: refund of account {account}" for account in refunds),
        *(f"period 0: cash moved for account {account}" for account in cash),
    }


def test_an_account_that_the_first_list_has_passed_over_is_named() -> None:
    begun = replace(PERIODS[2], told={BEN: 2}, moved={BEN: 2, FUND: -2})

    assert named(*PERIODS[:2], begun) == [
        "period 2: refund of account 16",
        "period 2: cash moved for account 16",
        "period 2: cash moved for account 9",
    ]


def test_a_period_that_is_missing_is_named() -> None:
    assert named(PERIODS[0], PERIODS[2]) == ["period of the guarantee"]
