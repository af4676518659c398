"""The day, driven: time advances from deadline to deadline, and at each one the demo waits for what is due then.

The driver does none of the work. It advances the clock and looks, through the same doors as everybody, whether the
daemons have done theirs: seals before the gate, the commitment, the clearing, the settlement of the slot that ended.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import httpx

from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.chain.deployed import Market
from p2ptrade.demo.clock import WarpedClock
from p2ptrade.demo.day import FeederState
from p2ptrade.demo.feeder import feeder_state, metered_of
from p2ptrade.demo.processes import Daemon, Fleet, TimedOutError, wait_for
from p2ptrade.demo.world import World
from p2ptrade.domain.slot import end_of
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import ChainError, PeerUnreachableError
from p2ptrade.transport.clients import RelayClient
from p2ptrade.transport.schemas.market import SlotState

SEALING_ENDS_S: Final = 60
COMMIT_S: Final = 20
PATIENCE_S: Final = 120.0
# A slot ends when the gate of the third one after it closes.
SLOTS_BEHIND: Final = 3


@dataclass(frozen=True, slots=True)
class SlotNews:
    """What just happened: the relay's last word on one slot, and what the feeder went through in a settled one."""

    cleared: SlotState | None
    settled: SlotNumber | None
    feeder: FeederState | None


Report = Callable[[SlotNews], None]
Disturbance = Callable[["Driver", str, SlotNumber], None]
"""Called at the points `sealed`, `committed` and `ended` of a slot: for drills that kill daemons on the way."""


def leave_alone(driver: "Driver", point: str, slot: SlotNumber) -> None:
    """Disturb nothing."""


