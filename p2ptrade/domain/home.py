"""A home behind its meter, slot by slot: what it uses and generates, what its battery does, what the meter counts.

The battery steers the home towards its market position, or towards self-consumption where it has none. An envelope is
kept whatever it takes: charging points and heat pumps are shed to withdraw less, generation is curtailed to inject
less. The household itself is never cut off.
"""

from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.battery import Battery, follow
from p2ptrade.domain.reading import Registers
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.errors import InputError


@dataclass(frozen=True, slots=True)
class Instruction:
    """What a home's devices are to do in a slot, in Wh at the meter; net energy is withdrawn positive.

    They steer towards `target_wh` (the position from the market; zero is self-consumption) and never beyond the
    envelope, the most that may be withdrawn (`import_wh`) or injected (`export_wh`); None is no limit.
    """

    target_wh: int = 0
    import_wh: EnergyWh | None = None
    export_wh: EnergyWh | None = None

    @property
    def aim_wh(self) -> int:
        """Return the target, moved into the envelope."""
        aim = self.target_wh
        if self.import_wh is not None:
            aim = min(aim, self.import_wh)
        return aim if self.export_wh is None else max(aim, -self.export_wh)


SELF_CONSUMPTION: Final = Instruction()


@dataclass(frozen=True, slots=True)
class HomeEnergies:
    """What a home would use and generate in a slot if nothing stood in the way, in Wh, all counted positive.

    Raises:
        InputError: a negative energy.
    """

    load_wh: EnergyWh
    pv_wh: EnergyWh
    ev_wh: EnergyWh
    heat_pump_wh: EnergyWh

    def __post_init__(self) -> None:
        if min(self.load_wh, self.pv_wh, self.ev_wh, self.heat_pump_wh) < 0:
            raise InputError("consumption and generation are both counted positive, and one is negative")

    @property
    def net_wh(self) -> int:
        """Return consumption less generation."""
        return self.load_wh + self.ev_wh + self.heat_pump_wh - self.pv_wh

    @property
    def sheddable_wh(self) -> int:
        """Return the consumption that can wait: charging point and heat pump."""
        return self.ev_wh + self.heat_pump_wh


@dataclass(frozen=True, slots=True)
class HomeState:
    """A home at the end of `slot`: battery, meter, and what envelopes have cost it so far, in Wh."""

    slot: SlotNumber
    stored_wh: EnergyWh
    registers: Registers
    shed_wh: EnergyWh
    curtailed_wh: EnergyWh


def run_slot(battery: Battery, before: HomeState, energies: HomeEnergies, instruction: Instruction) -> HomeState:
    """Return the home after the slot that follows `before`.

    The meter counts the slot's net energy in one of its registers (phases and quarter-hour balanced).
    """
    net_wh = energies.net_wh
    battery_slot = follow(battery, before.stored_wh, net_wh, instruction.aim_wh)
    net_wh += battery_slot.withdrawn_wh
    shed_wh = _excess(net_wh, instruction.import_wh, energies.sheddable_wh)
    net_wh -= shed_wh
    curtailed_wh = _excess(-net_wh, instruction.export_wh, energies.pv_wh)
    net_wh += curtailed_wh
    return HomeState(
        SlotNumber(before.slot + 1),
        battery_slot.stored_wh,
        Registers(
            EnergyWh(before.registers.import_wh + max(net_wh, 0)),
            EnergyWh(before.registers.export_wh + max(-net_wh, 0)),
        ),
        EnergyWh(before.shed_wh + shed_wh),
        EnergyWh(before.curtailed_wh + curtailed_wh),
    )


def _excess(energy_wh: int, limit_wh: int | None, available_wh: int) -> int:
    """Return what goes beyond a limit, as far as something is available to give."""
    return 0 if limit_wh is None else min(max(energy_wh - limit_wh, 0), available_wh)
