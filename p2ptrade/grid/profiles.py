"""Homes and their quarter-hour profiles: what is connected, and what it used and generated in sample weeks.

A battery is a device with a size and a power; when it charges is the home's own decision, so it has no
profile.
"""

from __future__ import annotations

import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from p2ptrade.errors import InputError
from p2ptrade.grid.resources import locate

FORMAT = "p2ptrade-homes/1"
SLOT_S = 900
SERIES = ("load_wh", "pv_wh", "ev_wh", "heat_pump_wh")

WeekName = Literal["summer", "winter"] | str
Energy = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Home:
    """What is behind a connection: sizes in W and Wh, zero for what it does not have."""

    connection: str
    pv_peak_w: int
    battery_wh: int
    battery_power_w: int
    ev_power_w: int
    heat_pump_power_w: int


@dataclass(frozen=True, slots=True, eq=False)
class Week:
    """Energy of every home in consecutive slots, in Wh, one row per home; `start_s` is the first slot's start (UTC)."""

    start_s: int
    load_wh: Energy
    pv_wh: Energy
    ev_wh: Energy
    heat_pump_wh: Energy

    def __post_init__(self) -> None:
        shapes = {getattr(self, name).shape for name in SERIES}
        if len(shapes) != 1 or len(self.load_wh.shape) != 2:
            raise InputError("the four series of a week must have one row per home and one column per slot each")
        if self.start_s % SLOT_S:
            raise InputError(f"a week must start with a slot, at a multiple of {SLOT_S} seconds, not at {self.start_s}")
        for name in SERIES:
            if (getattr(self, name) < 0).any():
                raise InputError(f"{name} is negative somewhere; consumption and generation are both counted positive")

    @property
    def slots(self) -> int:
        """Return the number of slots."""
        return int(self.load_wh.shape[1])

    @property
    def consumption_wh(self) -> Energy:
        """Return what every home used in every slot: household, charging point and heat pump together."""
        return self.load_wh + self.ev_wh + self.heat_pump_wh

    def column(self, start_s: int) -> int:
        """Return the column of the slot that starts at `start_s`.

        Raises:
            InputError: the slot is not within the week.
        """
        column, rest = divmod(start_s - self.start_s, SLOT_S)
        if rest or not 0 <= column < self.slots:
            end_s = self.start_s + self.slots * SLOT_S
            raise InputError(f"there is no slot at {start_s}; the profiles hold {self.start_s} to {end_s}")
        return column


@dataclass(frozen=True, slots=True, eq=False)
class HomeProfiles:
    """The homes of a network, in the order of its connections, and their sample weeks by name."""

    network: str
    source: str
    licence: str
    homes: tuple[Home, ...]
    weeks: dict[str, Week]

    def week(self, name: WeekName) -> Week:
        """Return a sample week.

        Raises:
            InputError: there is no week of that name.
        """
        if name not in self.weeks:
            raise InputError(f"there is no week {name!r}; the profiles hold {', '.join(sorted(self.weeks))}")
        return self.weeks[name]

    def save(self, path: Path) -> None:
        """Write the homes and weeks as one compressed NumPy archive, the same bytes for the same content."""
        meta = {
            "format": FORMAT,
            "network": self.network,
            "source": self.source,
            "licence": self.licence,
            "homes": [asdict(home) for home in self.homes],
            "weeks": {name: week.start_s for name, week in self.weeks.items()},
        }
        arrays = {f"{name}.{kind}": getattr(week, kind) for name, week in self.weeks.items() for kind in SERIES}
        text = np.frombuffer(json.dumps(meta, sort_keys=True).encode("utf-8"), dtype=np.uint8)
        with path.open("wb") as file:
            np.savez_compressed(file, meta=text, **arrays)


def load_homes(name_or_path: str | Path) -> HomeProfiles:
    """Return the homes of a network of the package by its name, or those in a file.

    Raises:
        InputError: no such file, or not a homes file.
    """
    path = locate("profiles", ".npz", name_or_path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _from_arrays({name: archive[name] for name in archive.files})
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is not a homes file: {error}") from error


def _from_arrays(arrays: dict[str, NDArray[Any]]) -> HomeProfiles:
    meta = json.loads(arrays["meta"].tobytes())
    if meta["format"] != FORMAT:
        raise ValueError(f"its format is {meta['format']!r} and must be {FORMAT!r}")
    homes = tuple(Home(**home) for home in meta["homes"])
    weeks = {
        name: Week(start_s, *(arrays[f"{name}.{kind}"].astype(np.int32) for kind in SERIES))
        for name, start_s in meta["weeks"].items()
    }
    for name, week in weeks.items():
        if week.load_wh.shape[0] != len(homes):
            raise ValueError(f"the week {name!r} has {week.load_wh.shape[0]} rows for {len(homes)} homes")
    return HomeProfiles(meta["network"], meta["source"], meta["licence"], homes, weeks)
