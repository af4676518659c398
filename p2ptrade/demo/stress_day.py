"""A stressed day told twice: as it was metered with market, grid check and envelopes, and as it is without them.

Without us the same homes do what they would do with nobody to ask them otherwise: the same profiles, the same
batteries, self-consumption. Both are judged by AC power flow, by both engines. The rounds are those that the grid
operator logged. How much the envelopes held back is found by running each home again with the instructions that chain
and log hold; what its meter shows then must be what was settled.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from p2ptrade.audit.books import Books
from p2ptrade.chain.deployed import Market
from p2ptrade.demo.day import Day, SlotRecord
from p2ptrade.demo.feeder import injections_w
from p2ptrade.demo.scenario import NETWORK
from p2ptrade.demo.world import World
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.grid_decision import Bounds, LoggedDecision
from p2ptrade.domain.home import HomeState, Instruction, run_slot
from p2ptrade.domain.money import cost_rounded_down, cost_rounded_up
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, SlotNumber
from p2ptrade.errors import ChainError
from p2ptrade.gateway.homes import battery_of, energies_of
from p2ptrade.grid import Network, Verdict, check_injections, load_homes
from p2ptrade.metering.modelled_home import fresh_state
from p2ptrade.store import Database
from p2ptrade.store.dso import DsoTable

_FIRST_ROUND = 1


@dataclass(frozen=True, slots=True)
class HeldBack:
    """What an envelope kept a home from in a slot: generation curtailed and consumption put off."""

    curtailed_wh: EnergyWh
    shed_wh: EnergyWh


@dataclass(frozen=True, slots=True, eq=False)
class StressSlot:
    """One slot with and without us; `injection` are watts of every connection, `rounds` the decisions in order."""

    record: SlotRecord
    rounds: tuple[LoggedDecision, ...]
    without: Verdict
    with_us: Verdict
    injection_without_w: NDArray[np.float64]
    injection_with_w: NDArray[np.float64]
    held_back: Mapping[AccountId, HeldBack]

    @property
    def envelopes(self) -> tuple[Bounds, ...]:
        """Return the envelopes that held in the slot: none if it was not cleared."""
        return self.rounds[-1].envelopes if self.rounds and self.record.prices else ()

    @property
    def curtailed_wh(self) -> int:
        """Return the generation that envelopes kept back."""
        return sum(each.curtailed_wh for each in self.held_back.values())

    @property
    def shed_wh(self) -> int:
        """Return the consumption that envelopes put off."""
        return sum(each.shed_wh for each in self.held_back.values())

    @property
    def breach_wh(self) -> int:
        """Return what was metered outside of the envelopes."""
        metered = {account: home.metered_wh for account, home in self.record.homes.items()}
        return sum(
            max(0, metered[each.account] - each.import_wh, -metered[each.account] - each.export_wh)
            for each in self.envelopes
            if each.account in metered
        )

    @property
    def compensation_micro(self) -> AmountMicro:
        """Return what curtailed generation would have earned at the feed-in tariff, each home's rounded up."""
        price = self.record.feed_in_micro_per_kwh
        return AmountMicro(sum(cost_rounded_up(each.curtailed_wh, price) for each in self.held_back.values()))

    @property
    def congestion_charge_micro(self) -> AmountMicro:
        """Return what buyers paid for congestion with the network charge (its part C2)."""
        if not self.rounds or not self.record.prices:
            return AmountMicro(0)
        charges = GridData.unpack(self.rounds[-1].grid_data).charges
        return cost_rounded_down(EnergyWh(self.record.traded_wh), charges.c2_micro_per_kwh)


@dataclass(frozen=True, slots=True, eq=False)
class StressDay:
    """All slots of a stressed day, the network, what is new there (`scene`), and the congestion rent left over."""

    network: Network
    scene: str
    slots: tuple[StressSlot, ...]
    congestion_rent_micro: AmountMicro


def record_stress(world: World, market: Market, books: Books, day: Day, homes: Mapping[AccountId, int]) -> StressDay:
    """Return the stressed day; `homes` gives the number of each account's home.

    Raises:
        ChainError: a meter shows something else than a home that kept to its instructions would.
    """
    logged = _rounds(world, market, [record.slot for record in day.slots])
    without, with_us = _run_alone(world, day, homes), _run_with_us(world, day, homes, logged)
    slots = tuple(
        _slot(world, record, logged[record.slot], homes, alone, held)
        for record, alone, held in zip(day.slots, without, with_us, strict=True)
    )
    rent = sum(clearing.totals.rent_micro for clearing in books.clearings)
    return StressDay(world.network, _scene(world), slots, AmountMicro(rent))


