"""Tariffs: what energy costs outside of the market by time of use, and what the market and the grid charge.

Times of use are local: a period begins at a wall-clock time of the tariff's time zone. A slot's price is the
one of the wall-clock time at which it starts, so that days of 23 and 25 hours need no rule of their own.
"""

from __future__ import annotations

import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from p2ptrade.domain.grid_data import Charges
from p2ptrade.domain.units import PPM, U32_MAX, EnergyWh, EpochSeconds, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import InputError

FORMAT: Final = "p2ptrade-tariff/1"
MINUTES_PER_DAY: Final = 24 * 60
MINUTES_PER_SLOT: Final = 15
SATURDAY: Final = 5

_T = TypeVar("_T")


class Days(StrEnum):
    """The days on which a schedule holds, by the local date."""

    ALL = "all"
    WORKDAYS = "workdays"
    WEEKEND = "weekend"


@dataclass(frozen=True, slots=True)
class DaySchedule:
    """Prices of one kind of day: each holds from its minute of the local day to the next one's."""

    from_minute: tuple[int, ...]
    price_micro_per_kwh: tuple[PriceMicroPerKwh, ...]

    def __post_init__(self) -> None:
        if len(self.from_minute) != len(self.price_micro_per_kwh) or not self.from_minute:
            raise InputError("a day schedule needs at least one period, and one price for each")
        if self.from_minute[0] != 0 or any(one >= other for one, other in pairwise(self.from_minute)):
            raise InputError("the first period must begin at 00:00 and each later one after the one before it")
        if any(minute % MINUTES_PER_SLOT or minute >= MINUTES_PER_DAY for minute in self.from_minute):
            raise InputError("a period must begin on a quarter hour of the day")
        for price in self.price_micro_per_kwh:
            _check_u32(price, "price_micro_per_kwh")

    def at(self, minute: int) -> PriceMicroPerKwh:
        """Return the price at a minute of the local day."""
        return self.price_micro_per_kwh[bisect_right(self.from_minute, minute) - 1]


@dataclass(frozen=True, slots=True)
class TimeOfUse:
    """One price schedule for working days and one for weekends."""

    workdays: DaySchedule
    weekend: DaySchedule

    def at(self, local: datetime) -> PriceMicroPerKwh:
        """Return the price at a local time."""
        schedule = self.weekend if local.weekday() >= SATURDAY else self.workdays
        return schedule.at(local.hour * 60 + local.minute)


