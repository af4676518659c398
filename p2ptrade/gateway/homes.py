"""The homes of a sample network behind a gateway: meters and devices that are models, with profiles for their days."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.domain.battery import Battery
from p2ptrade.domain.home import HomeEnergies, HomeState
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import SLOT_SECONDS, AccountId, EnergyWh, SlotNumber
from p2ptrade.gateway.ports import Connected
from p2ptrade.grid.profiles import Home, HomeProfiles, Week
from p2ptrade.metering.modelled_home import ModelledHome, fresh_state

SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class ServedHome:
    """A home of the profiles that the chain knows: its number among them, its account and meter point."""

    index: int
    account: AccountId
    meter_point: bytes
    capacity_kw: int


def connect_homes(
    profiles: HomeProfiles,
    week_name: str,
    served: Sequence[ServedHome],
    saved: Mapping[AccountId, HomeState],
    *,
    present: SlotNumber,
) -> list[Connected]:
    """Return the meters and devices of the homes that are served, each where it was saved or new at `present`.

    Raises:
        InputError: the profiles have no such week.
    """
    week = profiles.week(week_name)
    connected = []
    for each in served:
        state = saved.get(each.account) or fresh_state(SlotNumber(present - 1))
        home = profiles.homes[each.index]
        model = ModelledHome(battery_of(home), energies_of(week, each.index), state)
        connected.append(Connected(each.account, each.meter_point, each.capacity_kw, model, model, model))
    return connected


def battery_of(home: Home) -> Battery:
    """Return the home's battery, of no size if it has none."""
    power_wh = home.battery_power_w * SLOT_SECONDS // SECONDS_PER_HOUR
    return Battery(EnergyWh(home.battery_wh), EnergyWh(power_wh))


def energies_of(week: Week, index: int) -> Callable[[SlotNumber], HomeEnergies]:
    """Return what a home uses and generates in a slot; the sample week repeats for ever."""

    def energies(slot: SlotNumber) -> HomeEnergies:
        column = (start_of(slot) - week.start_s) // SLOT_SECONDS % week.slots
        return HomeEnergies(
            load_wh=EnergyWh(int(week.load_wh[index, column])),
            pv_wh=EnergyWh(int(week.pv_wh[index, column])),
            ev_wh=EnergyWh(int(week.ev_wh[index, column])),
            heat_pump_wh=EnergyWh(int(week.heat_pump_wh[index, column])),
        )

    return energies
