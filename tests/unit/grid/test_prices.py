"""Prices of the grid against worked cases and the published 33-bus optimum.

W1, W5 and W8 are worked by hand, W2 and W3 by a linear program of another solver; the 33-bus figures come from a cone
program in another modelling language.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.units import AmountMicro, EnergyWh, PriceMicroPerKwh
from p2ptrade.errors import GridError, InputError
from p2ptrade.grid import check_injections, load_network, zones_from_cuts
from p2ptrade.grid.branch_flow import FlowModel, Offer
from p2ptrade.grid.congestion import Use, congestion_fees, redispatch_cost_rounded_up
from p2ptrade.grid.dlmp import OptimalFlow, optimal_flow
from p2ptrade.grid.losses import LossRule, allocate_losses, loss_weights, slot_losses
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_charge import ChargeRule, NetworkCharge, charge_rounded_down, halves
from p2ptrade.grid.sensitivity import sensitivity
from p2ptrade.grid.shares import split_exactly
from tests.support.networks import BASE_OHM, BASE_W, FOUR_BUS_W, four_bus, injections, line, symmetric

TINY = 1e-9


def parts_sum_up(flow: OptimalFlow, within: float) -> bool:
    return bool(np.abs(flow.price - flow.energy - flow.loss - flow.congestion - flow.voltage).max() < within)


def node_demand(network: Network, name: str) -> tuple[np.ndarray, np.ndarray]:
    active, reactive = injections(name, network.connections)
    demand = np.zeros((2, len(network.nodes)))
    np.subtract.at(demand[0], [connection.node for connection in network.connections], active)
    np.subtract.at(demand[1], [connection.node for connection in network.connections], reactive)
    return demand[0], demand[1]


def test_a_full_line_makes_the_price_behind_it_that_of_the_local_generator() -> None:
    half = 0.5 * BASE_W / (3**0.5 * 400)
    network = symmetric(line(0, 1, TINY, TINY), line(1, 2, TINY, TINY, rating_a=half), connections=(2,))

    flow = optimal_flow(
        network, np.array([0, 0, 0.8 * BASE_W]), np.zeros(3), [Offer(2, BASE_W, 0.15)], 0.10, FlowModel.LINDISTFLOW
    )

    assert flow.price == pytest.approx([0.10, 0.10, 0.15], abs=1e-6)
    assert flow.congestion == pytest.approx([0, 0, 0.05], abs=1e-6)
    assert flow.line_dual == pytest.approx([0, 0.05], abs=1e-6)
    assert flow.import_w == pytest.approx(0.5 * BASE_W, abs=1e-2)
    assert flow.cost == pytest.approx(0.095 * BASE_W / 1000, abs=1e-6)
    surplus = 0.8 * flow.price[2] - 0.3 * 0.15 - 0.5 * 0.10
    assert surplus == pytest.approx(0.025, abs=1e-6)


def test_a_low_voltage_makes_a_price_at_every_node_by_its_effect_on_it() -> None:
    network = symmetric(line(0, 1, 0.02, TINY), line(1, 2, 0.04, TINY), connections=(2,), limits=(0.95, 1.1))

    flow = optimal_flow(
        network, np.array([0, 0, BASE_W]), np.zeros(3), [Offer(2, BASE_W, 0.15)], 0.10, FlowModel.LINDISTFLOW
    )

    assert flow.import_w / BASE_W == pytest.approx(0.8125, abs=1e-6)
    assert flow.generation_w[0] / BASE_W == pytest.approx(0.1875, abs=1e-6)
    assert flow.cost / (BASE_W / 1000) == pytest.approx(0.109375, abs=1e-6)
    assert flow.voltage_dual[2] == pytest.approx(0.416667, abs=1e-6)
    assert flow.price == pytest.approx([0.10, 0.116667, 0.15], abs=1e-6)
    assert flow.voltage == pytest.approx([0, 0.016667, 0.05], abs=1e-6)


def test_without_local_generation_the_33_bus_price_is_one_plus_the_marginal_loss() -> None:
    network = load_network("ieee-33")

    flow = optimal_flow(network, *node_demand(network, "ieee-33"), [], 1.0)

    assert flow.loss_w / 1000 == pytest.approx(202.677, abs=0.001)
    assert flow.gap < 1e-6
    at = [node - 1 for node in (2, 6, 18, 22, 25, 33)]
    assert flow.price[at] == pytest.approx([1.00479, 1.079751, 1.147186, 1.012524, 1.049557, 1.126533], abs=1e-5)
    # A fixed power factor would add the reactive part; the published loads keep theirs, so compare active power only.
    fixed = replace(network, connections=tuple(replace(entry, tan_phi=0.0) for entry in network.connections))
    marginal = sensitivity(fixed, *injections("ieee-33", network.connections)).loss_per_w
    nodes = [connection.node for connection in network.connections]
    assert flow.price[nodes] == pytest.approx(1 - marginal, abs=1e-5)
    assert parts_sum_up(flow, 1e-6)


def test_with_local_generation_and_voltage_limits_the_33_bus_optimum_is_the_known_one() -> None:
    network = replace(load_network("ieee-33"), voltage_min_pu=0.95)
    offers = [Offer(17, 1e6, 1.4), Offer(32, 1.5e6, 1.3)]

    flow = optimal_flow(network, *node_demand(network, "ieee-33"), offers, 1.0)

    assert flow.generation_w / 1e6 == pytest.approx([0.410161, 0.625898], abs=5e-6)
    assert flow.import_w / 1e6 == pytest.approx(2.790736, abs=5e-6)
    assert flow.loss_w / 1e3 == pytest.approx(111.795, abs=0.001)
    assert flow.cost / 1e3 == pytest.approx(4.178629, abs=1e-5)
    at = [node - 1 for node in (2, 6, 18, 22, 25, 30, 33)]
    known = [1.009531, 1.190848, 1.4, 1.017315, 1.080509, 1.282940, 1.3]
    assert flow.price[at] == pytest.approx(known, abs=1e-5)
    assert list(np.flatnonzero(flow.voltage_dual > 1e-5) + 1) == [14, 31]
    assert parts_sum_up(flow, 1e-5)


def test_a_demand_that_no_flow_can_serve_has_no_price() -> None:
    network = symmetric(line(0, 1, 0.02, 0.01, rating_a=10.0), connections=(1,))

    with pytest.raises(GridError, match="no solution"):
        optimal_flow(network, np.array([0, BASE_W]), np.zeros(2), [], 0.1)


def test_redispatch_costs_what_is_bought_less_what_is_saved() -> None:
    cost = redispatch_cost_rounded_up(EnergyWh(20_000), PriceMicroPerKwh(200_000), PriceMicroPerKwh(80_000))

    assert cost == 2_400_000


def test_the_redispatch_cost_is_recovered_over_the_requested_use_to_the_last_unit() -> None:
    uses = [Use(number, 9, EnergyWh(wh), (1.0,)) for number, wh in enumerate((30_000, 25_000, 15_000))]

    fees = congestion_fees(AmountMicro(2_400_000), (0.12,), uses)

    assert sum(fees) == 2_400_000
    # 2.40 over 70 kWh is 0.0342857 per kWh.
    assert [fee / use.energy_wh * 1000 for fee, use in zip(fees, uses, strict=True)] == pytest.approx(
        [34_285.7] * 3, abs=0.1
    )


def test_counter_flow_pays_no_congestion_fee_and_earns_none() -> None:
    uses = [Use(1, 2, EnergyWh(40_000), (1.0,)), Use(3, 4, EnergyWh(35_000), (-1.0,))]

    assert congestion_fees(AmountMicro(1_000_001), (1.0,), uses) == (1_000_001, 0)


def test_a_cost_that_nobody_caused_is_refused() -> None:
    with pytest.raises(InputError, match="nobody loads"):
        congestion_fees(AmountMicro(5), (1.0,), [Use(1, 2, EnergyWh(10), (-1.0,))])


USES = st.lists(
    st.builds(
        Use,
        seller=st.integers(0, 3),
        buyer=st.integers(4, 7),
        energy_wh=st.integers(1, 50_000).map(EnergyWh),
        effect=st.tuples(st.floats(-1, 1), st.just(1.0)),
    ),
    min_size=1,
    max_size=8,
)


@given(USES, st.integers(0, 10**9), st.data())
def test_splitting_a_trade_does_not_lower_what_its_pair_pays(uses: list[Use], cost: int, data: st.DataObject) -> None:
    weights = (0.0, 1.0)
    number = data.draw(st.integers(0, len(uses) - 1))
    whole = uses[number]
    part = data.draw(st.integers(0, whole.energy_wh))
    pieces = [replace(whole, energy_wh=EnergyWh(wh)) for wh in (part, whole.energy_wh - part) if wh]
    split = uses[:number] + uses[number + 1 :] + pieces

    before = congestion_fees(AmountMicro(cost), weights, uses)
    after = congestion_fees(AmountMicro(cost), weights, split)

    def paid(fees: tuple[AmountMicro, ...], of: list[Use]) -> int:
        pair = (whole.seller, whole.buyer)
        return sum(fee for fee, use in zip(fees, of, strict=True) if (use.seller, use.buyer) == pair)

    assert sum(after) == sum(before) == cost
    assert paid(after, split) == paid(before, uses)


@given(USES, st.integers(0, 10**9), st.integers(1, 50_000), st.floats(-1, 1))
def test_a_faked_trade_does_not_lower_what_its_seller_pays(
    uses: list[Use], cost: int, energy: int, effect: float
) -> None:
    faker = uses[0].seller
    fake = Use(faker, uses[0].buyer, EnergyWh(energy), (effect, effect))

    before = congestion_fees(AmountMicro(cost), (0.0, 1.0), uses)
    after = congestion_fees(AmountMicro(cost), (0.0, 1.0), [*uses, fake])

    def paid(fees: tuple[AmountMicro, ...], of: list[Use]) -> int:
        return sum(fee for fee, use in zip(fees, of, strict=True) if use.seller == faker)

    # Largest remainders may move each of the seller's pairs by one unit.
    assert paid(after, [*uses, fake]) >= paid(before, uses) - 4


@pytest.mark.parametrize(
    ("rule", "rate", "amount"),
    [
        (ChargeRule.UNIFORM, 10_000, 100_000),
        # 0.10 per kWh and per-unit ohm; the distance is 0.072801099 pu.
        (ChargeRule.THEVENIN, round(100_000 / BASE_OHM), 72_801),
        (ChargeRule.PTDF, 4_000, 80_000),
        (ChargeRule.ZONAL, 4_000, 80_000),
    ],
)
def test_a_trade_between_laterals_pays_the_known_network_charge(rule: ChargeRule, rate: int, amount: int) -> None:
    network = four_bus()
    plan = zones_from_cuts(network, [0, 2])

    charge = charge_rounded_down(network, plan, NetworkCharge(rule, rate), EnergyWh(10_000), seller=2, buyer=1)

    assert charge == amount
    assert sum(halves(charge)) == charge
    assert charge == charge_rounded_down(network, plan, NetworkCharge(rule, rate), EnergyWh(10_000), seller=1, buyer=2)


def test_a_trade_with_the_grid_travels_to_the_source() -> None:
    network = four_bus()
    plan = zones_from_cuts(network, [0, 2])
    rate = NetworkCharge(ChargeRule.THEVENIN, round(1_000_000 / BASE_OHM))

    charge = charge_rounded_down(network, plan, rate, EnergyWh(1_000_000), seller=1, buyer=None)

    assert charge / 1e9 == pytest.approx(0.063245553, abs=1e-6)


def test_marginal_losses_in_the_limit_of_small_flows_are_those_of_the_quadratic_model() -> None:
    network, scale = four_bus(), 1e-4

    weights = loss_weights(network, list(FOUR_BUS_W / 4 * scale), LossRule.MARGINAL)

    assert weights / BASE_W / scale**2 == pytest.approx([0.0004, 0.0042, 0.0040], abs=1e-6)


@pytest.mark.parametrize("name", ["ieee-eu-lv", "simbench-lv-rural3"])
def test_the_branch_currents_losses_sum_to_those_of_the_power_flow(name: str) -> None:
    network = load_network(name)
    network = replace(
        network, branches=tuple(replace(branch, g1_s=0.0, b1_s=0.0, g0_s=0.0, b0_s=0.0) for branch in network.branches)
    )
    energy = [int(wh) for wh in np.random.default_rng(3).uniform(-900, 500, len(network.connections))]

    weights = loss_weights(network, energy, LossRule.BRANCH_CURRENT)

    loss_w = check_injections(network, np.array(energy) * 4.0).loss_w
    assert weights.sum() == pytest.approx(loss_w, rel=1e-6)
    assert slot_losses(network, energy) == round(loss_w / 4)


@pytest.mark.parametrize("rule", list(LossRule))
def test_allocated_losses_sum_to_the_total_and_do_not_know_of_trades(rule: LossRule) -> None:
    network = load_network("simbench-lv-rural3")
    energy = [int(wh) for wh in np.random.default_rng(4).uniform(-900, 500, len(network.connections))]

    parts = allocate_losses(network, energy, rule, EnergyWh(777))

    assert sum(parts) == 777
    assert all(isinstance(part, int) for part in parts)


@given(
    st.integers(-(10**12), 10**12),
    st.lists(st.integers(0, 10**9), min_size=1, max_size=30).filter(any),
)
def test_shares_sum_to_the_total_and_are_within_one_of_the_exact_ones(total: int, weights: list[int]) -> None:
    shares = split_exactly(total, weights)

    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share * sum(weights) - total * weight) < sum(weights)
