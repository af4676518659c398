"""Curtailment and the decision on a slot: W4 and W6 by hand, and what must hold of every decision."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from p2ptrade.domain.grid_data import Charges, GridData
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.grid import (
    GridDecision,
    Network,
    Outcome,
    Rules,
    SlotSchedule,
    ZonePlan,
    check_injections,
    decide,
    envelope_proofs,
    load_network,
    propose_zones,
    verify_proof,
    zone_limits,
    zones_from_cuts,
)
from p2ptrade.grid.curtail import curtail, injections_after
from p2ptrade.grid.cuts import CutProgram, Objective, solve_cuts
from p2ptrade.grid.pgm import PgmPowerFlow
from p2ptrade.grid.trades import Trade, curtail_trades, trade_request
from p2ptrade.grid.verdict import Limit
from tests.support.networks import line, symmetric

FREE = Charges(*(PriceMicroPerKwh(0),) * 4)
W4_ENERGY = np.array([30.0, 25.0, 15.0])
W4_FEE = np.array([0.02, 0.01, 0.03])


def w4(weight: np.ndarray) -> CutProgram:
    """Return the program of W4: three exports of 30, 25 and 15 over a line of 50, cut 20."""
    return CutProgram(weight, W4_ENERGY, np.eye(3), np.ones((1, 3)), np.array([20.0]))


def stiff(rating_kw: float) -> Network:
    """Return one line with next to no impedance whose rating is a power, and four connections behind it."""
    rating_a = rating_kw * 1000 / (3**0.5 * 400)
    return symmetric(
        line(0, 1, 1e-7, 1e-7, rating_a),
        *(line(1, node, 1e-7, 1e-7) for node in (2, 3, 4, 5)),
        connections=(2, 3, 4, 5),
    )


def over_one_line(rating_kw: float) -> Network:
    """Return a connection at the busbar and three behind a line whose rating is a power (W6)."""
    rating_a = rating_kw * 1000 / (3**0.5 * 400)
    return symmetric(
        line(0, 1, 1e-7, 1e-7),
        line(1, 2, 1e-7, 1e-7, rating_a),
        *(line(2, node, 1e-7, 1e-7) for node in (3, 4, 5)),
        connections=(1, 3, 4, 5),
    )


def scheduled(network: Network, wh: list[int], traded: list[int] | None = None, **more: object) -> SlotSchedule:
    size = len(network.connections)
    return SlotSchedule(
        slot=SlotNumber(1_900_000),
        account=tuple(AccountId(16 + number) for number in range(size)),
        scheduled_wh=tuple(wh),
        traded_wh=tuple(traded if traded is not None else [0] * size),
        error_wh=(0,) * size,
        **more,  # type: ignore[arg-type]
    )


def one_zone(network: Network) -> tuple[ZonePlan, GridData]:
    plan = zones_from_cuts(network, [])
    return plan, GridData(zone_limits(network, plan), FREE)


def decided(network: Network, schedule: SlotSchedule, **options: object) -> GridDecision:
    plan, grid = one_zone(network)
    return decide(network, plan, schedule, grid, **options)  # type: ignore[arg-type]


def test_merit_order_cuts_the_lowest_fee_first() -> None:
    found = solve_cuts(w4(W4_FEE), Objective.MERIT_ORDER)

    assert found is not None
    assert found.cut == pytest.approx([0, 20, 0], abs=1e-9)
    assert found.dual == pytest.approx([0.01], abs=1e-9)


def test_proportional_cuts_share_by_energy() -> None:
    found = solve_cuts(w4(1 / W4_ENERGY), Objective.PROPORTIONAL)

    assert found is not None
    assert found.cut == pytest.approx([8.571429, 7.142857, 4.285714], abs=1e-6)


def test_fee_weighted_cuts_are_inverse_to_the_fee() -> None:
    found = solve_cuts(w4(W4_FEE), Objective.FEE_WEIGHTED)

    assert found is not None
    assert found.cut == pytest.approx([5.454545, 10.909091, 3.636364], abs=1e-6)


@pytest.mark.parametrize("objective", [Objective.MERIT_ORDER, Objective.FEE_WEIGHTED])
def test_a_program_that_no_cut_satisfies_has_no_solution(objective: Objective) -> None:
    program = replace(w4(W4_FEE), needed=np.array([71.0]))

    assert solve_cuts(program, objective) is None


def test_trades_that_fit_by_netting_are_kept_and_without_the_counter_flow_they_are_cut() -> None:
    network = over_one_line(50)
    export, counter = [Trade(1, 0, 10_000), Trade(2, 0, 7_500)], Trade(0, 3, 8_750)

    netted, alone = curtail_trades(network, [*export, counter]), curtail_trades(network, export)

    assert netted.safe
    assert netted.cut_wh.sum() == 0
    # 70 kW against 50 kW: 20 kW for a quarter of an hour are 5,000 Wh.
    assert alone.safe
    assert alone.cut_wh.sum() == pytest.approx(5_000, abs=10)


def test_a_large_trade_that_others_count_on_is_checked_for_not_being_delivered() -> None:
    network = stiff(50)
    wh = [10_000, 0, 7_500, -8_750]
    schedule = scheduled(network, wh, traded=[0, 0, 0, -8_750])

    firm = decided(network, schedule, rules=Rules(delivery_wh=20_000))
    checked = decided(network, schedule, rules=Rules(delivery_wh=5_000))

    assert firm.outcome is Outcome.APPROVED
    assert firm.cuts == ()
    assert checked.before.safe
    assert sum(cut.cut_wh for cut in checked.cuts) == pytest.approx(5_000, abs=10)


@pytest.mark.parametrize("sign", [1, -1])
def test_who_trades_energy_that_it_is_not_expected_to_use_relieves_nobody(sign: int) -> None:
    # 12,500 Wh fit: 14,000 less 3,000 do, and 14,000 do not.
    network = stiff(50)
    wh, traded = [14_000 * sign, 0, -3_000 * sign, 0], [0, 0, -3_000 * sign, 0]
    believed = scheduled(network, wh, traded)
    doubted = replace(believed, forecast_wh=(14_000 * sign, 0, 0, 0))

    trusting, careful = (decided(network, each, rules=Rules(delivery_wh=20_000)) for each in (believed, doubted))

    assert trusting.cuts == ()
    assert [cut.connection for cut in careful.cuts] == ["at 2"]
    assert careful.cuts[0].cut_wh == pytest.approx(1_500, abs=10)
    assert "not followed by energy" in str(careful.cuts[0])


def test_a_forecast_that_breaks_a_limit_is_unsafe_whether_or_not_it_was_traded() -> None:
    network = stiff(50)
    wh = [10_000, 0, 7_500, 0]

    traded = decided(network, scheduled(network, wh, traded=[10_000, 0, 7_500, 0]))
    void = decided(network, scheduled(network, wh))

    assert not traded.before.safe
    assert not void.before.safe
    assert [violation.kind for violation in void.before.violations] == [Limit.LOADING]
    assert void.envelopes == traded.envelopes != ()


def test_only_connections_that_load_the_binding_element_are_cut() -> None:
    network = stiff(50)
    limited = replace(
        network, branches=tuple(replace(b, rating_a=20.0) if b.id == "3" else b for b in network.branches)
    )

    decision = decided(limited, scheduled(limited, [4_000, 5_000, 0, 0]))

    assert [cut.connection for cut in decision.cuts] == ["at 3"]
    assert "line 3" in decision.cuts[0].reasons[0]


def test_the_higher_fee_is_cut_less() -> None:
    network = stiff(50)
    schedule = scheduled(network, [10_000, 0, 10_000, 0], fee_micro_per_kwh=(20_000, 0, 1_000, 0))

    decision = decided(network, schedule)

    by_name = {cut.connection: cut.cut_wh for cut in decision.cuts}
    assert by_name["at 2"] < by_name["at 4"]
    # fee + 1,000 per kWh weigh 21 to 2.
    assert by_name["at 4"] / by_name["at 2"] == pytest.approx(10.5, rel=0.01)


def test_nobody_is_cut_below_the_floor_and_what_cannot_be_cured_is_refused() -> None:
    network = stiff(12)
    curable = decided(network, scheduled(network, [3_000, 1_050, 0, 0]))
    hopeless = decided(network, scheduled(network, [1_050, 1_050, 1_050, 1_050]))

    assert curable.outcome is Outcome.APPROVED
    assert [envelope.export_wh >= 1_050 for envelope in curable.envelopes] == [True]
    assert hopeless.outcome is Outcome.REFUSED
    assert "refused" in hopeless.explanation[-1]


def test_who_can_be_cut_makes_room_for_the_errors_of_who_cannot() -> None:
    # 12,500 Wh fit. 1,000 Wh below the floor err by 800 Wh: 99 % of the time by less than 2.33 x 800 Wh.
    network = stiff(50)
    certain = scheduled(network, [12_000, 1_000, 0, 0])
    uncertain = replace(certain, error_wh=(0, 800, 0, 0))

    exact, robust = decided(network, certain), decided(network, uncertain)

    assert [cut.connection for cut in robust.cuts] == ["at 2"]
    assert exact.cuts[0].cut_wh == pytest.approx(500, abs=10)
    assert robust.outcome is Outcome.APPROVED
    assert robust.unsafe_ppm[0] > 500_000
    assert robust.unsafe_ppm[1] <= 10_000
    assert 1_800 <= robust.cuts[0].cut_wh <= 3_500


def test_errors_just_beyond_the_room_that_a_schedule_has_are_made_room_for() -> None:
    # 2,500 Wh are free. 1,000 Wh below the floor err by 1,150 Wh: 99 % of the time by a little more than what is free.
    network = stiff(50)
    schedule = replace(scheduled(network, [9_000, 1_000, 0, 0]), error_wh=(0, 1_150, 0, 0))

    decision = decided(network, schedule)

    assert decision.before.safe
    assert decision.unsafe_ppm[0] > 10_000 >= decision.unsafe_ppm[1]
    assert decision.outcome is Outcome.APPROVED
    assert [cut.connection for cut in decision.cuts] == ["at 2"]
    assert 0 < decision.cuts[0].cut_wh < 1_000


def test_errors_that_no_cut_makes_room_for_are_refused() -> None:
    network = stiff(10)
    schedule = replace(scheduled(network, [1_050, 1_000, 0, 0]), error_wh=(0, 2_000, 0, 0))

    decision = decided(network, schedule)

    assert decision.before.safe
    assert decision.outcome is Outcome.REFUSED


def test_a_collapsing_schedule_is_cut_until_it_has_a_solution() -> None:
    network = symmetric(line(0, 1, 0.05, 0.05), connections=(1,), limits=(0.9, 1.1))

    decision = decided(network, scheduled(network, [-250_000]))

    assert not decision.before.converged
    assert decision.outcome is Outcome.APPROVED
    assert decision.after.safe


@pytest.fixture(scope="module")
def stressed() -> tuple[Network, ZonePlan, GridData, SlotSchedule]:
    """A sunny noon on rural3 with PV on every roof and a third of it traded."""
    network = load_network("simbench-lv-rural3")
    plan = propose_zones(network)
    grid = GridData(zone_limits(network, plan), FREE)
    random = np.random.default_rng(11)
    wh = [int(value) for value in random.uniform(-500, 2_500, len(network.connections))]
    schedule = replace(
        scheduled(network, wh, traded=[value // 3 for value in wh]), error_wh=tuple(abs(value) // 10 for value in wh)
    )
    return network, plan, grid, schedule


def test_a_decision_is_safe_for_a_second_engine_and_for_the_sampled_errors(
    stressed: tuple[Network, ZonePlan, GridData, SlotSchedule],
) -> None:
    network, plan, grid, schedule = stressed

    decision = decide(network, plan, schedule, grid)

    bounds = {envelope.account: envelope for envelope in decision.envelopes}
    within = np.array(
        [
            wh if account not in bounds else max(-bounds[account].import_wh, min(bounds[account].export_wh, wh))
            for account, wh in zip(schedule.account, schedule.scheduled_wh, strict=True)
        ],
        dtype=np.float64,
    )
    flow = PgmPowerFlow(network).solve(within[None] * 4)
    assert decision.cuts
    assert flow.voltage_pu[0, 1:].max() <= 1.1 + 1e-6
    assert flow.loading.max() <= 1 + 1e-4
    assert decision.unsafe_ppm[0] > 10_000 >= decision.unsafe_ppm[1]


def test_the_same_inputs_give_the_same_decision_and_others_another_hash(
    stressed: tuple[Network, ZonePlan, GridData, SlotSchedule],
) -> None:
    network, plan, grid, schedule = stressed

    first, second = decide(network, plan, schedule, grid), decide(network, plan, schedule, grid)
    changed = replace(schedule, scheduled_wh=(schedule.scheduled_wh[0] + 1, *schedule.scheduled_wh[1:]))

    assert (first.envelopes, first.envelope_root, first.grid) == (second.envelopes, second.envelope_root, second.grid)
    assert first.input_hash == second.input_hash
    assert decide(network, plan, changed, grid).input_hash != first.input_hash


def test_each_envelope_proves_itself_against_the_signed_root(
    stressed: tuple[Network, ZonePlan, GridData, SlotSchedule],
) -> None:
    network, plan, grid, schedule = stressed

    decision = decide(network, plan, schedule, grid)

    proofs = envelope_proofs(schedule.slot, decision.envelopes)
    assert len(proofs) == len(decision.envelopes) > 1
    for envelope in decision.envelopes:
        proof = proofs[envelope.account]
        assert verify_proof(envelope.leaf(schedule.slot), proof, decision.envelope_root)
        forged = replace(envelope, export_wh=EnergyWh(envelope.export_wh + 1))
        assert not verify_proof(forged.leaf(schedule.slot), proof, decision.envelope_root)


def test_rounds_tighten_limits_then_leave_zones_out_and_then_end(
    stressed: tuple[Network, ZonePlan, GridData, SlotSchedule],
) -> None:
    network, plan, grid, schedule = stressed
    schedule = replace(schedule, traded_wh=schedule.scheduled_wh)

    seen = []
    for number in range(1, 6):
        decision = decide(network, plan, schedule, grid, round_number=number)
        seen.append(decision.outcome)
        for before, after in zip(grid.zones, decision.grid.zones, strict=True):
            assert after.export_wh <= before.export_wh
            assert after.import_wh <= before.import_wh
        assert decision.grid.excluded >= grid.excluded
        grid = decision.grid
        if decision.outcome is Outcome.APPROVED:
            break

    assert seen[0] is Outcome.ANOTHER_ROUND
    assert seen[-1] is Outcome.APPROVED
    assert len(seen) <= 4


def test_every_cut_is_explained_with_element_value_and_limit(
    stressed: tuple[Network, ZonePlan, GridData, SlotSchedule],
) -> None:
    network, plan, grid, schedule = stressed

    decision = decide(network, plan, schedule, grid)

    for cut in decision.cuts:
        assert cut.connection in str(cut)
        assert f"{cut.cut_wh} Wh" in str(cut)
        assert any(("node" in reason or "line" in reason or "transformer" in reason) for reason in cut.reasons)


def test_a_schedule_for_another_network_is_refused() -> None:
    network = stiff(50)
    plan, grid = one_zone(network)

    with pytest.raises(InputError, match="4"):
        decide(network, plan, scheduled(stiff(50), [0] * 4).__class__(SlotNumber(1), (), (), (), ()), grid)


def test_cuts_of_trades_leave_a_network_that_both_engines_call_safe() -> None:
    network = load_network("ieee-eu-lv")
    random = np.random.default_rng(3)
    trades = [
        Trade(int(s), int(b), int(e), int(f))
        for s, b, e, f in zip(
            random.integers(0, 25, 300),
            random.integers(25, 55, 300),
            random.integers(200, 400, 300),
            random.integers(0, 30_000, 300),
            strict=True,
        )
    ]

    result = curtail_trades(network, trades)

    request = trade_request(network, trades, None, Objective.FEE_WEIGHTED)
    assert not check_injections(network, injections_after(request, result.cut_wh * 0)[0] * 4).safe
    assert result.safe
    assert check_injections(network, injections_after(request, result.cut_wh)[0] * 4).safe
    assert 0 < result.cut_wh.sum() < sum(trade.energy_wh for trade in trades)


@pytest.mark.parametrize("objective", [Objective.FEE_WEIGHTED, Objective.MERIT_ORDER, Objective.PROPORTIONAL])
def test_every_objective_is_within_two_percent_of_what_must_be_cut(objective: Objective) -> None:
    network = over_one_line(50)
    request = trade_request(network, [Trade(1, 0, 10_000), Trade(2, 0, 7_500)], None, objective)

    result = curtail(network, request, objective=objective)

    assert result.safe
    assert result.cut_wh.sum() == pytest.approx(5_000, rel=0.02)


def test_whole_trades_are_cut_altogether_or_not_at_all() -> None:
    network = over_one_line(50)

    result = curtail_trades(network, [Trade(1, 0, 10_000), Trade(2, 0, 7_500)], objective=Objective.WHOLE)

    # 5,000 Wh must go; the smaller of the two trades is the least that does it.
    assert result.safe
    assert list(result.cut_wh) == [0, 7_500]
