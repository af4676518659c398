"""A home that is planned for: yesterday's profile as its forecast, and a battery that follows the plan slot by slot."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from p2ptrade.domain.battery import Battery, follow
from p2ptrade.domain.units import AccountId, EnergyWh, SharePpm, SlotNumber
from p2ptrade.errors import InputError

SLOTS_PER_DAY: Final = 96

NetProfile = Callable[[SlotNumber], int]
"""Consumption less generation of a home in a slot that has passed, in Wh, without its battery."""


@dataclass
class PlannedHome:
    """One home of an agent: its forecast is `measured` of a day before; its battery is empty before `first_slot`."""

    account: AccountId
    share: SharePpm
    battery: Battery
    measured: NetProfile
    first_slot: SlotNumber
    _next: SlotNumber = field(init=False)
    _stored_wh: EnergyWh = field(init=False, default=EnergyWh(0))
    _planned_wh: dict[SlotNumber, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._next = self.first_slot

    def forecast_wh(self, slot: SlotNumber) -> int:
        """Return the net energy that the home will need without its battery: what it needed a day before."""
        return self.measured(SlotNumber(slot - SLOTS_PER_DAY))

    def planned_wh(self, slot: SlotNumber) -> int:
        """Return the net energy that is left with the battery's help; positive is a deficit.

        Raises:
            InputError: the slot is before the first, or so long past that its plan is forgotten.
        """
        while self._next <= slot:
            net_wh = self.forecast_wh(self._next)
            done = follow(self.battery, self._stored_wh, net_wh)
            self._stored_wh = done.stored_wh
            self._planned_wh[self._next] = net_wh + done.withdrawn_wh
            self._next = SlotNumber(self._next + 1)
        for old in [known for known in self._planned_wh if known < slot - SLOTS_PER_DAY]:
            del self._planned_wh[old]
        if slot not in self._planned_wh:
            raise InputError(f"slot {slot} is not planned for; the plan begins with slot {self.first_slot}")
        return self._planned_wh[slot]
