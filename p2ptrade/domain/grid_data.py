"""What the grid operator publishes for a slot: the zone tree's line limits and the charge, and its packed bytes.

The bytes are what the chain stores the hash of and what the verdict covers:

    zoneCount u8 | excluded zones u32 | c1 u32 | c2 u32 | c3 u32 | fee u32 | per zone: parent u8, import u32, export u32

Zone 0 is the root; its parent byte and limits are zero. All integers are big-endian.
"""

import struct
from dataclasses import dataclass, replace
from typing import Final, Self

from p2ptrade.domain.units import U32_MAX, ZONES_MAX, EnergyWh, PriceMicroPerKwh, ZoneId
from p2ptrade.errors import InputError

_HEAD: Final = struct.Struct(">BIIIII")
_ZONE: Final = struct.Struct(">BII")


@dataclass(frozen=True, slots=True)
class ZoneLimits:
    """The line from a zone to its parent: at most `import_wh` into and `export_wh` out of the subtree in a slot."""

    parent: ZoneId
    import_wh: EnergyWh
    export_wh: EnergyWh


ROOT: Final = ZoneLimits(ZoneId(0), EnergyWh(0), EnergyWh(0))


@dataclass(frozen=True, slots=True)
class Charges:
    """The buyer's charge on top of the zone price, in micro per kWh: operation, congestion, ancillary, market fee."""

    c1_micro_per_kwh: PriceMicroPerKwh
    c2_micro_per_kwh: PriceMicroPerKwh
    c3_micro_per_kwh: PriceMicroPerKwh
    fee_micro_per_kwh: PriceMicroPerKwh

    @property
    def network_micro_per_kwh(self) -> PriceMicroPerKwh:
        """Return P_T = C1 + C2 + C3, what goes to the grid operator."""
        return PriceMicroPerKwh(self.c1_micro_per_kwh + self.c2_micro_per_kwh + self.c3_micro_per_kwh)

    @property
    def total_micro_per_kwh(self) -> PriceMicroPerKwh:
        """Return the whole charge, network and market fee."""
        return PriceMicroPerKwh(self.network_micro_per_kwh + self.fee_micro_per_kwh)


@dataclass(frozen=True, slots=True)
class GridData:
    """Limits and charges of one slot; `zones[0]` is the root and a zone's parent comes before it.

    Raises:
        InputError: no zone, too many, a parent that does not come first, or a number that does not fit.
    """

    zones: tuple[ZoneLimits, ...]
    charges: Charges
    excluded: frozenset[ZoneId] = frozenset()

    def __post_init__(self) -> None:
        if not 1 <= len(self.zones) <= ZONES_MAX:
            raise InputError(f"a grid has 1 to {ZONES_MAX} zones, not {len(self.zones)}")
        if self.zones[0] != ROOT:
            raise InputError("zone 0 is the root: it has no parent and no line limits")
        for number, zone in enumerate(self.zones[1:], start=1):
            if not 0 <= zone.parent < number:
                raise InputError(f"zone {number} must come after its parent, not before zone {zone.parent}")
            if not (0 <= zone.import_wh <= U32_MAX and 0 <= zone.export_wh <= U32_MAX):
                raise InputError(f"the limits of zone {number} must be integers from 0 to {U32_MAX} Wh")
        if not all(0 <= zone < len(self.zones) for zone in self.excluded):
            raise InputError(f"excluded zones {sorted(self.excluded)} are not all among the {len(self.zones)} zones")

    def tightened(self, zones: tuple[ZoneLimits, ...], excluded: frozenset[ZoneId] = frozenset()) -> Self:
        """Return the same grid with other limits and more zones left out.

        Raises:
            InputError: a limit grew or the tree changed; a round may only tighten.
        """
        if [zone.parent for zone in zones] != [zone.parent for zone in self.zones]:
            raise InputError("a round may tighten limits, not change the zone tree")
        for number, (now, before) in enumerate(zip(zones, self.zones, strict=True)):
            if now.import_wh > before.import_wh or now.export_wh > before.export_wh:
                raise InputError(f"the limits of zone {number} may only be tightened")
        return replace(self, zones=zones, excluded=self.excluded | excluded)

    def pack(self) -> bytes:
        """Return the canonical bytes."""
        charges = self.charges
        bitmap = sum(1 << zone for zone in self.excluded)
        head = _HEAD.pack(
            len(self.zones),
            bitmap,
            charges.c1_micro_per_kwh,
            charges.c2_micro_per_kwh,
            charges.c3_micro_per_kwh,
            charges.fee_micro_per_kwh,
        )
        return head + b"".join(_ZONE.pack(zone.parent, zone.import_wh, zone.export_wh) for zone in self.zones)

    @classmethod
    def unpack(cls, packed: bytes) -> Self:
        """Return the grid data that `packed` holds.

        Raises:
            InputError: the bytes are too short, too long, or hold a wrong value.
        """
        if len(packed) < _HEAD.size or len(packed) != _HEAD.size + packed[0] * _ZONE.size:
            raise InputError(f"{len(packed)} bytes are no grid data of {packed[0] if packed else 0} zones")
        count, bitmap, c1, c2, c3, fee = _HEAD.unpack_from(packed)
        zones = tuple(
            ZoneLimits(ZoneId(parent), EnergyWh(most_in), EnergyWh(most_out))
            for parent, most_in, most_out in _ZONE.iter_unpack(packed[_HEAD.size :])
        )
        if bitmap >> count:
            raise InputError(f"excluded zones {bitmap:#x} are not all among the {count} zones")
        excluded = frozenset(ZoneId(zone) for zone in range(count) if bitmap >> zone & 1)
        prices = (PriceMicroPerKwh(price) for price in (c1, c2, c3, fee))
        return cls(zones, Charges(*prices), excluded)
