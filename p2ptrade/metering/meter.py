"""What a meter is to a gateway: something whose registers can be read, with the time at which the meter took them.

Most meters keep a load profile: registers captured by the meter's own clock every quarter of an hour, which can be read
later. So a gateway asks for the samples of a span, and gets all that the meter still has of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from p2ptrade.domain.home import Instruction
from p2ptrade.domain.reading import Registers
from p2ptrade.domain.units import EpochSeconds, SlotNumber
from p2ptrade.errors import P2PTradeError


class MeterUnreachableError(P2PTradeError):
    """The meter did not answer, or not understandably; trying again may help."""

    transient = True
    problem_type = "meter-unreachable"


@dataclass(frozen=True, slots=True)
class RegisterSample:
    """Registers and the meter's own time at which it took them, in UTC epoch seconds."""

    meter_time_s: EpochSeconds
    registers: Registers


class Meter(Protocol):
    """A meter that can be read."""

    def read(self, after_s: int, until_s: int) -> Sequence[RegisterSample]:
        """Return the samples with `after_s` < meter time <= `until_s`, rising by meter time.

        Raises:
            MeterUnreachableError: it did not answer.
        """
        ...


class Devices(Protocol):
    """The devices of a home that follow instructions: battery, charging point, heat pump, inverter."""

    def follow(self, slot: SlotNumber, instruction: Instruction) -> None:
        """Take the instruction for a slot; a later one for the same slot replaces it."""
        ...
