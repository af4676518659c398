"""A world for the grid operator without sockets: a small feeder, a chain of a few fields, orders that cross."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_typing import ChecksumAddress

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.packing import OpenedRecord, pack_book
from p2ptrade.chain.typed_data import OrderMessage, auction_domain
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.grid_decision import LoggedDecision
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.domain.participant import AccountState, AccountStatus, CoverRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.dso.desk import VerdictDesk
from p2ptrade.dso.operator import GridModel
from p2ptrade.dso.ports import Call
from p2ptrade.grid import Forecast, Rules, zones_from_cuts
from p2ptrade.market import clear
from p2ptrade.transport.book_reading import BookContext, read_book
from p2ptrade.transport.schemas.grid import VerdictRequest
from tests.support.networks import four_bus

SLOT = SlotNumber(1_979_000)
WINDOWS = Windows()
AUCTION: ChecksumAddress = "0x5FbDB2315678afecb367f032d93F642f64180aa3"  # type: ignore[assignment]
DOMAIN = auction_domain(1337, AUCTION)
DSO_KEY = SigningKey.from_secret(b"\x05" * 32)
NETWORK = four_bus(rating_a=400.0, limits=(0.95, 1.03))
PLAN = zones_from_cuts(NETWORK, [1])  # connection 1, at node 2, is alone in zone 1
CHARGES = Charges(*(PriceMicroPerKwh(price) for price in (20_000, 10_000, 5_000, 1_000)))
# Trades that fail are the subject of the tests of the grid, not of these.
MODEL = GridModel(NETWORK, PLAN, CHARGES, Rules(delivery_wh=1_000_000))
PARTICIPANTS = {AccountId(16): 0, AccountId(17): 1}
QUIET = Forecast((0, 0, 0), (0, 0, 0))
WIDE = GridData((ROOT, ZoneLimits(ZoneId(0), EnergyWh(100_000), EnergyWh(100_000))), CHARGES)
RULES = CoverRules((AmountMicro(0),), (PriceMicroPerKwh(0),))


def key(account: int) -> SigningKey:
    return SigningKey.from_secret(bytes([account]) * 32)


def record(account: int, side: Side, energy_wh: int, limit: int) -> OpenedRecord:
    """Return a relayed, opened order as a book holds it."""
    steps = (Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)),)
    message = OrderMessage(SLOT, account, side, steps, bytes(16))
    signature = key(account).sign_digest(message.digest(DOMAIN))
    return OpenedRecord(AccountId(account), side, ((energy_wh, limit),), bytes(16), signature)


def trade(energy_wh: int) -> list[bytes]:
    """Return the book in which account 17, at the end of the feeder, sells to account 16, near its head."""
    return pack_book([record(16, Side.BID, energy_wh, 300_000), record(17, Side.OFFER, energy_wh, 100_000)])


@dataclass
class FakeChain:
    time_s: int = WINDOWS.gate(SLOT)
    grid: dict[SlotNumber, GridData] = field(default_factory=lambda: {SLOT: WIDE})
    participants: dict[AccountId, int] = field(default_factory=lambda: dict(PARTICIPANTS))
    topology: bytes = bytes(32)

    def now_s(self) -> int:
        return self.time_s

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        return {
            account: AccountState(
                key(account).address,
                AmountMicro(10**9),
                ZoneId(PLAN.connection_zone[self.participants.get(account, 0)]),
                AccountStatus.ACTIVE,
                0,
                30,
            )
            for account in accounts
        }

    def cover_rules(self) -> CoverRules:
        return RULES

    def connections(self) -> Mapping[AccountId, int]:
        return self.participants

    def published(self, slot: SlotNumber) -> GridData | None:
        return self.grid.get(slot)

    def unpublished(self, slots: Sequence[SlotNumber]) -> list[SlotNumber]:
        return [slot for slot in slots if slot not in self.grid]

    def topology_hash(self) -> bytes:
        return self.topology

    def publish_call(self, grid_data: Mapping[SlotNumber, GridData]) -> Call:
        return Call(AUCTION, b"".join(slot.to_bytes(8, "big") + each.pack() for slot, each in grid_data.items()))

    def topology_call(self, topology_hash: bytes) -> Call:
        return Call(AUCTION, topology_hash)


@dataclass
class FakeForecaster:
    known: Forecast | None = QUIET

    def forecast(self, slot: SlotNumber) -> Forecast | None:
        return self.known


@dataclass
class FakeLog:
    kept: list[LoggedDecision] = field(default_factory=list)

    def keep(self, decision: LoggedDecision) -> None:
        self.kept.append(decision)

    def approved(self, slot: SlotNumber) -> LoggedDecision | None:
        return next((each for each in reversed(self.kept) if each.outcome == "approved"), None)


@dataclass
class FakeOutbox:
    """Mines nothing until it is told to."""

    sent: dict[str, bytes] = field(default_factory=dict)
    pending: int = 0

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes) -> Outgoing:
        if intent not in self.sent:
            self.pending += 1
        self.sent.setdefault(intent, data)
        return Outgoing(intent, 0, 1337, "0x", 0, 0, b"", b"", OutgoingState.PENDING)

    def advance(self) -> list[Outgoing]:
        return []

    def waiting(self) -> int:
        return self.pending


@dataclass
class World:
    chain: FakeChain = field(default_factory=FakeChain)
    forecaster: FakeForecaster = field(default_factory=FakeForecaster)
    log: FakeLog = field(default_factory=FakeLog)

    def desk(self, *, with_key: bool = True, model: GridModel = MODEL) -> VerdictDesk:
        return VerdictDesk(
            chain=self.chain,
            forecaster=self.forecaster,
            model=model,
            log=self.log,
            domain=DOMAIN,
            windows=WINDOWS,
            key=DSO_KEY if with_key else None,
        )

    def request(self, pages: list[bytes], grid: GridData = WIDE, round_number: int = 1) -> VerdictRequest:
        """Return the request that an honest relay makes for a book."""
        accounts = self.chain.accounts([AccountId(16), AccountId(17)])
        read = read_book(pages, BookContext(SLOT, DOMAIN, accounts, RULES, grid))
        return VerdictRequest(
            slot=SLOT,
            round_number=round_number,
            pages=tuple(pages),
            prices_half_micro_per_kwh=clear(read.book).prices,
            grid_data=grid.pack(),
        )
