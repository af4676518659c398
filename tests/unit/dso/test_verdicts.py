"""The grid operator signs what the grid can carry, and says element and value where it cannot."""

from dataclasses import replace

import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.packing import pack_book, running_hash
from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import VerdictMessage, prices_hash
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.order import Side
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh
from p2ptrade.errors import EnvironmentNotReadyError, InputError, RefusedError
from p2ptrade.grid import Forecast, Rules
from p2ptrade.transport.schemas.grid import ApprovedVerdict, LimitKind, RefusedVerdict
from tests.unit.dso.dso_world import DOMAIN, DSO_KEY, MODEL, SLOT, WIDE, WINDOWS, World, record, trade

SMALL_WH, LARGE_WH = 2_000, 25_000  # 8 kW is harmless; 100 kW over 0.04 pu of line lift the voltage by 4 %


def test_safe_result_is_signed_over_exactly_book_prices_limits_and_envelopes() -> None:
    world = World()
    request = world.request(trade(SMALL_WH))

    verdict = world.desk().verdict(request)

    assert isinstance(verdict, ApprovedVerdict)
    message = VerdictMessage(
        SLOT,
        running_hash(request.pages),
        prices_hash(request.prices_half_micro_per_kwh),
        keccak(request.grid_data),
        bytes(32),
    )
    assert recover(message.digest(DOMAIN), verdict.signature) == DSO_KEY.address


def test_unsafe_result_is_refused_with_the_element_and_tighter_limits() -> None:
    world = World()

    verdict = world.desk().verdict(world.request(trade(LARGE_WH)))

    assert isinstance(verdict, RefusedVerdict)
    broken = verdict.reasons[0]
    assert (broken.kind, broken.element) == (LimitKind.VOLTAGE_HIGH, "node 2")
    assert broken.value_ppm is not None
    assert 1_030_000 < broken.value_ppm < 1_050_000
    assert any(share.account == 17 for reason in verdict.reasons for share in reason.contributions)
    assert GridData.unpack(verdict.grid_data).zones[1].export_wh < LARGE_WH


def test_rounds_of_tighter_limits_end_with_an_approval_after_three_at_most() -> None:
    world, grid, verdict = World(), WIDE, None

    for round_number in range(1, 5):
        verdict = world.desk().verdict(world.request(trade(LARGE_WH), grid, round_number))
        if isinstance(verdict, RefusedVerdict):
            tighter = GridData.unpack(verdict.grid_data)
            assert tighter == grid.tightened(tighter.zones, tighter.excluded) != grid
            grid = tighter
        else:
            break

    assert isinstance(verdict, ApprovedVerdict)
    assert [each.outcome for each in world.log.kept] == ["another_round"] * (len(world.log.kept) - 1) + ["approved"]
    assert 2 <= len(world.log.kept) <= 4


def test_large_trade_that_may_fail_is_tightened_until_the_grid_bears_its_failing() -> None:
    world, grid, verdict = World(), WIDE, None
    careful = replace(MODEL, rules=Rules())

    for round_number in range(1, 5):
        verdict = world.desk(model=careful).verdict(world.request(trade(LARGE_WH), grid, round_number))
        if isinstance(verdict, RefusedVerdict):
            assert GridData.unpack(verdict.grid_data) != grid, verdict.reasons
            grid = GridData.unpack(verdict.grid_data)

    assert isinstance(verdict, ApprovedVerdict)
    assert world.log.kept[0].outcome == "another_round"


def test_same_request_gets_the_same_verdict() -> None:
    world = World()
    request = world.request(trade(SMALL_WH))

    assert world.desk().verdict(request) == world.desk().verdict(request)


def test_prices_beside_the_optimum_are_refused_with_their_zone() -> None:
    world = World()
    request = world.request(trade(SMALL_WH))
    prices = (request.prices_half_micro_per_kwh[0] + 1, *request.prices_half_micro_per_kwh[1:])

    with pytest.raises(InputError, match="/prices_half_micro_per_kwh/"):
        world.desk().verdict(request.model_copy(update={"prices_half_micro_per_kwh": prices}))
    assert world.log.kept == []


def test_wider_limits_or_other_charges_than_published_are_refused() -> None:
    world = World()
    more, less = EnergyWh(WIDE.zones[1].export_wh + 1), PriceMicroPerKwh(WIDE.charges.c1_micro_per_kwh - 1)
    wider = replace(WIDE, zones=(WIDE.zones[0], replace(WIDE.zones[1], export_wh=more)))
    cheaper = replace(WIDE, charges=replace(WIDE.charges, c1_micro_per_kwh=less))

    for grid in (wider, cheaper):
        with pytest.raises(InputError):
            world.desk().verdict(world.request(trade(SMALL_WH), grid))
    assert world.log.kept == []


@pytest.mark.parametrize("early_or_late_s", [-1, 1200])
def test_verdict_outside_of_the_time_to_clear_is_refused(early_or_late_s: int) -> None:
    world = World()
    request = world.request(trade(SMALL_WH))
    world.chain.time_s = WINDOWS.gate(SLOT) + early_or_late_s

    with pytest.raises(RefusedError, match="is cleared from"):
        world.desk().verdict(request)


def test_slot_without_published_limits_or_forecast_is_refused() -> None:
    without_limits, without_forecast = World(), World()
    request = without_limits.request(trade(SMALL_WH))
    without_limits.chain.grid.clear()
    without_forecast.forecaster.known = None

    for world in (without_limits, without_forecast):
        with pytest.raises(RefusedError):
            world.desk().verdict(request)


def test_trader_behind_no_connection_of_the_network_is_refused() -> None:
    world = World()
    request = world.request(trade(SMALL_WH))
    del world.chain.participants[AccountId(17)]

    with pytest.raises(InputError, match="no connection"):
        world.desk().verdict(request)


def test_without_a_key_a_safe_result_is_logged_and_not_signed() -> None:
    world = World()

    with pytest.raises(EnvironmentNotReadyError, match="dry run"):
        world.desk(with_key=False).verdict(world.request(trade(SMALL_WH)))
    assert [each.outcome for each in world.log.kept] == ["approved"]


def test_book_in_which_nothing_trades_is_approved_if_the_forecast_is_safe() -> None:
    world = World()
    book = pack_book([record(16, Side.BID, SMALL_WH, 30_000), record(17, Side.OFFER, SMALL_WH, 100_000)])

    assert isinstance(world.desk().verdict(world.request(book)), ApprovedVerdict)


def test_home_that_bought_a_little_and_is_expected_to_feed_in_a_lot_is_checked_for_feeding_in() -> None:
    world = World()
    world.forecaster.known = Forecast((0, LARGE_WH, 0), (0, 0, 0))
    book = pack_book([record(16, Side.OFFER, SMALL_WH, 100_000), record(17, Side.BID, SMALL_WH, 300_000)])

    verdict = world.desk().verdict(world.request(book))

    assert isinstance(verdict, ApprovedVerdict)
    bounds = {each.account: each for each in verdict.envelopes}
    assert bounds[17].export_wh < LARGE_WH


def test_forecast_that_breaks_the_grid_by_itself_gives_envelopes_that_cure_it() -> None:
    world = World()
    world.forecaster.known = Forecast((0, LARGE_WH, 0), (0, 0, 0))

    verdict = world.desk().verdict(world.request(pack_book([record(16, Side.BID, SMALL_WH, 30_000)])))

    assert isinstance(verdict, ApprovedVerdict)
    assert [each.account for each in verdict.envelopes] == [17]
    assert verdict.envelopes[0].export_wh < LARGE_WH
    assert verdict.envelope_root != bytes(32)
