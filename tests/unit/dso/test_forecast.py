"""What the grid operator expects: yesterday, or what is announced, give or take."""

import numpy as np

from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.dso.forecast import AnnouncedForecast, YesterdayForecast
from p2ptrade.grid import load_homes

PROFILES = load_homes("simbench-lv-rural3")
WEEK = PROFILES.week("summer")
ALONE = np.array([home.battery_power_w == 0 for home in PROFILES.homes])
NET_WH = WEEK.pv_wh - WEEK.consumption_wh
FIRST = slot_at(WEEK.start_s)


def test_yesterday_is_what_was_a_day_before() -> None:
    forecast = YesterdayForecast(WEEK).forecast(SlotNumber(FIRST + 96 + 50))

    assert forecast.base_wh == tuple(NET_WH[:, 50].tolist())


def test_what_is_announced_is_off_by_a_tenth_and_not_to_one_side() -> None:
    forecast = AnnouncedForecast(WEEK, PROFILES.homes)

    off = []
    for column in range(96 * 7):
        announced = np.array(forecast.forecast(SlotNumber(FIRST + column)).base_wh)
        large = (np.abs(NET_WH[:, column]) >= 500) & ALONE
        off += (announced[large] / NET_WH[large, column] - 1.0).tolist()

    assert len(off) > 2_000
    assert abs(np.mean(off)) < 0.01
    assert 0.09 < np.std(off) < 0.11


def test_announcements_are_the_same_every_time_and_the_operator_reckons_with_twice_their_error() -> None:
    slot = SlotNumber(FIRST + 44)
    forecast = AnnouncedForecast(WEEK, PROFILES.homes).forecast(slot)

    assert forecast == AnnouncedForecast(WEEK, PROFILES.homes).forecast(slot)
    for announced_wh, error_wh in zip(forecast.base_wh, forecast.error_wh, strict=True):
        assert error_wh == max(abs(announced_wh) * 200_000 // 1_000_000, 30)


def test_no_draw_is_announced_that_a_battery_may_take_away() -> None:
    night = FIRST + 4
    announced = AnnouncedForecast(WEEK, PROFILES.homes).forecast(SlotNumber(night)).base_wh

    for home, wh, net_wh in zip(PROFILES.homes, announced, NET_WH[:, 4], strict=True):
        if home.battery_power_w // 4 >= -net_wh >= 0:
            assert wh == 0
        elif net_wh < -100:
            assert wh < 0
