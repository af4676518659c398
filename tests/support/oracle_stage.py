"""A group of oracles on a small market, the homes' meters, and the slot that a test is about."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.domain.slot import end_of, slot_at
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.oracle.energy import SlotEnergy
from p2ptrade.oracle.facts import MeterPoint
from tests.support.oracles import TAKEOVER_S, Group, meters_of, send
from tests.support.small_market import DAY, SmallMarket

FIRST = SlotNumber(DAY * 96)


class Stage:
    """A group of oracles, the homes' meters, and the slot that the test is about."""

    def __init__(self, world: SmallMarket, folder: Path) -> None:
        self.world = world
        self.group = Group(world, folder)
        self.meters = meters_of(world)
        now = slot_at(world.market.client.now_s())
        self.slot = SlotNumber(max(FIRST, now) + 2)
        # The oracles of earlier tests settled up to here; what lies between is not this test's business.
        for member in self.group.members:
            member.view._first_priced = self.slot
        self.readings_of(SlotNumber(self.slot - 1), {})

    def readings_of(
        self, slot: SlotNumber, net_wh: dict[AccountId, int], silent: frozenset[AccountId] = frozenset()
    ) -> None:
        """Let the slot end, and send every meter's reading to every oracle that can be reached."""
        if self.world.market.client.now_s() < end_of(slot):
            self.world.warp_to(end_of(slot))
        readings = [
            meter.read(slot, net_wh.get(account, 0)) for account, meter in self.meters.items() if account not in silent
        ]
        for member in self.group.members:
            if not member.line.cut:
                assert {answer.taken.value for answer in send(member, readings)} <= {"stored"}

    def later(self, seconds: float) -> None:
        self.world.warp_to(self.world.market.client.now_s() + int(seconds))

    def speak(self, account: AccountId, net_wh: int) -> None:
        """Send the late reading of the slot to every oracle that can be reached."""
        late = self.meters[account].read(self.slot, net_wh)
        for member in self.group.members:
            if not member.line.cut:
                send(member, [late])

    def rounds(self, times: int, *indices: int) -> None:
        """Let oracles make steps, and every turn pass in between."""
        for _ in range(times):
            self.group.step(*indices)
            self.later(4 * TAKEOVER_S)

    def state(self) -> SettlementState:
        return self.world.market.settlement.state(self.slot)

    def cash(self) -> dict[AccountId, int]:
        ledger = self.world.market.ledger
        return {account: ledger.cash(account) for account in self.meters}

    def prices(self) -> tuple[int, int]:
        """Return retail and feed-in price of the slot."""
        (price,) = self.world.market.tariffs.prices([self.slot])
        return price.retail, price.feed_in

    def first_account(self) -> AccountId:
        return min(self.meters)


def report_instead(stage: Stage, index: int, account: AccountId, changed: Callable[[int], int]) -> None:
    """Let an oracle report another energy of an account than it has read."""
    drafter = stage.group.members[index].oracle.drafter
    honest = drafter._energies

    def dishonest(slot: SlotNumber, points: Mapping[AccountId, MeterPoint]) -> dict[AccountId, SlotEnergy | None]:
        energies = honest(slot, points)
        energy = energies[account]
        assert energy is not None
        energies[account] = replace(energy, metered_wh=EnergyWh(changed(energy.metered_wh)))
        return energies

    drafter._energies = dishonest  # type: ignore[method-assign]
