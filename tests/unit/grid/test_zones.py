"""The zone tree and its line limits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2ptrade.domain.grid_data import ROOT, Charges, GridData
from p2ptrade.domain.units import PriceMicroPerKwh
from p2ptrade.errors import InputError
from p2ptrade.grid import Forecast, Network, check_injections, load_network, propose_zones, zone_limits, zones_from_cuts
from p2ptrade.grid.limits import sample_injections_wh
from p2ptrade.grid.pgm import PgmPowerFlow
from p2ptrade.grid.resources import packaged_names
from p2ptrade.grid.zones import connections_below
from tests.support.networks import four_bus, line, symmetric

NAMES = packaged_names("networks", ".json")


def forecast(network: Network, base_wh: int, error_wh: int) -> Forecast:
    size = len(network.connections)
    return Forecast((base_wh,) * size, (error_wh,) * size)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("most", [1, 5, 32])
def test_a_proposed_tree_has_parents_first_and_holds_every_connection_once(name: str, most: int) -> None:
    network = load_network(name)

    plan = propose_zones(network, most, connections_per_zone=10)

    assert plan.zones <= most
    assert plan.parent[0] == 0
    assert all(plan.parent[zone] < zone for zone in range(1, plan.zones))
    assert sorted(plan.members(0)) == list(range(len(network.connections)))
    GridData(zone_limits(network, plan), Charges(*(PriceMicroPerKwh(0),) * 4))


@pytest.mark.parametrize("name", NAMES)
def test_what_is_behind_a_zones_branch_is_the_zone_and_those_below_it(name: str) -> None:
    network = load_network(name)
    plan = propose_zones(network, connections_per_zone=10)
    below = connections_below(network)

    for zone in range(1, plan.zones):
        assert len(plan.members(zone)) == below[plan.branch[zone]] > 0


def test_rural3_gets_a_zone_for_each_feeder_that_has_enough_connections() -> None:
    network = load_network("simbench-lv-rural3")

    plan = propose_zones(network)

    assert plan.zones == 8
    assert set(plan.parent) == {0}


def test_the_operator_may_cut_elsewhere() -> None:
    plan = zones_from_cuts(four_bus(), [0, 2])

    assert plan.parent == (0, 0, 1)
    assert plan.connection_zone == (1, 1, 2)


@pytest.mark.parametrize("most", [0, 33])
def test_a_tree_of_no_or_too_many_zones_is_refused(most: int) -> None:
    with pytest.raises(InputError, match="1 to 32"):
        propose_zones(four_bus(), most)


def test_a_line_alone_may_carry_its_rating_less_the_base_flow() -> None:
    # 100 A at 0.9 of 400 V are 62,353 W, 15,588 Wh in a quarter of an hour; the voltage does not bind.
    network = replace(
        symmetric(line(0, 1, 1e-6, 1e-6, 100.0), connections=(1,), limits=(0.9, 1.1)),
    )
    plan = zones_from_cuts(network, [0])

    free = zone_limits(network, plan)
    based = zone_limits(network, plan, Forecast((2_000,), (0,)))

    assert free[0] == ROOT
    assert (free[1].import_wh, free[1].export_wh) == (15_588, 15_588)
    assert (based[1].import_wh, based[1].export_wh) == (17_588, 13_588)


def test_limits_shrink_with_the_forecast_error_and_grow_with_the_accepted_risk() -> None:
    network = load_network("simbench-lv-rural3")
    plan = propose_zones(network)

    sure = zone_limits(network, plan, forecast(network, 0, 0))
    unsure = zone_limits(network, plan, forecast(network, 0, 300))
    careless = zone_limits(network, plan, forecast(network, 0, 300), violation_ppm=200_000)

    for zone in range(1, plan.zones):
        assert unsure[zone].export_wh < sure[zone].export_wh
        assert unsure[zone].export_wh <= careless[zone].export_wh <= sure[zone].export_wh


def test_a_voltage_limit_bounds_a_long_feeder_before_its_rating_does() -> None:
    network = load_network("simbench-lv-rural3")
    plan = propose_zones(network)

    limits = zone_limits(network, plan)

    thermal = int(3**0.5 * 400 * 270 * 0.9 / 4)
    assert min(zone.export_wh for zone in limits[1:]) < thermal
    assert max(zone.export_wh for zone in limits[1:]) == thermal


@pytest.mark.parametrize("name", ["simbench-lv-rural3", "simbench-lv-semiurb4", "ieee-eu-lv"])
def test_with_one_zone_at_its_limit_few_enough_samples_are_unsafe_by_a_second_engine(name: str) -> None:
    network = load_network(name)
    plan = propose_zones(network)
    base = forecast(network, -100, 60)
    limits = zone_limits(network, plan, base, violation_ppm=20_000, samples=200, seed=5)
    drawn = sample_injections_wh(base, 200, 5)
    capacity = np.array([connection.capacity_w for connection in network.connections])

    for zone in range(1, plan.zones):
        members = np.zeros(len(capacity), dtype=bool)
        members[plan.members(zone)] = True
        added = np.where(members, capacity, 0) / capacity[members].sum() * limits[zone].export_wh
        flow = PgmPowerFlow(network).solve((drawn + added) * 4.0)
        inside = (flow.voltage_pu <= network.voltage_max_pu + 1e-9).all(axis=1)
        count = flow.loading.shape[1] // len(network.branches)
        inside &= (flow.loading[:, plan.branch[zone] * count : (plan.branch[zone] + 1) * count] <= 1).all(axis=1)
        assert (~inside).sum() <= 4


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 50))
def test_a_sample_is_the_same_for_the_same_seed(seed: int, samples: int) -> None:
    base = Forecast((100, -200), (10, 20))

    assert (sample_injections_wh(base, samples, seed) == sample_injections_wh(base, samples, seed)).all()


def test_an_empty_network_at_no_load_is_safe_in_every_shipped_network() -> None:
    for name in NAMES:
        network = load_network(name)
        assert check_injections(network, np.zeros(len(network.connections))).safe
