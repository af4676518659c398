"""A battery never makes energy, never leaves its bounds, and brings the home as near to its aim as it can."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.battery import Battery, follow
from p2ptrade.domain.units import PPM, EnergyWh, SharePpm
from p2ptrade.errors import InputError

batteries = st.builds(
    Battery,
    capacity_wh=st.integers(0, 20_000).map(EnergyWh),
    power_wh_per_slot=st.integers(0, 5_000).map(EnergyWh),
    charge_efficiency_ppm=st.integers(500_000, PPM).map(SharePpm),
    discharge_efficiency_ppm=st.integers(500_000, PPM).map(SharePpm),
)
nets = st.integers(-10_000, 10_000)


@given(batteries, st.integers(0, PPM), nets, nets)
def test_a_battery_stays_within_its_bounds_and_never_makes_energy(
    battery: Battery, fullness_ppm: int, net_wh: int, target_wh: int
) -> None:
    stored_wh = EnergyWh(battery.capacity_wh * fullness_ppm // PPM)

    done = follow(battery, stored_wh, net_wh, target_wh)

    gained = Fraction(done.charged_wh * battery.charge_efficiency_ppm, PPM)
    given_away = Fraction(done.discharged_wh * PPM, battery.discharge_efficiency_ppm)
    assert 0 <= done.stored_wh <= battery.capacity_wh
    assert 0 <= done.charged_wh + done.discharged_wh <= battery.power_wh_per_slot
    assert done.charged_wh == 0 or done.discharged_wh == 0
    assert 0 <= stored_wh + gained - given_away - done.stored_wh < 1


@given(batteries, st.integers(0, PPM), nets, nets)
def test_a_battery_stops_short_of_its_aim_only_when_power_or_content_is_used_up(
    battery: Battery, fullness_ppm: int, net_wh: int, target_wh: int
) -> None:
    stored_wh = EnergyWh(battery.capacity_wh * fullness_ppm // PPM)

    done = follow(battery, stored_wh, net_wh, target_wh)

    missed_wh = net_wh + done.withdrawn_wh - target_wh
    at_full_power = done.charged_wh + done.discharged_wh == battery.power_wh_per_slot
    if missed_wh < 0:
        one_more = Fraction((done.charged_wh + 1) * battery.charge_efficiency_ppm, PPM)
        assert at_full_power or stored_wh + one_more > battery.capacity_wh
    if missed_wh > 0:
        one_more = Fraction((done.discharged_wh + 1) * PPM, battery.discharge_efficiency_ppm)
        assert at_full_power or one_more > stored_wh


def test_a_surplus_is_stored_before_it_is_exported() -> None:
    battery = Battery(EnergyWh(10_000), EnergyWh(1_000))

    done = follow(battery, EnergyWh(0), net_wh=-600)

    assert (done.charged_wh, done.discharged_wh, done.stored_wh) == (600, 0, 570)


def test_a_battery_helps_to_deliver_what_was_sold() -> None:
    battery = Battery(EnergyWh(10_000), EnergyWh(1_000))

    done = follow(battery, EnergyWh(5_000), net_wh=-100, target_wh=-195)

    assert (done.charged_wh, done.discharged_wh, done.stored_wh) == (0, 95, 4_900)


def test_a_content_that_the_battery_cannot_have_is_refused() -> None:
    with pytest.raises(InputError, match="5 Wh cannot be in a battery of 4 Wh"):
        follow(Battery(EnergyWh(4), EnergyWh(4)), EnergyWh(5), 0)
