"""Tariffs: prices by local time on days of 23, 24 and 25 hours, and files that are refused."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from p2ptrade.domain.tariff import Deviation, parse_tariff
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import InputError

BERLIN = ZoneInfo("Europe/Berlin")
TEXT = """
format = "p2ptrade-tariff/1"
name = "test"
time_zone = "Europe/Berlin"

[[retail]]
days = "workdays"
periods = [
    { from = "00:00", price_micro_per_kwh = 100 },
    { from = "02:00", price_micro_per_kwh = 200 },
    { from = "03:00", price_micro_per_kwh = 300 },
]

[[retail]]
days = "weekend"
periods = [
    { from = "00:00", price_micro_per_kwh = 10 },
    { from = "02:00", price_micro_per_kwh = 20 },
    { from = "03:00", price_micro_per_kwh = 30 },
]

[[feed_in]]
days = "all"
periods = [{ from = "00:00", price_micro_per_kwh = 7 }]

[charges]
c1_operation_micro_per_kwh = 10000
c2_congestion_micro_per_kwh = 4000
c3_ancillary_micro_per_kwh = 2000
fee_micro_per_kwh = 500
"""


def day_prices(year: int, month: int, day: int) -> list[int]:
    tariff = parse_tariff(TEXT)
    start = int(datetime(year, month, day, tzinfo=BERLIN).timestamp())
    end = int(datetime(year, month, day + 1, tzinfo=BERLIN).timestamp())
    return [tariff.retail_price(instant) for instant in range(start, end, 900)]


def test_a_common_day_has_96_slots_at_the_prices_of_its_hours() -> None:
    assert day_prices(2016, 7, 20) == [100] * 8 + [200] * 4 + [300] * 84


def test_the_short_day_has_92_slots_and_lacks_the_hour_from_two() -> None:
    # Clocks went from 02:00 to 03:00 on Sunday 27 March 2016.
    assert day_prices(2016, 3, 27) == [10] * 8 + [30] * 84


def test_the_long_day_has_100_slots_and_the_hour_from_two_twice() -> None:
    # Clocks went back from 03:00 to 02:00 on Sunday 30 October 2016.
    assert day_prices(2016, 10, 30) == [10] * 8 + [20] * 8 + [30] * 84


def test_a_weekend_begins_at_local_and_not_at_utc_midnight() -> None:
    tariff = parse_tariff(TEXT)
    saturday = int(datetime(2016, 7, 23, tzinfo=BERLIN).timestamp())

    assert tariff.retail_price(saturday - 900) == 300
    assert tariff.retail_price(saturday) == 10


def test_feed_in_may_be_the_same_on_all_days() -> None:
    assert parse_tariff(TEXT).feed_in_price(0) == 7


def test_the_network_charge_is_the_sum_of_its_parts() -> None:
    # 0.010 + 0.004 + 0.002 = 0.016 per kWh, as in the source paper's example.
    charges = parse_tariff(TEXT).charges

    assert charges.network_micro_per_kwh == 16_000
    assert charges.total_micro_per_kwh == 16_500


def test_a_tolerance_beyond_the_whole_is_refused() -> None:
    with pytest.raises(InputError, match="tolerance_ppm"):
        Deviation(PriceMicroPerKwh(20_000), EnergyWh(100), SharePpm(1_000_001))


def test_the_tolerance_is_the_larger_of_energy_and_share() -> None:
    deviation = Deviation(PriceMicroPerKwh(20_000), EnergyWh(100), SharePpm(100_000))

    assert deviation.tolerated(EnergyWh(500)) == 100
    assert deviation.tolerated(EnergyWh(-2_009)) == 200


@pytest.mark.parametrize(
    ("old", "new", "pointer", "reason"),
    [
        ('time_zone = "Europe/Berlin"', 'time_zone = "Mars/Base"', "/time_zone", "time zone"),
        ('days = "weekend"', 'days = "sunday"', "/retail/1/days", "sunday"),
        ('days = "weekend"', 'days = "all"', "/retail/1/days", "two schedules"),
        (
            'from = "02:00", price_micro_per_kwh = 20 ',
            'from = "2 am", price_micro_per_kwh = 20 ',
            "/retail/1/periods/1/from",
            "2 am",
        ),
        ("price_micro_per_kwh = 7", "price_micro_per_kwh = 7.5", "/feed_in/0/periods/0/price_micro_per_kwh", "7.5"),
        ("price_micro_per_kwh = 7", "price_micro_per_kwh = -7", "/feed_in/0/periods/0/price_micro_per_kwh", "-7"),
        ("price_micro_per_kwh = 7", "price_micro_per_kwh = true", "/feed_in/0/periods/0/price_micro_per_kwh", "True"),
        ("fee_micro_per_kwh = 500", "", "/charges", "fee_micro_per_kwh"),
        ("fee_micro_per_kwh = 500", "fee_micro_per_kwh = 500\nc4 = 1", "/charges/c4", "unknown key"),
        ('name = "test"', "name = test", None, "not valid TOML"),
    ],
)
def test_a_wrong_tariff_is_refused_with_place_and_reason(old: str, new: str, pointer: str | None, reason: str) -> None:
    assert old in TEXT

    with pytest.raises(InputError) as caught:
        parse_tariff(TEXT.replace(old, new, 1))

    assert caught.value.pointer == pointer
    assert reason in str(caught.value)


@pytest.mark.parametrize(("old", "new"), [('"02:00"', '"04:00"'), ('"00:00"', '"01:00"'), ('"02:00"', '"02:10"')])
def test_periods_begin_at_midnight_and_rise_by_quarter_hours(old: str, new: str) -> None:
    with pytest.raises(InputError, match="period"):
        parse_tariff(TEXT.replace(old, new, 1))