@dataclass
class Driver:
    """One run through the slots of a world; what it sees on the way is kept by slot."""

    world: World
    market: Market
    fleet: Fleet
    clock: WarpedClock
    relay: RelayClient
    homes: Mapping[AccountId, int]
    disturb: Disturbance = leave_alone
    feeder: dict[SlotNumber, FeederState] = field(default_factory=dict)
    rounds: dict[SlotNumber, int] = field(default_factory=dict)
    sealed: dict[SlotNumber, int] = field(default_factory=dict)

    def run(self, report: Report) -> None:
        """Take every slot through its life.

        Raises:
            TimedOutError: something due did not happen.
            EnvironmentNotReadyError: a daemon died.
        """
        first, last = self.world.timeline.first, self.world.timeline.first + self.world.timeline.slots - 1
        for number in range(first, last + 1 + SLOTS_BEHIND):
            slot, ended = SlotNumber(number), SlotNumber(number - SLOTS_BEHIND)
            state = self._trade(slot) if slot <= last else None
            self.clock.jump_to(end_of(ended) + 1)
            self.disturb(self, "ended", ended)
            settled = self._await_settlement(ended) if ended >= first else None
            if state is not None:
                state = self._await_clearing(slot)
                self.rounds[slot], self.sealed[slot] = state.rounds, state.seals
            report(SlotNews(state, settled, None if settled is None else self.feeder[settled]))

    def start_daemons(self) -> None:
        """Start every daemon of the market and wait until all are ready."""
        config = str(self.world.config)
        ports = self.world.ports
        oracles = [
            self._daemon(f"oracle-{index}", port, "oracle", "run", "--config", str(self.world.oracle_config(index)))
            for index, port in enumerate(ports.oracles)
        ]
        seed = str(self.world.scenario.seed)
        self.fleet.start(
            self._daemon("dso", ports.dso, "dso", "run", "--config", config),
            self._daemon("relay", ports.relay, "relay", "run", "--config", config),
            *oracles,
            self._daemon("gateway", ports.gateway, "gateway", "run", "--config", config),
            self._daemon("agent", ports.agent, "wallet", "agent", "--config", config, "--seed", seed),
        )

    def restart(self, name: str) -> None:
        """Kill a daemon wherever it is and start it again."""
        daemon = self.fleet.daemons[name]
        daemon.kill()
        daemon.start()

    def _daemon(self, name: str, port: int, *arguments: str) -> Daemon:
        url = f"http://127.0.0.1:{port}/readyz"
        return Daemon(name, arguments, self.world.folder / f"{name}.log", lambda: _steps(url) is not None)

    def _trade(self, slot: SlotNumber) -> SlotState:
        """Bring a slot to its gate: sealed by the agent, committed by the relay."""
        gate = self.world.timeline.windows.gate(slot)
        self._await_limits(slot)
        self.clock.jump_to(gate - SEALING_ENDS_S)
        self._await_steps("agent", self.world.ports.agent)
        self.disturb(self, "sealed", slot)
        self.clock.jump_to(gate - COMMIT_S)
        state = self._state(slot)
        if state.seals:
            auction, first = self.market.auction, self.market.first_block
            self._wait(f"the commitment of slot {slot}", lambda: auction.root(slot, first=first) is not None)
        self.disturb(self, "committed", slot)
        return state

    def _await_limits(self, slot: SlotNumber) -> None:
        """Wait for the limits of the slots whose time to be published ends before this slot's gate closes."""
        timeline = self.world.timeline
        due = [each for each in timeline.traded if timeline.windows.limits_due(each) <= timeline.windows.gate(slot)]
        limits = self.market.grid_limits
        recent = [(each,) for each in due[-SLOTS_BEHIND:]]
        self._wait(f"the limits of slot {due[-1]}", lambda: all(map(any, limits.read_many("hashOf", recent))))

    def _await_clearing(self, slot: SlotNumber) -> SlotState:
        state = self._state(slot)
        if not state.seals:
            return state

        def is_over() -> bool:
            nonlocal state
            state = self._state(slot)
            return state.clear_transaction is not None or state.given_up

        self._wait(f"the clearing of slot {slot}", is_over)
        return state

    def _state(self, slot: SlotNumber) -> SlotState:
        """Return what the relay says of a slot, waiting for it if it is just being started again."""
        found: list[SlotState] = []

        def answers() -> bool:
            with suppress(PeerUnreachableError):
                found.append(self.relay.slot(slot))
            return bool(found)

        self._wait("an answer of the relay", answers)
        return found[-1]

    def _await_settlement(self, slot: SlotNumber) -> SlotNumber:
        settlement = self.market.settlement
        metered: dict[AccountId, int] = {}

        def is_settled() -> bool:
            # A node may show a block's state before its events, so both must be there.
            nonlocal metered
            if settlement.state(slot) is SettlementState.SETTLED:
                metered = metered_of(self.market, slot)
            return metered.keys() >= self.homes.keys()

        self._wait(f"the settlement of slot {slot}", is_settled)
        self.feeder[slot] = feeder_state(self.world, slot, metered, self.homes)
        return slot

    def _await_steps(self, name: str, port: int) -> None:
        """Wait until a daemon has ended a step that began after now."""
        url = f"http://127.0.0.1:{port}/readyz"
        before = _steps(url) or 0

        def went_on() -> bool:
            nonlocal before
            steps = _steps(url) or 0
            before = min(before, steps)  # a daemon that was started again counts from zero
            return steps >= before + 2

        self._wait(f"a step of the {name}", went_on)

    def _wait(self, what: str, happened: Callable[[], bool]) -> None:
        try:
            wait_for(what, happened, self.fleet, PATIENCE_S)
        except TimedOutError as error:
            raise ChainError(f"{error}; the logs are in {self.world.folder}") from None


def _steps(url: str) -> int | None:
    """Return how many steps a daemon has done, None while it is not ready."""
    try:
        answer = httpx.get(url, timeout=5)
    except httpx.HTTPError:
        return None
    return int(answer.json()["steps"]) if answer.status_code == httpx.codes.OK else None
