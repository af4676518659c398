"""The agent seals every slot once while its gate is open, opens it after the gate, and finds its way past the relay."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from p2ptrade.chain.client import BlockHead
from p2ptrade.domain.battery import NO_BATTERY, Battery
from p2ptrade.domain.order import Side
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import PPM, AccountId, EnergyWh, PriceMicroPerKwh, SharePpm, SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError
from p2ptrade.transport.schemas.market import OpeningOutcomes, OpeningsMessage
from p2ptrade.wallet.agent import SLOTS_AHEAD, Agent
from p2ptrade.wallet.planning import PlannedHome
from p2ptrade.wallet.strategy import SlotPrices
from tests.unit.wallet.test_trader import FakeRelay, trader_on

SLOT = SlotNumber(1_979_000)
WINDOWS = Windows()
PRICES = SlotPrices(PriceMicroPerKwh(320_000), PriceMicroPerKwh(80_000), PriceMicroPerKwh(60_000))
BEFORE_GATE = WINDOWS.gate(SLOT) - 600
BUYER, SELLER = AccountId(16), AccountId(17)


@dataclass
class FakeChain:
    """Chain time, and prices for the slots up to one."""

    time_s: int = BEFORE_GATE
    published_until: int = SLOT

    def head(self) -> BlockHead:
        return BlockHead(self.published_until, b"", self.time_s, 0, 0)

    def prices(self, slot: SlotNumber) -> SlotPrices | None:
        return PRICES if slot <= self.published_until else None


class DeafRelay(FakeRelay):
    """Takes seals and then does not answer any more."""

    def send_openings(self, slot: SlotNumber, openings: OpeningsMessage) -> OpeningOutcomes:
        raise PeerUnreachableError("the relay did not answer")


@dataclass
class FakeDirect:
    """Remembers what was opened on the chain."""

    opened: list[OwnOrder] = field(default_factory=list)

    def open(self, order: OwnOrder) -> None:
        self.opened.append(order)


def home(account: AccountId, net_wh: int, battery: Battery = NO_BATTERY) -> PlannedHome:
    first = SlotNumber(SLOT - 4)
    return PlannedHome(account, SharePpm(PPM // 2), battery, lambda _: net_wh, first)


def agent_on(folder: Path, chain: FakeChain, relay: FakeRelay, direct: FakeDirect | None = None) -> Agent:
    homes = [home(BUYER, 800), home(SELLER, -500)]
    return Agent(chain, trader_on(folder, relay), homes, WINDOWS, direct)


def test_every_home_seals_every_published_slot_once(tmp_path: Path) -> None:
    chain, relay = FakeChain(), FakeRelay()
    agent = agent_on(tmp_path, chain, relay)

    agent.step()
    agent.step()

    assert [seal.account for seal in relay.seals] == [BUYER, SELLER]
    assert [order.terms.side for order in agent.trader.of_slot(SLOT)] == [Side.BID, Side.OFFER]
    assert not agent.trader.of_slot(SlotNumber(SLOT + 1))


def test_slots_are_sealed_as_soon_as_they_are_published(tmp_path: Path) -> None:
    chain, relay = FakeChain(), FakeRelay()
    agent = agent_on(tmp_path, chain, relay)
    agent.step()

    chain.published_until = SLOT + 100
    agent.step()

    sealed = {order.slot for order in agent.trader.store.orders()}
    assert sealed == set(range(SLOT, SLOT + SLOTS_AHEAD))


def test_nothing_is_sealed_once_the_gate_is_near(tmp_path: Path) -> None:
    chain, relay = FakeChain(time_s=WINDOWS.gate(SLOT) - 44), FakeRelay()

    agent_on(tmp_path, chain, relay).step()

    assert relay.seals == []


def test_nothing_is_opened_before_the_gate_and_everything_after_it(tmp_path: Path) -> None:
    chain, relay = FakeChain(), FakeRelay()
    agent = agent_on(tmp_path, chain, relay)
    agent.step()

    chain.time_s = WINDOWS.gate(SLOT) - 1
    agent.step()
    before = list(relay.openings)
    chain.time_s = WINDOWS.gate(SLOT)
    agent.step()
    agent.step()

    assert before == []
    assert [opening.account for opening in relay.openings] == [BUYER, SELLER]


def test_an_agent_that_was_killed_seals_the_same_and_opens_the_rest(tmp_path: Path) -> None:
    chain, relay = FakeChain(), FakeRelay(answers=False)
    with pytest.raises(PeerUnreachableError):
        agent_on(tmp_path, chain, relay).step()
    relay.answers = True

    agent_on(tmp_path, chain, relay).step()
    chain.time_s = WINDOWS.gate(SLOT)
    agent_on(tmp_path, chain, relay).step()

    assert relay.seals[:2] == relay.seals[2:]
    assert len(relay.openings) == 2


def test_what_the_relay_does_not_take_is_opened_on_the_chain_in_time(tmp_path: Path) -> None:
    chain, relay, direct = FakeChain(), DeafRelay(), FakeDirect()
    agent = agent_on(tmp_path, chain, relay, direct)
    agent.step()

    chain.time_s = WINDOWS.gate(SLOT)
    agent.step()
    early = list(direct.opened)
    chain.time_s = WINDOWS.openings_due(SLOT) - 60
    agent.step()
    agent.step()

    assert early == []
    assert [order.account for order in direct.opened] == [BUYER, SELLER]


def test_a_plan_is_yesterdays_profile_after_the_battery() -> None:
    measured = {SLOT - 97: -1_000, SLOT - 96: 600, SLOT - 95: 600}
    battery = Battery(EnergyWh(10_000), EnergyWh(900), SharePpm(PPM), SharePpm(PPM))
    planned = PlannedHome(BUYER, SharePpm(0), battery, measured.__getitem__, SlotNumber(SLOT - 1))

    assert [planned.planned_wh(SlotNumber(slot)) for slot in (SLOT - 1, SLOT, SLOT + 1)] == [-100, 0, 300]
    assert planned.planned_wh(SLOT) == 0
    with pytest.raises(InputError, match="is not planned for"):
        planned.planned_wh(SlotNumber(SLOT - 2))
