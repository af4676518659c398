"""What follows from a check: approval, another round with tighter limits, a round without some zones, or refusal."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from p2ptrade.domain.envelopes import Envelope
from p2ptrade.domain.grid_data import GridData, ZoneLimits
from p2ptrade.domain.units import EnergyWh, ZoneId
from p2ptrade.grid.schedule import Rules, SlotSchedule
from p2ptrade.grid.zones import ZonePlan


class Outcome(StrEnum):
    """What the grid operator does with the slot."""

    APPROVED = "approved"
    ANOTHER_ROUND = "another_round"
    REFUSED = "refused"


def next_step(
    plan: ZonePlan,
    schedule: SlotSchedule,
    grid: GridData,
    envelopes: tuple[Envelope, ...],
    safe: bool,
    round_number: int,
    rules: Rules,
) -> tuple[Outcome, GridData]:
    """Return whether the slot is approved as it is, goes into another round with which limits, or is refused."""
    if not safe:
        return Outcome.REFUSED, grid
    allowed = _positions_within(schedule, envelopes)
    if allowed == schedule.traded_wh or round_number > rules.rounds:
        return Outcome.APPROVED, grid
    if round_number == rules.rounds:
        offending = {plan.connection_zone[n] for n, wh in enumerate(allowed) if wh != schedule.traded_wh[n]}
        return Outcome.ANOTHER_ROUND, grid.tightened(grid.zones, frozenset(ZoneId(zone) for zone in offending))
    zones = _tightened(plan, schedule.traded_wh, allowed, grid.zones)
    return (Outcome.APPROVED, grid) if zones == grid.zones else (Outcome.ANOTHER_ROUND, grid.tightened(zones))


def _positions_within(schedule: SlotSchedule, envelopes: tuple[Envelope, ...]) -> tuple[int, ...]:
    """Return the positions, no larger than what the envelopes let through."""
    bounds = {envelope.account: envelope for envelope in envelopes}
    allowed = []
    for account, traded in zip(schedule.account, schedule.traded_wh, strict=True):
        envelope = bounds.get(account)
        allowed.append(traded if envelope is None else max(-envelope.import_wh, min(envelope.export_wh, traded)))
    return tuple(allowed)


def _tightened(
    plan: ZonePlan, traded: Sequence[int], allowed: Sequence[int], zones: tuple[ZoneLimits, ...]
) -> tuple[ZoneLimits, ...]:
    """Return the limits with those lowered over which the allowed positions send less than the present ones."""
    tighter = [zones[0]]
    for zone in range(1, plan.zones):
        members = plan.members(zone)
        now, then = sum(traded[member] for member in members), sum(allowed[member] for member in members)
        export_wh, import_wh = zones[zone].export_wh, zones[zone].import_wh
        if now > 0 and then < now:
            export_wh = EnergyWh(min(export_wh, max(then, 0)))
        if now < 0 and now < then:
            import_wh = EnergyWh(min(import_wh, max(-then, 0)))
        tighter.append(ZoneLimits(zones[zone].parent, import_wh, export_wh))
    return tuple(tighter)