@dataclass(frozen=True, slots=True)
class Deviation:
    """The penalty per kWh on what deviates from a position beyond the tolerance.

    Tolerated is the larger of a fixed energy and a share of the position.
    """

    penalty: PriceMicroPerKwh
    tolerance: EnergyWh
    tolerance_share: SharePpm

    def __post_init__(self) -> None:
        _check_u32(self.penalty, "penalty_micro_per_kwh")
        _check_u32(self.tolerance, "tolerance_wh")
        if not 0 <= self.tolerance_share <= PPM:
            raise InputError(f"tolerance_ppm must lie between 0 and {PPM}, not at {self.tolerance_share}")

    def tolerated(self, position: EnergyWh) -> EnergyWh:
        """Return the deviation in Wh that costs nothing, the share of the position rounded down."""
        return EnergyWh(max(self.tolerance, abs(position) * self.tolerance_share // PPM))


@dataclass(frozen=True, slots=True)
class Tariff:
    """The retailer's prices by time of use, and the charges of a trade."""

    name: str
    time_zone: ZoneInfo
    retail: TimeOfUse
    feed_in: TimeOfUse
    charges: Charges

    def retail_price(self, start_s: EpochSeconds | int) -> PriceMicroPerKwh:
        """Return what the retailer charges per kWh in the slot that starts at `start_s`."""
        return self.retail.at(self._local(start_s))

    def feed_in_price(self, start_s: EpochSeconds | int) -> PriceMicroPerKwh:
        """Return what the retailer pays per kWh in the slot that starts at `start_s`."""
        return self.feed_in.at(self._local(start_s))

    def _local(self, start_s: int) -> datetime:
        return datetime.fromtimestamp(start_s, tz=UTC).astimezone(self.time_zone)


def parse_tariff(text: str) -> Tariff:
    """Return the tariff in a TOML text.

    Raises:
        InputError: not TOML, a key missing, unknown or of the wrong type, or a value out of range.
    """
    try:
        document = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"the tariff is not valid TOML: {error}") from error
    table = _Table(document, "")
    if table.take("format", str) != FORMAT:
        raise InputError(f"the tariff's format must be {FORMAT!r}", pointer="/format")
    charges = table.table("charges")
    tariff = Tariff(
        name=table.take("name", str),
        time_zone=_zone(table.take("time_zone", str)),
        retail=_time_of_use(table.take("retail", list), "/retail"),
        feed_in=_time_of_use(table.take("feed_in", list), "/feed_in"),
        charges=Charges(
            c1_micro_per_kwh=charges.price("c1_operation_micro_per_kwh"),
            c2_micro_per_kwh=charges.price("c2_congestion_micro_per_kwh"),
            c3_micro_per_kwh=charges.price("c3_ancillary_micro_per_kwh"),
            fee_micro_per_kwh=charges.price("fee_micro_per_kwh"),
        ),
    )
    for part in (table, charges):
        part.finish()
    return tariff


class _Table:
    """A TOML table of which every key must be used once."""

    def __init__(self, content: Mapping[str, Any], pointer: str) -> None:
        self._content = dict(content)
        self._pointer = pointer

    def take(self, key: str, kind: type[_T]) -> _T:
        if key not in self._content:
            raise InputError(f"the key {key} is missing", pointer=self._pointer)
        value = self._content.pop(key)
        if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
            raise InputError(f"this must be of type {kind.__name__}, not {value!r}", pointer=f"{self._pointer}/{key}")
        return value

    def price(self, key: str) -> PriceMicroPerKwh:
        price = self.take(key, int)
        if not 0 <= price <= U32_MAX:
            raise InputError(
                f"a price must lie between 0 and {U32_MAX}, not at {price}", pointer=f"{self._pointer}/{key}"
            )
        return PriceMicroPerKwh(price)

    def table(self, key: str) -> _Table:
        return _Table(self.take(key, dict), f"{self._pointer}/{key}")

    def finish(self) -> None:
        for key in self._content:
            raise InputError("unknown key", pointer=f"{self._pointer}/{key}")


def _time_of_use(entries: list[Any], pointer: str) -> TimeOfUse:
    schedules: dict[Days, DaySchedule] = {}
    for number, entry in enumerate(entries):
        table = _Table(entry, f"{pointer}/{number}")
        days = _days(table.take("days", str), f"{pointer}/{number}/days")
        targets = (Days.WORKDAYS, Days.WEEKEND) if days is Days.ALL else (days,)
        schedule = _schedule(table.take("periods", list), f"{pointer}/{number}/periods")
        table.finish()
        for target in targets:
            if target in schedules:
                raise InputError(f"{target} have two schedules", pointer=f"{pointer}/{number}/days")
            schedules[target] = schedule
    for target in (Days.WORKDAYS, Days.WEEKEND):
        if target not in schedules:
            raise InputError(f"{target} have no schedule", pointer=pointer)
    return TimeOfUse(schedules[Days.WORKDAYS], schedules[Days.WEEKEND])


def _schedule(periods: list[Any], pointer: str) -> DaySchedule:
    minutes, prices = [], []
    for number, entry in enumerate(periods):
        table = _Table(entry, f"{pointer}/{number}")
        minutes.append(_minute(table.take("from", str), f"{pointer}/{number}/from"))
        prices.append(table.price("price_micro_per_kwh"))
        table.finish()
    return DaySchedule(tuple(minutes), tuple(prices))


def _minute(text: str, pointer: str) -> int:
    try:
        moment = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - a wall-clock time of any day
    except ValueError as error:
        raise InputError(f"a time of day looks like 06:00, not {text!r}", pointer=pointer) from error
    return moment.hour * 60 + moment.minute


def _days(text: str, pointer: str) -> Days:
    try:
        return Days(text)
    except ValueError as error:
        raise InputError(f"days must be all, workdays or weekend, not {text!r}", pointer=pointer) from error


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise InputError(f"there is no time zone {name!r}", pointer="/time_zone") from error


def _check_u32(value: int, name: str) -> None:
    if not 0 <= value <= U32_MAX:
        raise InputError(f"{name} must lie between 0 and {U32_MAX}, not at {value}")
