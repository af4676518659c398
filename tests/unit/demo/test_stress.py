"""The stressed neighbourhood: what is added are present profiles, scaled or moved, and nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from p2ptrade.demo.scenario import Scenario, Timeline
from p2ptrade.demo.stress import GROWTH, estate_of, grown
from p2ptrade.domain.slot import start_of
from p2ptrade.errors import InputError
from p2ptrade.grid import HomeProfiles, ZonePlan, load_homes, load_network, propose_zones

NETWORK = "simbench-lv-rural3"


@pytest.fixture(scope="module")
def present() -> HomeProfiles:
    return load_homes(NETWORK)


@pytest.fixture(scope="module")
def plan() -> ZonePlan:
    return propose_zones(load_network(NETWORK))


def test_a_new_roof_generates_what_a_present_one_does_by_its_size(present: HomeProfiles, plan: ZonePlan) -> None:
    later = grown(present, plan, 1)

    sources = [number for number, home in enumerate(present.homes) if home.pv_peak_w]
    before, after = present.week("summer").pv_wh.astype(np.int64), later.week("summer").pv_wh
    changed = np.flatnonzero((before != after).any(axis=1))
    assert len(changed) > 40
    for number in changed:
        peak_w = later.homes[number].pv_peak_w
        assert any((before[s] * peak_w // present.homes[s].pv_peak_w == after[number]).all() for s in sources)


def test_a_new_charging_point_charges_what_a_present_one_does_on_some_day_hours_earlier(
    present: HomeProfiles, plan: ZonePlan
) -> None:
    later = grown(present, plan, 1)

    before, after = present.week("summer").ev_wh, later.week("summer").ev_wh
    days = before.shape[1] // 96
    for number in np.flatnonzero((before != after).any(axis=1)):
        assert present.homes[number].ev_power_w == 0 < later.homes[number].ev_power_w
        moved = (np.roll(before, 96 * day - 4 * GROWTH.charging_earlier_h, axis=1) for day in range(days))
        assert any((each == after[number]).all(axis=1).any() for each in moved)


def test_the_estate_has_large_roofs_that_the_fuses_bear_and_the_rest_stays_as_it_is(
    present: HomeProfiles, plan: ZonePlan
) -> None:
    network, later = load_network(NETWORK), grown(present, plan, 1)

    estate = estate_of(plan)
    assert plan.connection_zone.count(estate) == max(map(plan.connection_zone.count, range(plan.zones)))
    for connection, zone, home in zip(network.connections, plan.connection_zone, later.homes, strict=True):
        assert home.pv_peak_w <= max(connection.capacity_w, 24_249)
        if zone == estate:
            assert home.pv_peak_w >= 20_000
    for name, week in present.weeks.items():
        assert (later.week(name).load_wh == week.load_wh).all()
        assert (later.week(name).heat_pump_wh == week.heat_pump_wh).all()


def test_the_same_seed_gives_the_same_homes_and_another_seed_others(present: HomeProfiles, plan: ZonePlan) -> None:
    first, again, other = grown(present, plan, 1), grown(present, plan, 1), grown(present, plan, 2)

    assert first.homes == again.homes
    assert (first.week("summer").pv_wh == again.week("summer").pv_wh).all()
    assert first.homes != other.homes


def test_the_stressed_day_is_a_saturday_around_its_brightest_hour(present: HomeProfiles) -> None:
    whole, short = (Timeline.of(Scenario(slots=slots, stress=True), present) for slots in (96, 4))

    assert start_of(whole.first) % 86_400 == 0
    assert (start_of(whole.first) // 86_400 + 3) % 7 == 5
    assert start_of(short.first) - start_of(whole.first) == 42 * 900


@pytest.mark.parametrize("more", [{"homes": 40}, {"week": "winter"}])
def test_a_stressed_day_with_homes_left_out_or_in_winter_is_refused(more: dict[str, object]) -> None:
    with pytest.raises(InputError, match="stressed day"):
        Scenario(stress=True, **more)  # type: ignore[arg-type]
