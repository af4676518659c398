"""One rule for a home's battery, in integers: its plan (by the wallet) and its deed (by the gateway) are the same rule.

Self-consumption first: the battery takes what the home would export and gives what it would import. With a position
from the market the aim is the position instead of zero, so that a home with a battery keeps what it sold or bought as
well as it can. Energy is counted at the terminals; what is lost between terminals and cells stays with the battery.
"""

from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.units import PPM, EnergyWh, SharePpm
from p2ptrade.errors import InputError

ONE_WAY_EFFICIENCY_PPM: Final = SharePpm(950_000)


@dataclass(frozen=True, slots=True)
class Battery:
    """A battery: usable capacity, most energy through its terminals in a slot, and efficiency of each direction.

    Raises:
        InputError: a negative energy, or an efficiency that is not above 0 and at most 1.
    """

    capacity_wh: EnergyWh
    power_wh_per_slot: EnergyWh
    charge_efficiency_ppm: SharePpm = ONE_WAY_EFFICIENCY_PPM
    discharge_efficiency_ppm: SharePpm = ONE_WAY_EFFICIENCY_PPM

    def __post_init__(self) -> None:
        if self.capacity_wh < 0 or self.power_wh_per_slot < 0:
            raise InputError("a battery's capacity and power must not be negative")
        if not all(0 < share <= PPM for share in (self.charge_efficiency_ppm, self.discharge_efficiency_ppm)):
            raise InputError(f"a battery's efficiencies must be from 1 to {PPM} ppm")


NO_BATTERY: Final = Battery(EnergyWh(0), EnergyWh(0))


@dataclass(frozen=True, slots=True)
class BatterySlot:
    """What a battery did in a slot: taken from and given to the home at the terminals, and what it holds then."""

    charged_wh: EnergyWh
    discharged_wh: EnergyWh
    stored_wh: EnergyWh

    @property
    def withdrawn_wh(self) -> int:
        """Return the net energy that the battery adds to the home's consumption."""
        return self.charged_wh - self.discharged_wh


def follow(battery: Battery, stored_wh: EnergyWh, net_wh: int, target_wh: int = 0) -> BatterySlot:
    """Return what the battery does so that the home's net withdrawal comes as near to `target_wh` as it can.

    `net_wh` is consumption less generation without the battery; positive is withdrawn. What charging adds to the cells
    is rounded down, what discharging takes from them is rounded up, so no energy comes from rounding.

    Raises:
        InputError: `stored_wh` is not between empty and full.
    """
    if not 0 <= stored_wh <= battery.capacity_wh:
        raise InputError(f"{stored_wh} Wh cannot be in a battery of {battery.capacity_wh} Wh")
    if net_wh < target_wh:
        return _charge(battery, stored_wh, target_wh - net_wh)
    return _discharge(battery, stored_wh, net_wh - target_wh)


def _charge(battery: Battery, stored_wh: EnergyWh, surplus_wh: int) -> BatterySlot:
    room_wh = (battery.capacity_wh - stored_wh) * PPM // battery.charge_efficiency_ppm
    charged_wh = min(surplus_wh, battery.power_wh_per_slot, room_wh)
    gained_wh = charged_wh * battery.charge_efficiency_ppm // PPM
    return BatterySlot(EnergyWh(charged_wh), EnergyWh(0), EnergyWh(stored_wh + gained_wh))


def _discharge(battery: Battery, stored_wh: EnergyWh, deficit_wh: int) -> BatterySlot:
    available_wh = stored_wh * battery.discharge_efficiency_ppm // PPM
    discharged_wh = min(deficit_wh, battery.power_wh_per_slot, available_wh)
    taken_wh = -(-discharged_wh * PPM // battery.discharge_efficiency_ppm)
    return BatterySlot(EnergyWh(0), EnergyWh(discharged_wh), EnergyWh(stored_wh - taken_wh))
