"""The guarantee: what everybody gained or lost against the retailer alone, and what is refunded for a period.

Retail 0.30, feed-in 0.08 credits per kWh, tolerance 50 Wh or a tenth, penalty 0.02, breach 0.50, as worked by hand.
"""

from dataclasses import replace

import pytest

from p2ptrade.domain.guarantee import GuaranteeRules, SettledSlot, gains_of, gains_over, with_retailer_alone
from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import ImbalanceRule, RetailPrices, SettlementRules
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm, SlotNumber
from p2ptrade.errors import ConfigError

SELLER, BUYER, HOUSE = AccountId(16), AccountId(17), AccountId(18)
PRICES = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))
RULES = SettlementRules(Deviation(PriceMicroPerKwh(20_000), EnergyWh(50), SharePpm(100_000)), PriceMicroPerKwh(500_000))
SOLD = Position(SELLER, EnergyWh(-1_000), AmountMicro(50_000), AmountMicro(250_000))
BOUGHT = Position(BUYER, EnergyWh(1_000), AmountMicro(216_000), AmountMicro(0))


def slot(injected: int, withdrawn: int, house: int = 400, rules: SettlementRules = RULES) -> SettledSlot:
    """A kilowatt-hour sold for 0.200 and bought for 0.216; one house does not trade."""
    accounts = (
        MeteredAccount(SELLER, EnergyWh(-injected), SOLD),
        MeteredAccount(BUYER, EnergyWh(withdrawn), BOUGHT),
        MeteredAccount(HOUSE, EnergyWh(house)),
    )
    return SettledSlot(SlotNumber(0), accounts, PRICES, rules)


def test_who_keeps_near_to_its_position_gains_and_who_does_not_trade_has_neither() -> None:
    # Seller: earned 0.200, paid 0.045 for 150 Wh and 0.001 penalty; 850 Wh fed in would have been 0.068.
    # Buyer: paid 0.216 and 0.030; the retailer would have charged 0.330.
    assert gains_of(slot(850, 1_100)) == {SELLER: 154_000 - 68_000, BUYER: -246_000 + 330_000, HOUSE: 0}


def test_who_bought_far_too_much_has_lost() -> None:
    # Buyer: paid 0.216, got 0.056 for 700 Wh, penalty 0.012 on 600 Wh; 300 Wh would have been 0.090.
    # Seller: earned 0.200, paid 0.240 for 800 Wh and 0.014 on 700 Wh; 200 Wh would have earned 0.016.
    assert gains_of(slot(200, 300)) == {SELLER: -54_000 - 16_000, BUYER: -172_000 + 90_000, HOUSE: 0}


def test_a_correction_changes_both_what_was_paid_and_what_it_is_compared_with() -> None:
    settled = slot(850, 300, house=0)
    estimated = replace(settled.accounts[2], estimated=True)
    less, measured = (
        replace(settled.accounts[1], metered_wh=EnergyWh(200)),
        replace(estimated, metered_wh=EnergyWh(400)),
    )
    first = replace(settled, accounts=(*settled.accounts[:2], estimated))

    gains = gains_of(replace(first, corrections=((settled.accounts[1], less), (estimated, measured))))

    # Buyer: 0.008 more for the surplus, 0.002 more penalty; 200 Wh would have been 0.060. The house pays 0.120.
    assert gains == {SELLER: 86_000, BUYER: -166_000 + 60_000, HOUSE: 0}


def test_a_correction_of_a_correction_counts_from_what_stands() -> None:
    settled = slot(850, 300)
    second, third = (replace(settled.accounts[1], metered_wh=EnergyWh(wh)) for wh in (200, 1_000))

    gains = gains_of(replace(settled, corrections=((settled.accounts[1], second), (second, third))))

    assert gains[BUYER] == -216_000 + 300_000


def test_the_penalty_for_leaving_an_envelope_is_no_loss() -> None:
    settled = slot(850, 1_100)
    beyond = replace(settled.accounts[2], breach_wh=EnergyWh(100))
    found_later = replace(settled, corrections=((settled.accounts[2], beyond),))

    assert gains_of(replace(settled, accounts=(*settled.accounts[:2], beyond)))[HOUSE] == 0
    assert gains_of(found_later)[HOUSE] == 0


def test_energy_that_was_not_matched_is_compared_like_any_other() -> None:
    rules = replace(RULES, imbalance_rule=ImbalanceRule.MATCHED_SIDES)

    gains = gains_of(slot(1_000, 300, rules=rules))

    # Of 1,000 Wh the buyer took 300: it pays 216 * 0.3, and a penalty on 600 Wh. The seller earns 0.060, feeds in 700.
    assert gains == {SELLER: 60_000 + 56_000 - 80_000, BUYER: -64_800 - 12_000 + 90_000, HOUSE: 0}


def test_gains_of_good_slots_make_up_for_bad_ones() -> None:
    gains = gains_over([slot(850, 1_100), slot(850, 300)])

    assert gains == {SELLER: 2 * 86_000, BUYER: 84_000 - 82_000, HOUSE: 0}


def test_a_loss_is_refunded_up_to_the_most() -> None:
    rules = GuaranteeRules(first_day=20, period_days=30, most_micro=AmountMicro(70_000))

    assert rules.refunds({HOUSE: 0, BUYER: -82_000, SELLER: -69_999}) == {SELLER: 69_999, BUYER: 70_000}
    assert list(rules.refunds({BUYER: -1, SELLER: -1})) == [SELLER, BUYER]
    assert rules.refunds({BUYER: 1}) == {}


def test_periods_follow_each_other_without_a_gap() -> None:
    rules = GuaranteeRules(first_day=20, period_days=3, most_micro=AmountMicro(1))

    assert list(rules.days(0)) == [20, 21, 22]
    assert list(rules.days(1)) == [23, 24, 25]
    assert rules.slots(0) == range(20 * 96, 23 * 96)
    assert rules.slots(1).start == rules.slots(0).stop


@pytest.mark.parametrize(("days", "most"), [(0, 1), (1, 0)])
def test_a_guarantee_without_days_or_money_is_refused(days: int, most: int) -> None:
    with pytest.raises(ConfigError, match="at least a day and an amount"):
        GuaranteeRules(0, days, AmountMicro(most))


@pytest.mark.parametrize(("wh", "due"), [(0, 0), (1, -300), (1_001, -300_300), (-1, 80), (-1_001, 80_080)])
def test_the_retailer_alone_sells_at_retail_and_buys_at_feed_in(wh: int, due: int) -> None:
    assert with_retailer_alone(EnergyWh(wh), PRICES) == due


def test_what_is_paid_is_rounded_up_and_what_is_got_is_rounded_down() -> None:
    odd = RetailPrices(PriceMicroPerKwh(333), PriceMicroPerKwh(333))

    assert [with_retailer_alone(EnergyWh(wh), odd) for wh in (1, -1, 4, -4)] == [-1, 0, -2, 1]
