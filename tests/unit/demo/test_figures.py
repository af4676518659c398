"""Two homes, two slots, every figure computed by hand.

Slot 1: A (sun) sells 400 Wh to B at 20 ct + 2 ct charge. A injects 500 (generates 600, uses 100): 100 more than sold.
B withdraws 700 (uses 700): 300 more than bought. Slot 2 (night, no market): A withdraws 200, B withdraws 300.
Retail 30 ct, feed-in 8 ct.
"""

from p2ptrade.demo.day import Day
from p2ptrade.demo.figures import figures_of


def test_every_figure_is_the_one_computed_by_hand(day: Day) -> None:
    figures = figures_of(day)

    # withdrawn by both: slot 1 -500 + 700 = 200, slot 2 500; consumption 100 + 700 + 200 + 300
    assert figures["consumption_wh"] == 1_300
    assert figures["grid_import_wh"] == 700
    assert figures["self_sufficiency_ppm"] == 1_000_000 - 538_461
    assert figures["self_consumption_ppm"] == 1_000_000
    assert figures["energy_traded_wh"] == 400
    assert figures["traded_share_of_surplus_ppm"] == 800_000
    assert figures["bought_from_retailer_wh"] == 300 + 200 + 300
    assert figures["imbalance_of_traders_wh"] == 100 + 300
    assert figures["local_price_mean_micro_per_kwh"] == 200_000
    # A alone would have got 500 Wh at 8 ct = 40,000, got 88,000; B would have paid 210,000, paid 178,000
    assert (figures["saving_best_micro"], figures["saving_worst_micro"]) == (48_000, 32_000)
    assert figures["homes_better_off"] == 2
    assert figures["dso_interventions"] == 1
    assert figures["slots_lapsed"] == 1
    assert figures["transactions"] == 44
    assert figures["gas_per_order"] == 31_001 // 3
    assert (figures["min_voltage_pu"], figures["max_voltage_pu"]) == (0.97, 1.02)


def test_savings_are_what_the_tariffs_of_all_would_have_cost_less_what_was_paid(day: Day) -> None:
    figures = figures_of(day)
    paid = -sum(home.cash_micro for slot in day.slots for home in slot.homes.values())

    assert figures["saving_total_micro"] == figures["tariff_cost_total_micro"] - paid
