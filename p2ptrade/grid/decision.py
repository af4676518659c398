"""The grid operator's decision on a cleared slot: approve it, ask for another round, or refuse it.

What is checked is physical: the scheduled net injection of every connection, sampled around its forecast
error, and with each large trade not delivered. A safe slot is approved. Otherwise the least cut is found; it
becomes tighter zone limits for the next round of the auction as long as that changes positions, and an
import/export envelope for every connection that is cut, which holds whatever the auction does. After the last
round the zones that still hold offending positions are left out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

import numpy as np

from p2ptrade.domain.envelopes import Envelope, envelope_root
from p2ptrade.domain.grid_data import GridData, ZoneLimits
from p2ptrade.domain.units import PPM, AccountId, EnergyWh, SlotNumber, ZoneId
from p2ptrade.errors import InputError
from p2ptrade.grid.curtail import W_PER_WH, BindingRow, CutRequest, CutResult, curtail, injections_after
from p2ptrade.grid.cuts import Objective
from p2ptrade.grid.fixed_point import fixed_point
from p2ptrade.grid.limits import Forecast, sample_injections_wh
from p2ptrade.grid.network import Network
from p2ptrade.grid.network_file import canonical_bytes, topology_hash
from p2ptrade.grid.powerflow import Floats
from p2ptrade.grid.verdict import Limit, Margins, Verdict, check_injections, limited_terminals, limits, unsafe_scenarios
from p2ptrade.grid.zones import ZonePlan

MARGIN_ROUNDS: Final = 8
MARGIN_GROWTH: Final = 1.1
MIN_WEIGHT_MICRO_PER_KWH: Final = 1_000.0


class Outcome(StrEnum):
    """What the grid operator does with the slot."""

    APPROVED = "approved"
    ANOTHER_ROUND = "another_round"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Rules:
    """Parameters of the check.

    At most `violation_ppm` of `samples` sampled slots may be unsafe; trades of `delivery_wh` and more must be
    safe to fail; no connection is cut below `floor_wh` (4.2 kW, cf. German Energy Act section 14a); `rounds`
    of the auction.
    """

    violation_ppm: int = 10_000
    samples: int = 200
    delivery_wh: int = 2_500
    floor_wh: int = 1_050
    rounds: int = 3
    objective: Objective = Objective.FEE_WEIGHTED

    def __post_init__(self) -> None:
        if not 0 <= self.violation_ppm < PPM or self.samples < 1 or self.floor_wh < 0 or self.rounds < 1:
            raise InputError("the rules of the grid check need a share below one, a sample, a floor and a round")


DEFAULT_RULES: Final = Rules()


@dataclass(frozen=True, slots=True)
class SlotSchedule:
    """What every connection plans for a slot, in the network's order; energy in Wh.

    `scheduled_wh` is the net injection (fed in positive) with trades, own use and the retailer's part in it;
    `traded_wh` the position in the auction (sold positive); `fee_micro_per_kwh` the congestion fee offered
    for not being cut; `error_wh` the standard deviation of the forecast; `account` the ledger account of the
    connection.
    """

    slot: SlotNumber
    account: tuple[AccountId, ...]
    scheduled_wh: tuple[int, ...]
    traded_wh: tuple[int, ...]
    error_wh: tuple[int, ...]
    fee_micro_per_kwh: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        size = len(self.account)
        for name in ("scheduled_wh", "traded_wh", "error_wh"):
            if len(getattr(self, name)) != size:
                raise InputError(f"{name} has {len(getattr(self, name))} values for {size} connections")
        if self.fee_micro_per_kwh and len(self.fee_micro_per_kwh) != size:
            raise InputError(f"fee_micro_per_kwh has {len(self.fee_micro_per_kwh)} values for {size} connections")
        if len(set(self.account)) != size:
            raise InputError("two connections have the same account")

    @property
    def fees(self) -> tuple[int, ...]:
        """Return the congestion fee of every connection; zero where none was named."""
        return self.fee_micro_per_kwh or (0,) * len(self.account)


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
    result, unsafe_ppm = _safe_cuts(network, request, noise_wh, rules)
    after = check_injections(network, injections_after(request, result.cut_wh)[0] * W_PER_WH)
    envelopes = _envelopes(network, schedule, result)
    outcome, tightened = _next_step(plan, schedule, grid, envelopes, result.safe and after.safe, round_number, rules)
    cuts = _explained(network, schedule, result, rules)
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
        case_offset_wh=_cases(schedule, rules),
    )


def _may_fail(schedule: SlotSchedule, rules: Rules) -> list[int]:
    """Return the connections whose trade is so large that the network must bear its absence."""
    pairs = enumerate(zip(schedule.traded_wh, schedule.scheduled_wh, strict=True))
    return [
        number
        for number, (traded, scheduled) in pairs
        if traded * scheduled > 0 and min(abs(traded), abs(scheduled)) >= rules.delivery_wh
    ]


def _cases(schedule: SlotSchedule, rules: Rules) -> Floats:
    """Return the cases: the schedule itself, then each large trade missing from it, within its own injection."""
    size = len(schedule.account)
    cases = [np.zeros(size)]
    for number in _may_fail(schedule, rules):
        offset = np.zeros(size)
        traded, scheduled = schedule.traded_wh[number], schedule.scheduled_wh[number]
        offset[number] = -min(traded, scheduled) if traded > 0 else -max(traded, scheduled)
        cases.append(offset)
    result: Floats = np.stack(cases)
    return result


def _safe_cuts(
    network: Network, request: CutRequest, noise_wh: Floats, rules: Rules
) -> tuple[CutResult, tuple[int, int]]:
    """Return cuts after which the cases are safe and few enough sampled slots are not; margins grow until
    they are.

    In the samples a connection that is cut keeps to its envelope, so its error is one-sided. Where the
    margins cannot grow enough the result is not safe.
    """
    margins = Margins()
    before = _unsafe_ppm(network, request.injection_wh + noise_wh)
    result = curtail(network, request, objective=rules.objective)
    if result.safe and not result.cut_wh.any() and before <= rules.violation_ppm:
        return result, (before, before)
    for _ in range(MARGIN_ROUNDS):
        sampled = _sampled_within(request, result, noise_wh)
        after = _unsafe_ppm(network, sampled)
        if after <= rules.violation_ppm or not result.safe:
            return result, (before, after)
        margins = _wider(network, sampled, margins, rules)
        result = curtail(network, request, objective=rules.objective, margins=margins)
    after = _unsafe_ppm(network, _sampled_within(request, result, noise_wh))
    return replace(result, safe=result.safe and after <= rules.violation_ppm), (before, after)


def _sampled_within(request: CutRequest, result: CutResult, noise_wh: Floats) -> Floats:
    """Return the sampled injections after the cuts, of which those who are cut keep to what is left to them."""
    left = injections_after(request, result.cut_wh)[0]
    cut = result.cut_wh > 0
    highest = np.where(cut & (left > 0), left, np.inf)
    lowest = np.where(cut & (left < 0), left, -np.inf)
    sampled: Floats = np.clip(left + noise_wh, lowest, highest)
    return sampled


def _unsafe_ppm(network: Network, injections_wh: Floats) -> int:
    unsafe = unsafe_scenarios(network, fixed_point(network).solve(injections_wh * W_PER_WH))
    return int(unsafe.sum()) * PPM // len(injections_wh)


def _wider(network: Network, injections_wh: Floats, margins: Margins, rules: Rules) -> Margins:
    """Return margins grown by what the sample exceeds the limits by, at the quantile that may be exceeded."""
    low, high, loading = limits(network)
    flow = fixed_point(network).solve(injections_wh * W_PER_WH)
    voltage = flow.voltage_pu[:, limited_terminals(network)]
    voltage_excess = np.sort(np.maximum(voltage - high, low - voltage).max(axis=1))
    loading_excess = np.sort((flow.loading - loading).max(axis=1))
    at = len(voltage_excess) - 1 - len(voltage_excess) * rules.violation_ppm // PPM
    return Margins(
        voltage_pu=margins.voltage_pu + max(0.0, MARGIN_GROWTH * float(voltage_excess[at])),
        loading=margins.loading + max(0.0, MARGIN_GROWTH * float(loading_excess[at])),
    )


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


def _next_step(
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


def _explained(network: Network, schedule: SlotSchedule, result: CutResult, rules: Rules) -> tuple[Cut, ...]:
    cuts = []
    failing = [""] + [f" if {network.connections[number].id} does not deliver" for number in _may_fail(schedule, rules)]
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
