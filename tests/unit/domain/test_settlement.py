"""Settlement in integers: the worked case W9, hand-made cases with their sums, and what holds for every slot."""

from random import Random

import pytest

from p2ptrade.domain.metered import ClearedSlot, MeteredAccount, SlotTotals
from p2ptrade.domain.position import Position
from p2ptrade.domain.settlement import (
    ImbalanceRule,
    RetailPrices,
    SettlementRules,
    SystemAccount,
    settle_correction,
    settle_slot,
)
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import BooksDoNotCloseError, InputError
from tests.support.settlement import random_rules, random_slot

SELLER, BUYER, HOUSE = AccountId(16), AccountId(17), AccountId(18)
W9_PRICES = RetailPrices(PriceMicroPerKwh(300_000), PriceMicroPerKwh(80_000))
COLLATERAL = 50_000


def rules(
    imbalance_rule: ImbalanceRule = ImbalanceRule.OWN_DEVIATION, penalty: int = 0, tolerance_wh: int = 0, ppm: int = 0
) -> SettlementRules:
    deviation = Deviation(PriceMicroPerKwh(penalty), EnergyWh(tolerance_wh), SharePpm(ppm))
    return SettlementRules(deviation, PriceMicroPerKwh(500_000), imbalance_rule)


def sold(wh: int, revenue: int) -> Position:
    return Position(SELLER, EnergyWh(-wh), AmountMicro(COLLATERAL), AmountMicro(COLLATERAL + revenue))


def bought(wh: int, paid: int) -> Position:
    return Position(BUYER, EnergyWh(wh), AmountMicro(paid), AmountMicro(0))


def w9_accounts(seller_wh: int = -850, buyer_wh: int = 1_100) -> list[MeteredAccount]:
    """One contract of 1 kWh at 0.20 a kWh, without charges."""
    return [
        MeteredAccount(SELLER, EnergyWh(seller_wh), sold(1_000, 200_000)),
        MeteredAccount(BUYER, EnergyWh(buyer_wh), bought(1_000, 200_000)),
    ]


W9_CLEARED = ClearedSlot(EnergyWh(1_000))


def test_w9_an_under_delivery_and_an_over_withdrawal_are_bought_from_the_retailer() -> None:
    settled = settle_slot(w9_accounts(), W9_CLEARED, W9_PRICES, rules())

    # Published: seller +0.155, buyer -0.230 of which 0.200 were paid at the clearing, retailer +0.075.
    assert settled.flows[SELLER] - COLLATERAL == 155_000
    assert settled.flows[BUYER] - 200_000 == -230_000
    assert settled.flows[SystemAccount.RETAILER] == 75_000


def test_w9_a_surplus_goes_to_the_retailer_at_its_buying_price() -> None:
    settled = settle_slot(w9_accounts(seller_wh=-1_050, buyer_wh=1_000), W9_CLEARED, W9_PRICES, rules())

    assert settled.flows[SELLER] - COLLATERAL - 200_000 == 4_000
    assert settled.flows[SystemAccount.RETAILER] == -4_000


def test_tokens_come_into_being_for_delivered_energy_only() -> None:
    settled = settle_slot(w9_accounts(), W9_CLEARED, W9_PRICES, rules())

    assert [account.minted_wh for account in settled.accounts] == [0, 850]


def test_a_house_without_trade_settles_wholly_at_the_tariffs() -> None:
    withdrawing = MeteredAccount(HOUSE, EnergyWh(1_234))
    injecting = MeteredAccount(HOUSE, EnergyWh(-1_234))

    assert settle_slot([withdrawing], ClearedSlot(), W9_PRICES).flows[HOUSE] == -370_200
    assert settle_slot([injecting], ClearedSlot(), W9_PRICES).flows[HOUSE] == 98_720


def test_what_is_owed_is_rounded_up_and_what_is_earned_is_rounded_down() -> None:
    odd = RetailPrices(PriceMicroPerKwh(300_001), PriceMicroPerKwh(80_001))

    assert settle_slot([MeteredAccount(HOUSE, EnergyWh(1))], ClearedSlot(), odd).flows[HOUSE] == -301
    assert settle_slot([MeteredAccount(HOUSE, EnergyWh(-1))], ClearedSlot(), odd).flows[HOUSE] == 80


