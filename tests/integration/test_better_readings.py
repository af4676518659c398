"""A meter that was dead is read again: a real gateway, four oracles and the real contracts correct what was estimated.

Paths: dead for two slots, which are settled with substitutes; back with its registers only, which tells how much but
not when; back with its load profile, so both slots and the one after them are measured; the gateway killed before and
after it has written the better readings down; an oracle that was away meanwhile; the correction window over.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from p2ptrade.audit.books import audit_books
from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.domain.reading import Quality, Registers
from p2ptrade.domain.slot import end_of, slot_at, start_of
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, SlotNumber
from p2ptrade.gateway.chain_view import AuctionView
from p2ptrade.gateway.metrics import GatewayMetrics
from p2ptrade.gateway.peers import RemoteOracle
from p2ptrade.gateway.ports import Connected
from p2ptrade.gateway.service import Gateway
from p2ptrade.gateway.uplink import Uplink
from p2ptrade.metering.meter import MeterUnreachableError, RegisterSample
from p2ptrade.store import Database
from p2ptrade.store.gateway import GatewayTable
from p2ptrade.transport.clients import OracleClient
from tests.support.oracles import TAKEOVER_S, TIMEOUT_S, Group
from tests.support.small_market import DAY, GATEWAY, SmallMarket, small_market

USED_WH = (1_000, 200, 300, 400)
"""What the home with the bad meter uses in the four slots of the test; the others use 100 Wh in each."""


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@dataclass
class ProfileMeter:
    """A meter that captures its register at the end of every slot; `answers` says what it gives away."""

    first: SlotNumber
    used_wh: Sequence[int]
    answers: str = "profile"
    asked: int = field(default=0, init=False)

    def register_at(self, instant_s: int) -> EnergyWh:
        """Return the energy counted; within a slot it rises evenly."""
        total = 0
        for number, used in enumerate(self.used_wh):
            passed_s = instant_s - start_of(SlotNumber(self.first + number))
            total += used * max(0, min(passed_s, 900)) // 900
        return EnergyWh(total)

    def sample(self, instant_s: int) -> RegisterSample:
        return RegisterSample(EpochSeconds(instant_s), Registers(self.register_at(instant_s), EnergyWh(0)))

    def read(self, after_s: int, until_s: int) -> Sequence[RegisterSample]:
        self.asked += 1
        if self.answers == "nothing":
            raise MeterUnreachableError("no answer on the bus")
        if self.answers == "register":
            return [self.sample(until_s)]
        ends = range(end_of(SlotNumber(self.first - 2)), until_s + 1, 900)
        return [self.sample(end_s) for end_s in ends if end_s > after_s]


class Stage:
    """A market with four oracles and a gateway, and the four slots that the test is about."""

    def __init__(self, world: SmallMarket, folder: Path) -> None:
        self.world, self.folder = world, folder
        self.group = Group(world, folder)
        self.first = SlotNumber(max(DAY * 96, slot_at(world.market.client.now_s())) + 2)
        for member in self.group.members:
            member.view._first_priced = self.first
        self.account = min(home.account for home in world.homes)
        self.meters = {
            home.account: ProfileMeter(self.first, USED_WH if home.account == self.account else [100] * 4)
            for home in world.homes
        }

    @property
    def meter(self) -> ProfileMeter:
        return self.meters[self.account]

    def gateway(self, die_at: str | None = None) -> Gateway:
        """Start a gateway on what the disk holds."""
        market, metrics = self.world.market, GatewayMetrics()
        table = GatewayTable(Database.open(self.folder / "gateway.sqlite"))

        def checkpoint(place: str) -> None:
            if place == die_at:
                raise Killed

        return Gateway(
            chain=AuctionView(market.auction, market.first_block),
            envelopes=None,
            uplinks=[
                Uplink(RemoteOracle(OracleClient(f"http://oracle-{number}.test", transport=line)), table, metrics)
                for number, line in enumerate(self.group.lines)
            ],
            store=table,
            signer=GATEWAY,
            domain=market.reading_domain,
            connected=[
                Connected(account, market.registry.meter_point(account), 30, meter)
                for account, meter in self.meters.items()
            ],
            correction_window_s=market.settlement.correction_window_s(),
            metrics=metrics,
            checkpoint=checkpoint,
        )

    def slot(self, number: int) -> SlotNumber:
        return SlotNumber(self.first + number)

    def after(self, number: int, seconds: int = 3) -> None:
        """Go on to some seconds after the end of a slot."""
        self.world.warp_to(end_of(self.slot(number)) + seconds)

    def rounds(self, times: int) -> None:
        """Let the oracles that can be reached make steps, a few seconds apart; each has its turn."""
        reachable = [index for index in range(4) if not self.group.lines[index].cut]
        for _ in range(times):
            self.group.step(*reachable)
            self.world.warp_to(self.world.market.client.now_s() + int(TAKEOVER_S) + 1)

    def cash(self) -> dict[AccountId, int]:
        return {account: self.world.market.ledger.cash(account) for account in self.meters}

    def versions(self) -> list[int]:
        return [self.world.market.settlement.settlement(self.slot(number)).version for number in range(3)]

    def cost(self, *used_wh: int) -> int:
        """Return what the energies cost at the retail prices of the first slots, each rounded up."""
        prices = self.world.market.tariffs.prices([self.slot(number) for number in range(len(used_wh))])
        return sum(-(-used * price.retail // 1000) for used, price in zip(used_wh, prices, strict=True))


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with small_market(tmp_path / "market", homes=3) as world:
        made = Stage(world, tmp_path)
        yield made
        made.group.close()


def test_a_meter_that_was_dead_for_two_slots_is_measured_afterwards_and_the_money_moves_once(stage: Stage) -> None:
    before = stage.cash()
    settlement = stage.world.market.settlement
    gateway = stage.gateway()
    stage.after(-1)
    gateway.step()

    # Dead for two slots, and until their time-out is over: both are settled with the substitute of a new meter, zero.
    stage.meter.answers = "nothing"
    for number in range(2):
        stage.after(number)
        gateway.step()
    stage.after(1, int(TIMEOUT_S) - 60)
    stage.rounds(4)
    assert [settlement.state(stage.slot(number)) for number in range(2)] == [SettlementState.SETTLED] * 2
    assert before[stage.account] == stage.cash()[stage.account]

    # Back with its registers alone: how much is known, when is not. Estimates correct nothing. 1,500 Wh of three slots
    # and 133 of the next 300 s lie evenly on 3,000 s, so the third slot is settled with 490 Wh.
    stage.meter.answers = "register"
    stage.after(2, 300)
    gateway.step()
    table = GatewayTable(Database.open(stage.folder / "gateway.sqlite"))
    estimated = [signed.reading for signed in table.estimates(stage.first)[stage.account]]
    assert [reading.slot - stage.first for reading in estimated] == [0, 1, 2]
    assert {reading.quality for reading in estimated} == {Quality.INTERPOLATED}
    stage.group.lines[3].cut = True  # one oracle hears of nothing that follows, until the end
    stage.rounds(4)
    assert stage.versions() == [1, 1, 1]
    assert before[stage.account] - stage.cash()[stage.account] == stage.cost(0, 0, 490)

    # The load profile can be read: the gateway is killed before and after it has written down what it says.
    stage.meter.answers = "profile"
    stage.after(3)
    with pytest.raises(Killed):
        stage.gateway(die_at="gateway.better_signed").step()
    with pytest.raises(Killed):
        stage.gateway(die_at="gateway.better_kept").step()
    stage.rounds(1)
    assert stage.versions() == [1, 1, 1], "nobody has been told yet"
    gateway = stage.gateway()
    gateway.step()
    asked = stage.meter.asked
    gateway.step()
    assert stage.meter.asked == asked, "there is nothing left to ask for"
    stage.rounds(8)

    assert stage.versions() == [2, 2, 2]
    assert before[stage.account] - stage.cash()[stage.account] == stage.cost(*USED_WH)
    others = [account for account in stage.meters if account != stage.account]
    assert {before[other] - stage.cash()[other] for other in others} == {stage.cost(100, 100, 100, 100)}
    assert len(settlement.events("Corrected", first=0)) == 3, "once each"

    # The oracle that was away gets all of it from the gateway, in order, and comes to the same.
    stage.group.lines[3].cut = False
    gateway = stage.gateway()
    gateway.step()
    for number in range(3):
        kept = [member.oracle.store.all_of_slot(stage.slot(number)) for member in stage.group.members]
        assert kept[3] == kept[0]
        assert [each.signed.reading.quality for each in kept[3] if each.signed.reading.account == stage.account] == [
            Quality.INTERPOLATED,
            Quality.MEASURED,
        ]
    audited = audit_books(stage.world.market)
    assert audited.closed


def test_what_is_past_its_correction_window_is_left_as_it_is(stage: Stage) -> None:
    stage.after(-1)
    stage.gateway().step()
    stage.meter.answers = "register"
    stage.after(2)
    stage.gateway().step()
    stage.meter.answers = "profile"

    stage.world.warp_to(end_of(stage.slot(3)) + stage.world.market.settlement.correction_window_s())
    stage.gateway().step()

    table = GatewayTable(Database.open(stage.folder / "gateway.sqlite"))
    left = [signed.reading.slot - stage.first for signed in table.estimates(stage.first)[stage.account]]
    assert left == [0, 1]
