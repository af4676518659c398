"""The figures of a day: one flat mapping of stable names with their units, the same in table, page and `summary.json`.

Self-sufficiency and self-consumption are those of the neighbourhood as a whole, behind the transformer, slot by slot:
self-sufficiency = 1 - withdrawn / consumption and self-consumption = 1 - injected / generation (Luthander et al.,
"Photovoltaic self-consumption in buildings: a review", Applied Energy 142, 2015, eq. 3 and 4).
"""

from statistics import median_low
from typing import Any

from p2ptrade.demo.day import Day, SlotRecord
from p2ptrade.domain.money import cost_rounded_up
from p2ptrade.domain.units import HALF_UNITS_PER_UNIT, PPM, EnergyWh

Figures = dict[str, Any]


def share_ppm_rounded_down(part: int, whole: int) -> int:
    """Return `part / whole` in parts per million, 0 of nothing."""
    return part * PPM // whole if whole else 0


def figures_of(day: Day) -> Figures:
    """Return every figure of the day under its stable name; timings are added by whoever measured them."""
    return {
        "seed": day.seed,
        "week": day.week,
        "slots": len(day.slots),
        "homes": len(day.accounts),
        **_market(day),
        **_energy(day),
        **_prices(day),
        **_savings(day),
        **_feeder(day),
        **_chain(day),
        "money_difference_micro": day.money_difference_micro,
        "energy_difference_wh": day.energy_difference_wh,
    }


def _market(day: Day) -> Figures:
    return {
        "orders": sum(len(slot.orders) for slot in day.slots),
        "orders_sealed": sum(slot.sealed for slot in day.slots),
        "orders_void": sum(slot.void for slot in day.slots),
        "slots_with_trade": sum(1 for slot in day.slots if slot.traded_wh),
        "slots_lapsed": sum(1 for slot in day.slots if slot.lapsed),
        "dso_interventions": sum(max(0, slot.rounds - 1) for slot in day.slots),
    }


def _energy(day: Day) -> Figures:
    homes = [home for slot in day.slots for home in slot.homes.values()]
    consumption = sum(home.consumption_wh for home in homes)
    generation = sum(home.generation_wh for home in homes)
    withdrawn = sum(max(0, slot.net_wh) for slot in day.slots)
    injected = sum(max(0, -slot.net_wh) for slot in day.slots)
    traded = sum(slot.traded_wh for slot in day.slots)
    sold_to_retailer = sum(max(0, -home.imbalance_wh) for home in homes)
    return {
        "energy_traded_wh": traded,
        "consumption_wh": consumption,
        "generation_wh": generation,
        "grid_import_wh": withdrawn,
        "grid_export_wh": injected,
        "self_sufficiency_ppm": PPM - share_ppm_rounded_down(withdrawn, consumption),
        "self_consumption_ppm": PPM - share_ppm_rounded_down(injected, generation) if generation else 0,
        "bought_from_retailer_wh": sum(max(0, home.imbalance_wh) for home in homes),
        "sold_to_retailer_wh": sold_to_retailer,
        "traded_share_of_surplus_ppm": share_ppm_rounded_down(traded, traded + sold_to_retailer),
        "imbalance_of_traders_wh": sum(abs(home.imbalance_wh) for home in homes if home.position_wh),
    }


def _prices(day: Day) -> Figures:
    """Return energy-weighted means; the local price is the one that sellers receive, zone prices included."""
    traded = sum(slot.traded_wh for slot in day.slots)

    def mean(per_kwh: list[tuple[SlotRecord, int]], divisor: int = 1) -> int:
        return sum(slot.traded_wh * price for slot, price in per_kwh) // (traded * divisor) if traded else 0

    sold = [(slot, _zone_mean_half(slot)) for slot in day.slots if slot.prices]
    return {
        "local_price_mean_micro_per_kwh": mean(sold, HALF_UNITS_PER_UNIT),
        "charge_mean_micro_per_kwh": mean([(slot, slot.charge_micro_per_kwh) for slot in day.slots]),
        "retail_price_mean_micro_per_kwh": mean([(slot, slot.retail_micro_per_kwh) for slot in day.slots]),
        "feed_in_price_mean_micro_per_kwh": mean([(slot, slot.feed_in_micro_per_kwh) for slot in day.slots]),
    }


def _zone_mean_half(slot: SlotRecord) -> int:
    """Return the sellers' mean price of a slot, in half micro per kWh."""
    zone_of = {order.account: order.zone for order in slot.orders}
    sold = [(-home.position_wh, slot.prices[zone_of[a]]) for a, home in slot.homes.items() if home.position_wh < 0]
    energy = sum(wh for wh, _ in sold)
    return sum(wh * price for wh, price in sold) // energy if energy else 0


def _savings(day: Day) -> Figures:
    savings = sorted(day.saving_micro(account) for account in day.accounts)
    tariff = sum(slot.tariff_cost_micro(account) for slot in day.slots for account in day.accounts)
    return {
        "homes_better_off": sum(1 for saving in savings if saving > 0),
        "homes_worse_off": sum(1 for saving in savings if saving < 0),
        "saving_median_micro": median_low(savings) if savings else 0,
        "saving_worst_micro": savings[0] if savings else 0,
        "saving_best_micro": savings[-1] if savings else 0,
        "saving_total_micro": sum(savings),
        "tariff_cost_total_micro": tariff,
        "network_charge_total_micro": sum(
            cost_rounded_up(EnergyWh(slot.traded_wh), slot.charge_micro_per_kwh) for slot in day.slots
        ),
    }


def _feeder(day: Day) -> Figures:
    states = [slot.feeder for slot in day.slots]
    return {
        "min_voltage_pu": round(min(state.min_voltage_pu for state in states), 6),
        "max_voltage_pu": round(max(state.max_voltage_pu for state in states), 6),
        "max_loading_ppm": max(state.max_loading_ppm for state in states),
    }


def _chain(day: Day) -> Figures:
    gas = sum(slot.gas for slot in day.slots)
    orders = sum(slot.sealed for slot in day.slots)
    return {
        "transactions": day.setup_transactions + sum(slot.transactions for slot in day.slots),
        "setup_transactions": day.setup_transactions,
        "setup_gas": day.setup_gas,
        # Which three of the four oracles sign first differs from run to run, and so do the zeros in what is paid for by
        # the byte: some 12 gas a signature. Per order that is nothing; the sum itself would not repeat.
        "gas_per_order": gas // orders if orders else 0,
    }