@pytest.mark.parametrize(
    ("metered_wh", "penalty"),
    [(1_000, 0), (1_100, 0), (1_101, 1), (900, 0), (899, 1), (1_600, 500)],
)
def test_a_deviation_costs_beyond_the_larger_tolerance_only(metered_wh: int, penalty: int) -> None:
    # Tolerance: 50 Wh or 10 % of 1,000 Wh, whichever is larger; 1 micro-credit a Wh beyond.
    accounts = w9_accounts(seller_wh=-1_000, buyer_wh=metered_wh)

    settled = settle_slot(accounts, W9_CLEARED, W9_PRICES, rules(penalty=1_000, tolerance_wh=50, ppm=100_000))

    assert settled.accounts[1].deviation_penalty_micro == penalty


def test_an_estimate_is_never_penalised_and_mints_nothing() -> None:
    seller, buyer = w9_accounts(seller_wh=0)
    accounts = [MeteredAccount(SELLER, EnergyWh(-500), seller.position, True, EnergyWh(300)), buyer]

    settled = settle_slot(accounts, W9_CLEARED, W9_PRICES, rules(penalty=1_000))

    assert settled.accounts[0].deviation_penalty_micro == settled.accounts[0].breach_penalty_micro == 0
    assert settled.minted_wh == 0


def test_energy_outside_the_envelope_costs_the_breach_price() -> None:
    breaching = MeteredAccount(HOUSE, EnergyWh(0), breach_wh=EnergyWh(3))

    assert settle_slot([breaching], ClearedSlot(), W9_PRICES, rules()).flows[HOUSE] == -1_500


def test_one_price_charges_retail_for_both_signs_when_all_together_withdrew() -> None:
    accounts = [MeteredAccount(SELLER, EnergyWh(-400)), MeteredAccount(BUYER, EnergyWh(1_000))]

    short = settle_slot(accounts, ClearedSlot(), W9_PRICES, rules(ImbalanceRule.ONE_PRICE)).flows

    assert (short[SELLER], short[BUYER], short[SystemAccount.RETAILER]) == (120_000, -300_000, 180_000)


def test_one_price_pays_feed_in_for_both_signs_when_all_together_injected() -> None:
    accounts = [MeteredAccount(SELLER, EnergyWh(-1_000)), MeteredAccount(BUYER, EnergyWh(400))]

    surplus = settle_slot(accounts, ClearedSlot(), W9_PRICES, rules(ImbalanceRule.ONE_PRICE)).flows

    assert (surplus[SELLER], surplus[BUYER]) == (80_000, -32_000)


def test_matched_sides_trades_only_what_both_sides_kept_to() -> None:
    settled = settle_slot(w9_accounts(), W9_CLEARED, W9_PRICES, rules(ImbalanceRule.MATCHED_SIDES))

    # 850 Wh count as traded. The seller returns 0.03 for 150 Wh and is in balance; the buyer gets 0.03 back and buys
    # its other 250 Wh at 0.30.
    assert settled.flows[SELLER] - COLLATERAL == 170_000
    assert settled.flows[BUYER] == 30_000 - 75_000
    assert settled.flows[SystemAccount.RETAILER] == 75_000


def test_a_correction_pays_the_difference_between_estimate_and_measurement() -> None:
    position = bought(1_000, 200_000)
    estimate = MeteredAccount(BUYER, EnergyWh(1_000), position, estimated=True)
    measured = MeteredAccount(BUYER, EnergyWh(1_400), position)

    difference = settle_correction(estimate, measured, W9_PRICES, rules(penalty=1_000, tolerance_wh=100))

    assert difference == -120_000 - 300


def test_accounts_must_rise_and_positions_must_be_those_that_were_cleared() -> None:
    with pytest.raises(InputError, match="rise strictly"):
        settle_slot([MeteredAccount(BUYER, EnergyWh(0)), MeteredAccount(SELLER, EnergyWh(0))], ClearedSlot(), W9_PRICES)
    with pytest.raises(BooksDoNotCloseError, match="1000 Wh"):
        settle_slot(w9_accounts(), ClearedSlot(EnergyWh(999)), W9_PRICES)


@pytest.mark.parametrize("seed", range(200))
def test_whatever_happens_flows_sum_to_zero_and_no_more_is_minted_than_delivered(seed: int) -> None:
    random = Random(seed)
    accounts, cleared = random_slot(random, list(range(16, 16 + random.randint(1, 40))))

    settled = settle_slot(accounts, cleared, W9_PRICES, random_rules(random))

    assert sum(settled.flows.values()) == 0
    assert settled.minted_wh == SlotTotals.of(accounts).delivered_wh <= cleared.bought_wh
    released = sum(account.position.release_micro for account in accounts if account.position)
    locked = sum(account.position.locked_micro for account in accounts if account.position)
    assert locked == released + cleared.network_micro + cleared.fee_micro + cleared.rent_micro, "escrow is emptied"
    assert -settled.flows.get(SystemAccount.ESCROW, 0) == locked
