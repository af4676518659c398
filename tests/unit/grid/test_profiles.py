"""Homes and their weeks: what ships, and what a homes file must be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from p2ptrade.errors import InputError
from p2ptrade.grid import HomeProfiles, Week, check_injections, load_homes, load_network
from p2ptrade.grid.profiles import SERIES

NAMES = ["simbench-lv-rural3", "simbench-lv-semiurb4"]
DAY = 96


def two_slots() -> Week:
    energy = np.ones((1, 2), dtype=np.int32)
    return Week(900, energy, energy, energy, energy)


@pytest.mark.parametrize("name", NAMES)
def test_a_home_is_behind_each_connection_in_the_same_order(name: str) -> None:
    network, homes = load_network(name), load_homes(name)

    assert [home.connection for home in homes.homes] == [connection.id for connection in network.connections]
    assert homes.licence == "ODbL-1.0"
    assert homes.network == name


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("week", ["summer", "winter"])
def test_a_week_has_the_day_before_it_in_any_time_zone(name: str, week: str) -> None:
    found = load_homes(name).week(week)

    assert found.slots == 9 * DAY
    assert found.start_s % 86_400 == 0
    assert found.column(found.start_s + 8 * 86_400) == 8 * DAY


def test_the_file_is_small_enough_to_ship() -> None:
    folder = Path(__file__).parents[3] / "p2ptrade" / "data" / "profiles"

    assert all(path.stat().st_size <= 3_000_000 for path in folder.glob("*.npz"))


def test_rural3_has_the_devices_of_its_simbench_scenario() -> None:
    # SimBench 1-LV-rural3--2-sw: 118 consumers, 27 PV systems of 252.3 kWp, 16 storages.
    homes = load_homes("simbench-lv-rural3").homes

    assert len(homes) == 118
    assert sum(home.pv_peak_w > 0 for home in homes) == 27
    assert sum(home.battery_wh > 0 for home in homes) == 16
    assert sum(home.pv_peak_w for home in homes) == pytest.approx(252_300, abs=100)
    assert {home.battery_wh for home in homes if home.battery_power_w == 10_300} == {20_500}


@pytest.mark.parametrize("name", NAMES)
def test_the_sun_shines_by_day_and_more_in_summer_and_heat_pumps_run_more_in_winter(name: str) -> None:
    homes = load_homes(name)
    summer, winter = homes.week("summer"), homes.week("winter")

    by_hour = summer.pv_wh.sum(axis=0).reshape(9, 24, 4).sum(axis=(0, 2))
    # Central Europe: solar noon is near 11:15 UTC, and no sun between 21 and 2 UTC.
    assert by_hour[[21, 22, 23, 0, 1, 2]].sum() == 0
    assert 9 <= int(by_hour.argmax()) <= 13
    assert summer.pv_wh.sum() > 2 * winter.pv_wh.sum()
    assert winter.heat_pump_wh.sum() > 5 * summer.heat_pump_wh.sum()


@pytest.mark.parametrize("name", NAMES)
def test_no_home_generates_more_than_its_peak_and_homes_without_a_device_have_no_profile(name: str) -> None:
    homes = load_homes(name)

    for week in homes.weeks.values():
        for number, home in enumerate(homes.homes):
            assert week.pv_wh[number].max() * 4 <= home.pv_peak_w * 1.01 + 4
            assert home.ev_power_w > 0 or week.ev_wh[number].sum() == 0
            assert home.heat_pump_power_w > 0 or week.heat_pump_wh[number].sum() == 0


@pytest.mark.parametrize("name", NAMES)
def test_every_slot_of_the_weeks_as_they_are_is_safe(name: str) -> None:
    network, homes = load_network(name), load_homes(name)

    for week in homes.weeks.values():
        net = (week.pv_wh - week.consumption_wh).astype(float)
        for column in (int(net.sum(axis=0).argmax()), int(net.sum(axis=0).argmin())):
            assert check_injections(network, net[:, column] * 4).safe


def test_homes_survive_being_saved_and_loaded_byte_for_byte(tmp_path: Path) -> None:
    homes = load_homes("simbench-lv-semiurb4")

    homes.save(tmp_path / "one.npz")
    again = load_homes(tmp_path / "one.npz")
    again.save(tmp_path / "two.npz")

    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()
    assert again.homes == homes.homes
    for name, week in homes.weeks.items():
        assert all((getattr(week, kind) == getattr(again.weeks[name], kind)).all() for kind in SERIES)


def test_a_file_that_is_no_homes_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "homes.npz"
    path.write_bytes(b"not an archive")

    with pytest.raises(InputError, match="not a homes file"):
        load_homes(path)


def test_a_homes_file_with_a_row_missing_is_refused(tmp_path: Path) -> None:
    homes = load_homes("simbench-lv-semiurb4")
    fewer = replace(homes, homes=homes.homes[:-1])
    fewer.save(tmp_path / "homes.npz")

    with pytest.raises(InputError, match="39 rows for 38 homes"):
        load_homes(tmp_path / "homes.npz")


@pytest.mark.parametrize("start_s", [899, 901, 2700])
def test_a_slot_outside_of_the_week_is_refused(start_s: int) -> None:
    with pytest.raises(InputError, match="there is no slot"):
        two_slots().column(start_s)


def test_negative_energy_and_odd_starts_are_refused() -> None:
    week = two_slots()

    with pytest.raises(InputError, match="negative"):
        replace(week, pv_wh=-week.pv_wh)
    with pytest.raises(InputError, match="multiple of 900"):
        replace(week, start_s=901)


def test_an_unknown_week_lists_the_known_ones() -> None:
    homes: HomeProfiles = load_homes("simbench-lv-semiurb4")

    with pytest.raises(InputError, match="summer, winter"):
        homes.week("spring")
