"""A gateway with two modelled homes, a chain and oracles that a test can disturb."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_utils.address import to_checksum_address

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.typed_data import reading_domain
from p2ptrade.domain.battery import Battery
from p2ptrade.domain.home import HomeEnergies
from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.gateway.metrics import GatewayMetrics
from p2ptrade.gateway.ports import Ack, Connected, EnvelopeBounds, SlotOutcome
from p2ptrade.gateway.service import Gateway
from p2ptrade.gateway.uplink import Uplink
from p2ptrade.metering.meter import Meter, MeterUnreachableError, RegisterSample
from p2ptrade.metering.modelled_home import ModelledHome, fresh_state
from p2ptrade.store import Database
from p2ptrade.store.gateway import GatewayTable

FIRST = SlotNumber(2_000_000)
ALICE, BOB = AccountId(16), AccountId(17)
BATTERY = Battery(EnergyWh(4_000), EnergyWh(800))
DAYS_S = 3 * 86_400
DOMAIN = reading_domain(1337, to_checksum_address("0x00000000000000000000000000000000000000AA"))
KEY = SigningKey.from_secret(b"\x01" * 32)


def energies(slot: SlotNumber) -> HomeEnergies:
    """Return energies that differ from slot to slot, with surplus in some and deficit in others."""
    phase = slot % 7
    return HomeEnergies(EnergyWh(300 + 10 * phase), EnergyWh(150 * phase), EnergyWh(5 * phase), EnergyWh(phase))


class Killed(BaseException):
    """What a kill looks like from inside: nothing catches it."""


@dataclass
class FakeChain:
    time_s: int
    outcomes: dict[SlotNumber, SlotOutcome] = field(default_factory=dict)

    def now_s(self) -> int:
        return self.time_s

    def outcome(self, slot: SlotNumber) -> SlotOutcome | None:
        return self.outcomes.get(slot)


@dataclass
class FakeOracle:
    """An oracle that keeps what it acknowledged; it can be away, or lose its answer after it has stored."""

    url: str
    stored: dict[tuple[int, int], SignedReading] = field(default_factory=dict)
    away: bool = False
    loses_answers: int = 0
    refuses: set[tuple[int, int]] = field(default_factory=set)

    def send(self, readings: Sequence[SignedReading]) -> Sequence[Ack]:
        if self.away:
            raise PeerUnreachableError("away")
        acks = []
        for signed in readings:
            key = (signed.reading.account, signed.reading.sequence)
            if key in self.refuses:
                acks.append(Ack(signed.reading.account, signed.reading.sequence, "not plausible"))
                continue
            assert self.stored.setdefault(key, signed) == signed, "the same number came with another content"
            acks.append(Ack(signed.reading.account, signed.reading.sequence))
        if self.loses_answers:
            self.loses_answers -= 1
            raise PeerUnreachableError("the answer was lost")
        return acks

    def of(self, account: AccountId) -> list[SignedReading]:
        return [self.stored[key] for key in sorted(self.stored) if key[0] == account]


@dataclass
class Envelopes:
    """The grid operator's service."""

    by_slot: Mapping[SlotNumber, Sequence[EnvelopeBounds]]
    away: bool = False

    def envelopes(self, slot: SlotNumber) -> Sequence[EnvelopeBounds]:
        if self.away:
            raise PeerUnreachableError("away")
        return self.by_slot.get(slot, ())


class SilentBetween:
    """A meter that loses all samples of a span of time."""

    def __init__(self, meter: Meter, first_s: int, last_s: int) -> None:
        self._meter, self._first_s, self._last_s = meter, first_s, last_s

    def read(self, after_s: int, until_s: int) -> Sequence[RegisterSample]:
        samples = self._meter.read(after_s, until_s)
        return [each for each in samples if not self._first_s <= each.meter_time_s <= self._last_s]


class Broken:
    """A meter that does not answer."""

    def read(self, after_s: int, until_s: int) -> Sequence[RegisterSample]:
        raise MeterUnreachableError("no answer on the bus")


@dataclass
class World:
    folder: Path
    chain: FakeChain = field(default_factory=lambda: FakeChain(start_of(FIRST) + 5))
    oracles: list[Any] = field(default_factory=lambda: [FakeOracle("http://a"), FakeOracle("http://b")])
    envelopes: Envelopes | None = None
    broken: set[AccountId] = field(default_factory=set)
    silence: tuple[int, int] | None = None
    battery: Battery = BATTERY
    # Meters count on while a gateway is replaced; a model without a gateway begins anew from what was saved.
    meters: dict[AccountId, ModelledHome] | None = None

    def gateway(self, die_at: str | None = None) -> Gateway:
        """Start a gateway on what the disk holds."""
        table = GatewayTable(Database.open(self.folder / "gateway.sqlite"))
        saved, metrics = table.homes(), GatewayMetrics()

        def checkpoint(place: str) -> None:
            if place == die_at:
                raise Killed

        connected = []
        for account in (ALICE, BOB):
            start = saved.get(account) or fresh_state(SlotNumber(FIRST - 1))
            home = ModelledHome(self.battery, energies, start)
            if self.meters is not None:
                home = self.meters.setdefault(account, home)
            meter: Meter = Broken() if account in self.broken else home
            if self.silence is not None and account == ALICE:
                meter = SilentBetween(home, *self.silence)
            connected.append(Connected(account, bytes([account]) * 32, 30, meter, home, home))
        return Gateway(
            chain=self.chain,
            envelopes=self.envelopes,
            uplinks=[Uplink(oracle, table, metrics, checkpoint) for oracle in self.oracles],
            store=table,
            signer=KEY,
            domain=DOMAIN,
            connected=connected,
            correction_window_s=DAYS_S,
            metrics=metrics,
            checkpoint=checkpoint,
        )

    def at_end_of(self, slot: int) -> None:
        self.chain.time_s = start_of(SlotNumber(slot + 1)) + 3


def run(world: World, gateway: Gateway, slots: int) -> None:
    """Let `slots` slots pass, with steps inside each."""
    gateway.step()
    for number in range(slots):
        world.at_end_of(FIRST + number)
        gateway.step()
