"""Demurrage that follows the rule passes; a look that took more, less, or of the wrong account is named."""

from dataclasses import replace

import pytest

from p2ptrade.audit.demurrage import Look, check_demurrage, collected_micro
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.units import AccountId, AmountMicro, SharePpm

ANNA, BEN = AccountId(16), AccountId(17)
RULE = Demurrage(SharePpm(100_000), AmountMicro(100))  # a tenth a day of what is above 100


def look(day: int, cash: dict[AccountId, int], told: dict[AccountId, int], moved: dict[AccountId, int]) -> Look:
    return Look(
        day,
        {account: AmountMicro(held) for account, held in cash.items()},
        [(account, AmountMicro(amount)) for account, amount in told.items()],
        moved,
    )


# Anna has 1,100 and leaves it: two days take 100 and 90 of the 1,000 above. Ben spends down to 600 of 2,100: 50 and 45.
LOOKS = (
    look(7, {ANNA: 1_100, BEN: 2_100}, {ANNA: 0, BEN: 0}, {}),
    look(9, {ANNA: 1_100, BEN: 600}, {ANNA: 190, BEN: 95}, {ANNA: 190, BEN: 95}),
    # On the day after, Anna has got 1,000 more, which cost nothing yet: a tenth of 810 is 81. Ben is in debt.
    look(10, {ANNA: 1_910, BEN: -40}, {ANNA: 81, BEN: 0}, {ANNA: 81}),
)


def test_demurrage_that_follows_the_rule_passes() -> None:
    assert list(check_demurrage(LOOKS, RULE)) == []
    assert collected_micro(LOOKS) == 366


def test_a_second_look_on_a_day_takes_nothing() -> None:
    again = look(10, {ANNA: 1_829}, {ANNA: 0}, {})

    assert list(check_demurrage([*LOOKS, again], RULE)) == []


@pytest.mark.parametrize(
    ("told", "moved", "sentences"),
    [
        ({ANNA: 191, BEN: 95}, {ANNA: 190, BEN: 95}, ["demurrage up to day 9 of account 16"]),
        ({ANNA: 190, BEN: 95}, {ANNA: 190}, ["cash moved for demurrage up to day 9 of account 17"]),
        (
            {ANNA: 285, BEN: 0},
            {ANNA: 285},
            [f"{what} up to day 9 of account {account}"
             for what in ("demurrage", "cash moved for demurrage") for account in (16, 17)],
        ),
    ],
)  # fmt: skip
def test_a_look_that_took_otherwise_is_named(
    told: dict[AccountId, int], moved: dict[AccountId, int], sentences: list[str]
) -> None:
    tampered = look(9, {ANNA: 1_100, BEN: 600}, told, moved)

    assert [each.what for each in check_demurrage([LOOKS[0], tampered, LOOKS[2]], RULE)] == sentences


def test_another_rate_is_named() -> None:
    assert list(check_demurrage(LOOKS, replace(RULE, rate_ppm_per_day=SharePpm(110_000))))
