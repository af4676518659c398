"""The tree of zones and what the line from each zone to its parent can carry in a slot.

Zone 0 is the root, at the transformer; every other zone names a parent with a smaller index. So a walk over
rising indices goes from the root outwards and a walk over falling indices meets every child before its
parent.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from p2ptrade.domain.units import ZONES_MAX, EnergyWh, ZoneId
from p2ptrade.errors import InputError

ROOT: Final = ZoneId(0)
# More than all the energy that a book can hold: sums stay within 63 bits.
LINE_LIMIT_MAX: Final = 2**62


@dataclass(frozen=True, slots=True)
class Zone:
    """A zone below the root: its parent and the most that its line carries per slot, in Wh."""

    parent: ZoneId
    import_wh: EnergyWh
    export_wh: EnergyWh

    def __post_init__(self) -> None:
        for name, limit in (("import_wh", self.import_wh), ("export_wh", self.export_wh)):
            if type(limit) is not int or not 0 <= limit <= LINE_LIMIT_MAX:
                raise InputError(f"{name} must be an integer from 0 to {LINE_LIMIT_MAX}, not {limit!r}")


@dataclass(frozen=True)
class ZoneTree:
    """All zones of a market: the root, which has no line, and `below`, zones 1, 2, ... in order.

    Raises:
        InputError: a zone's parent does not come before it, or there are more zones than 32.
    """

    below: tuple[Zone, ...] = ()

    def __post_init__(self) -> None:
        if len(self) > ZONES_MAX:
            raise InputError(f"a market has at most {ZONES_MAX} zones, not {len(self)}")
        for index, zone in self:
            if type(zone.parent) is not int or not 0 <= zone.parent < index:
                raise InputError(
                    f"the parent of zone {index} must be a zone before it, 0 to {index - 1}, not {zone.parent!r}"
                )

    @classmethod
    def of(cls, zones: Iterable[tuple[int, int, int]]) -> "ZoneTree":
        """Return the tree whose zones 1, 2, ... are given as (parent, import_wh, export_wh)."""
        return cls(
            tuple(Zone(ZoneId(parent), EnergyWh(imports), EnergyWh(exports)) for parent, imports, exports in zones)
        )

    def __len__(self) -> int:
        return 1 + len(self.below)

    def __iter__(self) -> Iterator[tuple[ZoneId, Zone]]:
        """Walk over the zones below the root, parents first."""
        return ((ZoneId(index), zone) for index, zone in enumerate(self.below, start=1))

    def __getitem__(self, index: int) -> Zone:
        if not 1 <= index < len(self):
            raise IndexError(f"zone {index} is not below the root of a tree of {len(self)} zones")
        return self.below[index - 1]

    @cached_property
    def children(self) -> tuple[tuple[ZoneId, ...], ...]:
        """Return the children of every zone, each in rising order."""
        children: list[list[ZoneId]] = [[] for _ in range(len(self))]
        for index, zone in self:
            children[zone.parent].append(index)
        return tuple(tuple(each) for each in children)
