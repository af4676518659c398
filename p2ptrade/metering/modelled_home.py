"""A home that exists as a model: profiles of what it uses and generates, a battery that follows instructions, a meter.

It stands in the place of a real meter and real devices behind the same two interfaces. The model is exact and the same
every time: energies by slot, instructions by slot and the state at the start decide all later states, so a gateway that
was killed and starts from its last saved state goes on as if nothing had happened.
"""

from collections.abc import Callable, Sequence

from p2ptrade.domain.battery import Battery
from p2ptrade.domain.home import SELF_CONSUMPTION, HomeEnergies, HomeState, Instruction, run_slot
from p2ptrade.domain.reading import Registers
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.metering.meter import RegisterSample

SAMPLES_KEPT = 4 * 96


class ModelledHome:
    """Meter and devices of one home; `energies` says what it uses and generates in a slot."""

    def __init__(self, battery: Battery, energies: Callable[[SlotNumber], HomeEnergies], state: HomeState) -> None:
        self._battery = battery
        self._energies = energies
        self._instructions: dict[SlotNumber, Instruction] = {}
        self._states = [state]

    @property
    def state(self) -> HomeState:
        """Return the home at the end of the last slot that was run."""
        return self._states[-1]

    def state_at(self, slot: SlotNumber) -> HomeState:
        """Return the home at the end of a slot that was run and is not long past."""
        return self._states[slot - self._states[-1].slot - 1]

    def follow(self, slot: SlotNumber, instruction: Instruction) -> None:
        """Take the instruction for a slot; one for a slot that was run already changes nothing."""
        if slot > self.state.slot:
            self._instructions[slot] = instruction

    def read(self, after_s: int, until_s: int) -> Sequence[RegisterSample]:
        """Run the slots that have ended by `until_s` and return the registers captured at the ends of slots."""
        while end_of(SlotNumber(self.state.slot + 1)) <= until_s:
            slot = SlotNumber(self.state.slot + 1)
            instruction = self._instructions.pop(slot, SELF_CONSUMPTION)
            self._states.append(run_slot(self._battery, self.state, self._energies(slot), instruction))
        del self._states[:-SAMPLES_KEPT]
        samples = (RegisterSample(end_of(state.slot), state.registers) for state in self._states)
        return [sample for sample in samples if after_s < sample.meter_time_s <= until_s]


def fresh_state(slot: SlotNumber) -> HomeState:
    """Return a home with a new meter and an empty battery at the end of `slot`."""
    nothing = EnergyWh(0)
    return HomeState(slot, nothing, Registers(nothing, nothing), nothing, nothing)
