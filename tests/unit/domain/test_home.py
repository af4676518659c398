"""A home behind its meter: registers count the net energy, the battery follows the position, envelopes are kept."""

from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.battery import NO_BATTERY, Battery
from p2ptrade.domain.home import SELF_CONSUMPTION, HomeEnergies, HomeState, Instruction, run_slot
from p2ptrade.domain.reading import Registers
from p2ptrade.domain.units import EnergyWh, SharePpm, SlotNumber

START = HomeState(SlotNumber(9), EnergyWh(0), Registers(EnergyWh(10_000), EnergyWh(500)), EnergyWh(0), EnergyWh(0))
LOSSLESS = Battery(EnergyWh(5_000), EnergyWh(1_000), SharePpm(1_000_000), SharePpm(1_000_000))
wh = st.integers(0, 20_000).map(EnergyWh)
limit = st.none() | wh


def energies(load: int = 0, pv: int = 0, ev: int = 0, heat_pump: int = 0) -> HomeEnergies:
    return HomeEnergies(EnergyWh(load), EnergyWh(pv), EnergyWh(ev), EnergyWh(heat_pump))


def net(before: HomeState, after: HomeState) -> int:
    return after.registers.net_since(before.registers)


def test_a_home_without_anything_special_counts_its_net_energy() -> None:
    after = run_slot(NO_BATTERY, START, energies(load=700, ev=100, heat_pump=50, pv=200), SELF_CONSUMPTION)

    assert after.registers == Registers(EnergyWh(10_650), EnergyWh(500))
    assert after.slot == 10


def test_surplus_counts_in_the_other_register() -> None:
    after = run_slot(NO_BATTERY, START, energies(load=200, pv=900), SELF_CONSUMPTION)

    assert after.registers == Registers(EnergyWh(10_000), EnergyWh(1_200))


def test_without_a_position_the_battery_serves_the_home() -> None:
    charged = run_slot(LOSSLESS, START, energies(load=200, pv=900), SELF_CONSUMPTION)
    used = run_slot(LOSSLESS, charged, energies(load=300), SELF_CONSUMPTION)

    assert (net(START, charged), charged.stored_wh) == (0, 700)
    assert (net(charged, used), used.stored_wh) == (0, 400)


def test_with_a_position_the_battery_keeps_the_bargain() -> None:
    full = run_slot(LOSSLESS, START, energies(pv=900), SELF_CONSUMPTION)

    sold = run_slot(LOSSLESS, full, energies(load=100), Instruction(target_wh=-500))

    assert net(full, sold) == -500
    assert sold.stored_wh == 900 - 600


def test_an_envelope_sheds_what_can_wait_and_never_the_household() -> None:
    after = run_slot(
        NO_BATTERY, START, energies(load=900, ev=2_000, heat_pump=500), Instruction(import_wh=EnergyWh(1_050))
    )
    harsh = run_slot(NO_BATTERY, START, energies(load=900, ev=100), Instruction(import_wh=EnergyWh(0)))

    assert (net(START, after), after.shed_wh) == (1_050, 2_350)
    assert (net(START, harsh), harsh.shed_wh) == (900, 100)


def test_an_envelope_curtails_generation() -> None:
    after = run_slot(NO_BATTERY, START, energies(load=100, pv=3_000), Instruction(export_wh=EnergyWh(1_050)))

    assert (net(START, after), after.curtailed_wh) == (-1_050, 1_850)


def test_the_battery_helps_before_anything_is_curtailed() -> None:
    after = run_slot(LOSSLESS, START, energies(pv=1_900), Instruction(target_wh=-1_900, export_wh=EnergyWh(1_050)))

    assert (net(START, after), after.curtailed_wh, after.stored_wh) == (-1_050, 0, 850)


@given(load=wh, pv=wh, ev=wh, heat_pump=wh, target=st.integers(-20_000, 20_000), most=limit, least=limit)
def test_energy_is_conserved_and_the_envelope_kept_as_far_as_there_is_something_to_give(
    load: EnergyWh, pv: EnergyWh, ev: EnergyWh, heat_pump: EnergyWh,
    target: int, most: EnergyWh | None, least: EnergyWh | None,
) -> None:  # fmt: skip
    after = run_slot(LOSSLESS, START, HomeEnergies(load, pv, ev, heat_pump), Instruction(target, most, least))

    balance = load + ev + heat_pump - after.shed_wh - (pv - after.curtailed_wh) + after.stored_wh - START.stored_wh
    assert net(START, after) == balance
    if most is not None and net(START, after) > most:
        assert after.shed_wh == ev + heat_pump
    if least is not None and -net(START, after) > least:
        assert after.curtailed_wh == pv
