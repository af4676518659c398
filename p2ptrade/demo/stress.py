"""A neighbourhood of a few years ahead: the same feeder, with panels and charging points on many more homes.

What is added are profiles of the same data: a new roof generates what a present one does, scaled to its size, and a new
charging point charges what a present one does on another day of the week, some hours earlier, when the sun shines. On
one feeder, the estate, every home has a large roof. Which home gets what is drawn from a seed. Lines, transformer and
limits stay what they are.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from p2ptrade.domain.units import PPM, SharePpm
from p2ptrade.grid import ZonePlan
from p2ptrade.grid.profiles import Home, HomeProfiles, Week

SLOTS_PER_DAY: Final = 96
SLOTS_PER_HOUR: Final = 4


@dataclass(frozen=True, slots=True)
class Growth:
    """How many of the homes without them get a roof and a charging point, and how large the roofs are, least and most.

    New charging points charge `charging_earlier_h` hours before the present ones.
    """

    roofs_ppm: SharePpm
    roof_w: tuple[int, int]
    estate_roof_w: tuple[int, int]
    charging_ppm: SharePpm
    charging_earlier_h: int


GROWTH: Final = Growth(SharePpm(350_000), (8_000, 12_000), (20_000, 24_000), SharePpm(1_000_000), 6)


@dataclass(frozen=True, slots=True)
class _Added:
    """What a home gets: the present home whose roof or charging point it copies, or nothing."""

    roof_of: int | None = None
    roof_w: int = 0
    charging_of: int | None = None
    slots_later: int = 0


def grown(profiles: HomeProfiles, plan: ZonePlan, seed: int, growth: Growth = GROWTH) -> HomeProfiles:
    """Return the homes with what is added; the same for the same seed."""
    days = min(week.slots for week in profiles.weeks.values()) // SLOTS_PER_DAY
    estate = estate_of(plan)
    added = [
        _drawn(profiles, number, days, seed, growth, in_estate=zone == estate)
        for number, zone in enumerate(plan.connection_zone)
    ]
    return replace(
        profiles,
        homes=tuple(_with(profiles, home, more) for home, more in zip(profiles.homes, added, strict=True)),
        weeks={name: _grown_week(week, profiles, added) for name, week in profiles.weeks.items()},
    )


def estate_of(plan: ZonePlan) -> int:
    """Return the zone in which every home gets a large roof: the one with the most homes."""
    return max(range(plan.zones), key=lambda zone: (plan.connection_zone.count(zone), -zone))


def _drawn(profiles: HomeProfiles, number: int, days: int, seed: int, growth: Growth, *, in_estate: bool) -> _Added:
    random = np.random.default_rng((seed, number))
    roofs = [index for index, home in enumerate(profiles.homes) if home.pv_peak_w]
    charging = [index for index, home in enumerate(profiles.homes) if home.ev_power_w]
    gets_roof, gets_charging = random.integers(0, PPM, 2)
    roof_of, charging_of = int(random.choice(roofs)), int(random.choice(charging))
    least, most = growth.estate_roof_w if in_estate else growth.roof_w
    roof_w = int(random.integers(least, most + 1))
    slots_later = SLOTS_PER_DAY * int(random.integers(0, days)) - SLOTS_PER_HOUR * growth.charging_earlier_h
    home, more = profiles.homes[number], _Added()
    if in_estate or (not home.pv_peak_w and gets_roof < growth.roofs_ppm):
        more = replace(more, roof_of=roof_of, roof_w=roof_w)
    if not home.ev_power_w and gets_charging < growth.charging_ppm:
        more = replace(more, charging_of=charging_of, slots_later=slots_later)
    return more


def _with(profiles: HomeProfiles, home: Home, more: _Added) -> Home:
    if more.roof_of is not None:
        home = replace(home, pv_peak_w=more.roof_w)
    if more.charging_of is not None:
        home = replace(home, ev_power_w=profiles.homes[more.charging_of].ev_power_w)
    return home


def _grown_week(week: Week, profiles: HomeProfiles, added: list[_Added]) -> Week:
    pv_wh, ev_wh = week.pv_wh.copy(), week.ev_wh.copy()
    for number, more in enumerate(added):
        if more.roof_of is not None:
            whole = week.pv_wh[more.roof_of].astype(np.int64) * more.roof_w
            pv_wh[number] = whole // profiles.homes[more.roof_of].pv_peak_w
        if more.charging_of is not None:
            ev_wh[number] = np.roll(week.ev_wh[more.charging_of], more.slots_later)
    return replace(week, pv_wh=pv_wh, ev_wh=ev_wh)
