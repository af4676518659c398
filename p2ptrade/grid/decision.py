"""The grid operator's decision on a cleared slot: approve it, ask for another round, or refuse it.

What is checked is physical: the scheduled net injection of every connection, sampled around its forecast
error, and with each large trade not delivered. A safe slot is approved. Otherwise the least cut is found; it
becomes tighter zone limits for the next round of the auction as long as that changes positions, and an
import/export envelope for every connection that is cut, which holds whatever the auction does. After the last
round the zones that still hold offending positions are left out.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

from p2ptrade.domain.envelopes import Envelope, envelope_root
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.units import PPM, AccountId, EnergyWh
from p2ptrade.errors import InputError
from p2ptrade.grid.curtail import W_PER_WH, Absence, BindingRow, CutRequest, CutResult, plans_after
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.limits import Forecast, sample_injections_wh
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_file import canonical_bytes, topology_hash
from p2ptrade.grid.powerflow import Floats
from p2ptrade.grid.robust import robust_cuts
from p2ptrade.grid.rounds import Outcome, next_step
from p2ptrade.grid.schedule import DEFAULT_RULES, Rules, SlotSchedule
from p2ptrade.grid.verdict import Limit, Verdict, check_injections
from p2ptrade.grid.zones import ZonePlan

MIN_WEIGHT_MICRO_PER_KWH: Final = 1_000.0


@dataclass(frozen=True, slots=True)
class Cut:
    """What one connection loses in the slot, and why: `reasons` name the binding elements and its effect on them."""

    account: AccountId
    connection: str
    scheduled_wh: int
    cut_wh: int
    reasons: tuple[str, ...]

    def __str__(self) -> str:
        side = "feed-in" if self.scheduled_wh > 0 else "draw"
        left_wh = abs(self.scheduled_wh) - self.cut_wh
        return (
            f"{self.connection}: {side} of {abs(self.scheduled_wh)} Wh is cut by {self.cut_wh} Wh to {left_wh} Wh, "
            f"because {'; '.join(self.reasons)}"
        )


@dataclass(frozen=True, slots=True)
class GridDecision:
    """The decision on a slot.

    `grid` holds the limits to clear the next round with (unchanged if approved); `envelopes` only the cut
    connections. `before` and `after` are the verdicts on the plain schedule and on the one within the
    envelopes; `unsafe_ppm` the shares of sampled slots that break a limit, before and after. `input_hash`
    identifies what was decided on: the same inputs give the same decision.
    """

    outcome: Outcome
    round_number: int
    grid: GridData
    envelopes: tuple[Envelope, ...]
    envelope_root: bytes
    cuts: tuple[Cut, ...]
    binding: tuple[BindingRow, ...]
    before: Verdict
    after: Verdict
    unsafe_ppm: tuple[int, int]
    input_hash: bytes
    explanation: tuple[str, ...]


def decide(
    network: Network,
    plan: ZonePlan,
    schedule: SlotSchedule,
    grid: GridData,
    *,
    round_number: int = 1,
    rules: Rules = DEFAULT_RULES,
) -> GridDecision:
    """Return the decision on a slot that was cleared with `grid`; pure, and the same on every machine.

    Raises:
        InputError: the schedule or the grid data do not fit the network and its zones.
    """
    _check_fit(network, plan, schedule, grid)
    before = check_injections(network, _scheduled(schedule) * W_PER_WH)
    request = _request(network, schedule, rules)
    seed = int.from_bytes(hashlib.sha256(schedule.slot.to_bytes(8, "big")).digest()[:8], "big")
    noise_wh = sample_injections_wh(Forecast((0,) * len(schedule.account), schedule.error_wh), rules.samples, seed)
    result, unsafe_ppm = robust_cuts(network, request, noise_wh, rules)
    plans = plans_after(request, result.cut_wh)
    after, *others = (check_injections(network, plan * W_PER_WH) for plan in plans)
    safe = result.safe and after.safe and all(other.safe for other in others)
    envelopes = _envelopes(network, schedule, result)
    outcome, tightened = next_step(plan, schedule, grid, envelopes, safe, round_number, rules)
    cuts = _explained(network, schedule, request, result)
    return GridDecision(
        outcome=outcome,
        round_number=round_number,
        grid=tightened,
        envelopes=envelopes,
        envelope_root=envelope_root(schedule.slot, envelopes),
        cuts=cuts,
        binding=result.binding,
        before=before,
        after=after,
        unsafe_ppm=unsafe_ppm,
        input_hash=input_hash(network, schedule, grid, round_number, rules),
        explanation=_words(outcome, before, after, cuts, unsafe_ppm, rules),
    )


def input_hash(network: Network, schedule: SlotSchedule, grid: GridData, round_number: int, rules: Rules) -> bytes:
    """Return the SHA-256 of the canonical form of everything that a decision depends on."""
    document = {
        "topology": topology_hash(network).hex(),
        "grid": grid.pack().hex(),
        "schedule": asdict(schedule),
        "round": round_number,
        "rules": asdict(rules),
    }
    return hashlib.sha256(canonical_bytes(document)).digest()


def _check_fit(network: Network, plan: ZonePlan, schedule: SlotSchedule, grid: GridData) -> None:
    if len(schedule.account) != len(network.connections):
        raise InputError(
            f"the schedule has {len(schedule.account)} connections, the network {len(network.connections)}"
        )
    if tuple(zone.parent for zone in grid.zones) != plan.parent:
        raise InputError("the grid data's zone tree is not the network's")


def _scheduled(schedule: SlotSchedule) -> Floats:
    result: Floats = np.array(schedule.scheduled_wh, dtype=np.float64)
    return result


def _request(network: Network, schedule: SlotSchedule, rules: Rules) -> CutRequest:
    """Return what may be cut: every connection's own net injection, down to the floor."""
    scheduled = _scheduled(schedule)
    size = np.abs(scheduled)
    fees = np.array(schedule.fees, dtype=np.float64) + MIN_WEIGHT_MICRO_PER_KWH
    return CutRequest(
        injection_wh=scheduled,
        incidence=np.diag(np.sign(scheduled)),
        weight=fees if rules.objective in {Objective.MERIT_ORDER, Objective.WHOLE} else fees / np.maximum(size, 1.0),
        most_wh=np.maximum(size - rules.floor_wh, 0.0).astype(np.int64),
        absences=_absences(schedule, rules),
        corners=_corners(schedule),
    )


