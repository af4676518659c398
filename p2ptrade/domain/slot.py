"""Delivery slots and the phases of a slot's life, all computed from an instant; nothing here knows what time it is.

A slot is 900 s of UTC, half open, numbered `start // 900`. A session (day-ahead, intraday, real time) is a set of
windows; the contract that serves it has the same numbers.
"""

from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from typing import Final

from p2ptrade.domain.units import SLOT_SECONDS, EpochSeconds, SlotNumber
from p2ptrade.errors import InputError


def slot_at(instant_s: int) -> SlotNumber:
    """Return the slot that contains an instant."""
    return SlotNumber(instant_s // SLOT_SECONDS)


def start_of(slot: SlotNumber) -> EpochSeconds:
    """Return the first second of a slot."""
    return EpochSeconds(slot * SLOT_SECONDS)


def end_of(slot: SlotNumber) -> EpochSeconds:
    """Return the first second after a slot."""
    return EpochSeconds((slot + 1) * SLOT_SECONDS)


class Phase(Enum):
    """Where a slot is in its life as far as the clock alone decides."""

    SEALING = "sealing"
    OPENING = "opening"
    CLEARING = "clearing"
    CLOSED = "closed"
    DELIVERY = "delivery"
    SETTLEMENT = "settlement"


@dataclass(frozen=True, slots=True)
class Windows:
    """Leads of a session before the start of delivery, in seconds, from the longest to the shortest.

    Limits are published until `limits_lead_s`, seals accepted until `gate_lead_s`, own openings on chain until
    `open_lead_s`, certificates until `clear_lead_s`. What has not happened by then lets the slot lapse.
    """

    limits_lead_s: int = 3600
    gate_lead_s: int = 1800
    open_lead_s: int = 1200
    clear_lead_s: int = 600

    def __post_init__(self) -> None:
        leads = (self.limits_lead_s, self.gate_lead_s, self.open_lead_s, self.clear_lead_s)
        if not all(earlier > later for earlier, later in pairwise(leads)) or leads[-1] < 0:
            raise InputError(f"the windows of a session must shrink towards delivery, not {leads}")

    def limits_due(self, slot: SlotNumber) -> EpochSeconds:
        """Return the first second at which limits can no longer be published."""
        return EpochSeconds(start_of(slot) - self.limits_lead_s)

    def gate(self, slot: SlotNumber) -> EpochSeconds:
        """Return gate closure: the first second at which a seal is refused and an opening accepted."""
        return EpochSeconds(start_of(slot) - self.gate_lead_s)

    def openings_due(self, slot: SlotNumber) -> EpochSeconds:
        """Return the first second at which an owner can no longer open on the chain."""
        return EpochSeconds(start_of(slot) - self.open_lead_s)

    def clearing_due(self, slot: SlotNumber) -> EpochSeconds:
        """Return the first second at which a slot that was not cleared has lapsed."""
        return EpochSeconds(start_of(slot) - self.clear_lead_s)

    def phase(self, slot: SlotNumber, now_s: int) -> Phase:
        """Return the phase of a slot at an instant."""
        if now_s < self.gate(slot):
            return Phase.SEALING
        if now_s < self.openings_due(slot):
            return Phase.OPENING
        if now_s < self.clearing_due(slot):
            return Phase.CLEARING
        if now_s < start_of(slot):
            return Phase.CLOSED
        return Phase.DELIVERY if now_s < end_of(slot) else Phase.SETTLEMENT


DEFAULT_WINDOWS: Final = Windows()