def _scene(world: World) -> str:
    """Return in a sentence what the homes have that they do not have today."""
    before, after = load_homes(NETWORK).homes, world.profiles.homes
    roofs = [sum(1 for home in homes if home.pv_peak_w) for homes in (before, after)]
    kilowatts = [sum(home.pv_peak_w for home in homes) // 1000 for homes in (before, after)]
    chargers = [sum(1 for home in homes if home.ev_power_w) for homes in (before, after)]
    return (
        f"The same feeder with {roofs[1]} roofs of {kilowatts[1]} kW in all where there are {roofs[0]} of "
        f"{kilowatts[0]} kW today, all homes of its largest branch with a large one, and {chargers[1]} homes with "
        f"charging points instead of {chargers[0]}. What is new follows profiles of the same data, drawn with "
        f"the seed {world.scenario.seed}. Without us everybody injects and draws as they like."
    )


def _slot(
    world: World,
    record: SlotRecord,
    rounds: tuple[LoggedDecision, ...],
    homes: Mapping[AccountId, int],
    alone: Mapping[AccountId, int],
    held_back: Mapping[AccountId, HeldBack],
) -> StressSlot:
    metered = {account: home.metered_wh for account, home in record.homes.items()}
    without_w = injections_w(world, record.slot, alone, homes)
    with_w = injections_w(world, record.slot, metered, homes)
    return StressSlot(
        record=record,
        rounds=rounds,
        without=check_injections(world.network, without_w),
        with_us=check_injections(world.network, with_w),
        injection_without_w=without_w,
        injection_with_w=with_w,
        held_back=held_back,
    )


def _rounds(world: World, market: Market, slots: Sequence[SlotNumber]) -> dict[SlotNumber, tuple[LoggedDecision, ...]]:
    """Return the decisions that led to the end of each slot; a relay that was started again began anew."""
    database = Database.open(world.folder / "dso" / "dso.sqlite")
    try:
        table = DsoTable(database, f"{market.client.chain_id}:{market.auction.address}")
        found = {slot: table.decisions(slot) for slot in slots}
    finally:
        database.close()
    return {slot: tuple(_last_run(decisions)) for slot, decisions in found.items()}


def _last_run(decisions: Sequence[LoggedDecision]) -> list[LoggedDecision]:
    run: list[LoggedDecision] = []
    for decision in decisions:
        run = [decision] if decision.round_number == _FIRST_ROUND else [*run, decision]
    return run


class _Replay:
    """The homes, run slot by slot from the moment in which their gateway began."""

    def __init__(self, world: World, homes: Mapping[AccountId, int], first: SlotNumber) -> None:
        week = world.profiles.week(world.scenario.week)
        self._battery = {account: battery_of(world.profiles.homes[number]) for account, number in homes.items()}
        self._energies = {account: energies_of(week, number) for account, number in homes.items()}
        began = slot_at(world.timeline.daemons_start_s)
        self._states = {account: fresh_state(SlotNumber(began - 1)) for account in homes}
        for _ in range(began, first):
            self.run({})

    def run(self, instructions: Mapping[AccountId, Instruction]) -> dict[AccountId, tuple[HomeState, HomeState]]:
        """Run one slot and return every home before and after it; who has no instruction consumes its own."""
        done = {}
        for account, before in self._states.items():
            energies = self._energies[account](SlotNumber(before.slot + 1))
            instruction = instructions.get(account, Instruction())
            done[account] = before, run_slot(self._battery[account], before, energies, instruction)
        self._states = {account: after for account, (_, after) in done.items()}
        return done


def _run_alone(world: World, day: Day, homes: Mapping[AccountId, int]) -> Iterator[dict[AccountId, int]]:
    """Give slot by slot what every home would have withdrawn, in Wh."""
    replay = _Replay(world, homes, day.slots[0].slot)
    for _ in day.slots:
        yield {account: _withdrawn(*states) for account, states in replay.run({}).items()}


def _run_with_us(
    world: World,
    day: Day,
    homes: Mapping[AccountId, int],
    logged: Mapping[SlotNumber, Sequence[LoggedDecision]],
) -> Iterator[dict[AccountId, HeldBack]]:
    """Give slot by slot what envelopes kept the homes from."""
    replay = _Replay(world, homes, day.slots[0].slot)
    for record in day.slots:
        done = replay.run(_instructions(record, logged[record.slot]))
        for account, states in done.items():
            metered_wh = record.homes[account].metered_wh
            if _withdrawn(*states) != metered_wh:
                raise ChainError(
                    f"account {account} was metered with {metered_wh} Wh in slot {record.slot}; "
                    f"a home that keeps to its instructions has {_withdrawn(*states)} Wh"
                )
        yield {account: _held_back(*states) for account, states in done.items()}


def _instructions(record: SlotRecord, rounds: Sequence[LoggedDecision]) -> dict[AccountId, Instruction]:
    if not record.prices:
        return {}
    instructions = {account: Instruction(home.position_wh) for account, home in record.homes.items()}
    for each in rounds[-1].envelopes:
        if each.account in instructions:
            target_wh = instructions[each.account].target_wh
            instructions[each.account] = Instruction(target_wh, each.import_wh, each.export_wh)
    return instructions


def _withdrawn(before: HomeState, after: HomeState) -> int:
    imported = after.registers.import_wh - before.registers.import_wh
    return imported - (after.registers.export_wh - before.registers.export_wh)


def _held_back(before: HomeState, after: HomeState) -> HeldBack:
    return HeldBack(EnergyWh(after.curtailed_wh - before.curtailed_wh), EnergyWh(after.shed_wh - before.shed_wh))