def _absences(schedule: SlotSchedule, rules: Rules) -> tuple[Absence, ...]:
    """Return the trades so large that the network must bear their absence, with what their connections do besides."""
    pairs = enumerate(zip(schedule.traded_wh, schedule.scheduled_wh, strict=True))
    return tuple(
        Absence(number, max(abs(scheduled) - abs(traded), 0))
        for number, (traded, scheduled) in pairs
        if traded * scheduled > 0 and min(abs(traded), abs(scheduled)) >= rules.delivery_wh
    )


def _corners(schedule: SlotSchedule) -> tuple[Floats, ...]:
    """Return what happens if all who trade act at the upper, and at the lower end between forecast and position.

    A position moves no current by itself: who bought more than it needs relieves nobody.
    """
    if not schedule.forecast_wh:
        return ()
    forecast = np.array(schedule.forecast_wh, dtype=np.float64)
    traded = np.array(schedule.traded_wh, dtype=np.float64)
    position = np.where(traded == 0, forecast, traded)
    scheduled = _scheduled(schedule)
    ends = (np.maximum(forecast, position), np.minimum(forecast, position))
    return tuple(end for end in ends if (end != scheduled).any())


def _envelopes(network: Network, schedule: SlotSchedule, result: CutResult) -> tuple[Envelope, ...]:
    """Return an envelope for every cut connection: its cut side bounded, the other at the connection's capacity."""
    found = []
    for number, cut_wh in enumerate(result.cut_wh):
        if cut_wh == 0:
            continue
        scheduled = schedule.scheduled_wh[number]
        left = EnergyWh(abs(scheduled) - int(cut_wh))
        capacity = EnergyWh(int(network.connections[number].capacity_w / W_PER_WH))
        sides = (capacity, left) if scheduled > 0 else (left, capacity)
        found.append(Envelope(schedule.account[number], *sides))
    return tuple(sorted(found))


def _explained(network: Network, schedule: SlotSchedule, request: CutRequest, result: CutResult) -> tuple[Cut, ...]:
    cuts = []
    failing = [""] + [f" if {network.connections[each.connection].id} does not deliver" for each in request.absences]
    failing += [" if trades are not followed by energy"] * len(request.corners)
    for number in np.flatnonzero(result.cut_wh):
        reasons = [
            _reason(row, int(number)) + failing[row.case]
            for row in result.binding
            if any(item == number for item, _ in row.relief)
        ]
        cuts.append(
            Cut(
                account=schedule.account[number],
                connection=network.connections[number].id,
                scheduled_wh=schedule.scheduled_wh[number],
                cut_wh=int(result.cut_wh[number]),
                reasons=tuple(reasons) or ("no smaller cut was found to be safe",),
            )
        )
    return tuple(cuts)


def _reason(row: BindingRow, item: int) -> str:
    where = f"{row.element}, phase {row.phase}" if row.phase else row.element
    relief = dict(row.relief)[item]
    if row.kind is Limit.LOADING:
        return f"{where} is limited to {row.limit:.1%} of its rating, of which a kWh here is {relief * 1000:.2%}"
    return f"{where} is limited to {row.limit:.4f} pu, which a kWh here moves by {relief * 1000:.5f} pu"


def _words(
    outcome: Outcome, before: Verdict, after: Verdict, cuts: tuple[Cut, ...], unsafe_ppm: tuple[int, int], rules: Rules
) -> tuple[str, ...]:
    lines = [str(violation) for violation in before.violations]
    if unsafe_ppm[0] > rules.violation_ppm:
        lines.append(
            f"{unsafe_ppm[0] / PPM:.1%} of {rules.samples} sampled slots break a limit, "
            f"and only {rules.violation_ppm / PPM:.1%} may"
        )
    lines += [str(cut) for cut in cuts]
    if cuts:
        lines.append(f"after the cuts {unsafe_ppm[1] / PPM:.1%} of the sampled slots break a limit")
    if outcome is Outcome.REFUSED:
        lines += [f"even so, {violation}" for violation in after.violations]
        lines.append("the slot is refused: no cut above the floor makes it safe")
    return tuple(lines)
