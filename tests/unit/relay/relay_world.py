"""A world for the relay without sockets: a chain of a few fields, an outbox that remembers, an obedient operator."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from eth_typing import ChecksumAddress

from p2ptrade.chain.clearing_pages import CallPlan, Clearing
from p2ptrade.chain.contracts.auction_pages import AcceptedClearing
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.packing import running_hash, unpack_entries
from p2ptrade.chain.typed_data import OrderMessage, auction_domain
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.domain.participant import AccountState, AccountStatus, CoverRules
from p2ptrade.domain.sealed import Terms
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import (
    AccountId,
    AmountMicro,
    EnergyWh,
    PriceMicroPerKwh,
    SlotNumber,
    ZoneId,
)
from p2ptrade.relay.desk import Desk
from p2ptrade.relay.ports import (
    Arrival,
    Call,
    Challenge,
    Cleared,
    Head,
    Submittable,
    Turn,
)
from p2ptrade.relay.service import Relay
from p2ptrade.store import Database
from p2ptrade.store.relay import RelayTable
from p2ptrade.transport.schemas.grid import ApprovedVerdict, RefusedVerdict, VerdictRequest
from p2ptrade.transport.schemas.market import OpeningMessage, SealMessage, SideWord, StepMessage

SLOT = SlotNumber(1_979_000)
AUCTION: ChecksumAddress = "0x5FbDB2315678afecb367f032d93F642f64180aa3"  # type: ignore[assignment]
DOMAIN = auction_domain(1337, AUCTION)
WINDOWS = Windows()
COMMIT_LEAD_S = 20
RELAY_KEY = SigningKey.from_secret(b"\x07" * 32)
GRID = GridData(
    (ROOT, ZoneLimits(ZoneId(0), EnergyWh(5_000), EnergyWh(5_000))),
    Charges(*(PriceMicroPerKwh(price) for price in (20_000, 10_000, 5_000, 1_000))),
)
BEFORE_GATE = WINDOWS.gate(SLOT) - 600
COMMIT_TIME = WINDOWS.gate(SLOT) - COMMIT_LEAD_S
AFTER_GATE = WINDOWS.gate(SLOT)


@dataclass
class Home:
    """A participant with a key and an order."""

    account: AccountId
    key: SigningKey
    order: OrderMessage

    @property
    def seal(self) -> SealMessage:
        signature = self.key.sign_digest(self.order.digest(DOMAIN))
        return SealMessage(account=self.account, terms_hash=self.order.terms_hash, signature=signature)

    @property
    def opening(self) -> OpeningMessage:
        return OpeningMessage(
            account=self.account,
            side=SideWord[self.order.side.name],
            steps=tuple(
                StepMessage(energy_wh=step.energy_wh, limit_price_micro_per_kwh=step.limit_price_micro_per_kwh)
                for step in self.order.steps
            ),
            salt=self.order.salt,
        )


def home(number: int, side: Side, energy_wh: int, limit: int) -> Home:
    order = OrderMessage(
        SLOT, number, side, (Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)),), number.to_bytes(16, "big")
    )
    return Home(AccountId(number), SigningKey.from_secret(bytes([number]) * 32), order)


@dataclass
class FakeChain:
    """What the relay reads, and calls that say what they are."""

    now_s: int = BEFORE_GATE
    homes: Sequence[Home] = ()
    roots: dict[SlotNumber, bytes] = field(default_factory=dict)
    own: tuple[Arrival, ...] = ()
    opened_there: dict[bytes, Terms] = field(default_factory=dict)
    grid: GridData | None = GRID
    cleared_as: Cleared | None = None
    claims: tuple[Challenge, ...] = ()
    turn_of: Turn | None = None
    cleared_with: list[tuple[bytes, Submittable]] = field(default_factory=list)

    def head(self) -> Head:
        return Head(1, self.now_s)

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        known = {
            home.account: AccountState(
                home.key.address, AmountMicro(10**9), ZoneId(home.account % 2), AccountStatus.ACTIVE, 0, 30
            )
            for home in self.homes
        }
        return {account: known[account] for account in accounts if account in known}

    def cover_rules(self) -> CoverRules:
        return CoverRules((AmountMicro(0),), (PriceMicroPerKwh(0),))

    def root(self, slot: SlotNumber) -> bytes | None:
        return self.roots.get(slot)

    def arrivals(self, slot: SlotNumber) -> tuple[Arrival, ...]:
        return self.own if slot == SLOT else ()

    def opened(self, slot: SlotNumber) -> Mapping[bytes, Terms]:
        return self.opened_there

    def grid_data(self, slot: SlotNumber) -> GridData | None:
        return self.grid

    def cleared(self, slot: SlotNumber) -> Cleared | None:
        return self.cleared_as if slot == SLOT else None

    def commit_call(self, slot: SlotNumber, root: bytes, count: int) -> Call:
        return Call(AUCTION, b"commit" + root)

    def challenges(self, first_block: int) -> tuple[Challenge, ...]:
        return self.claims

    def answer_call(self, challenge: Challenge, signature: bytes, entries: Sequence[bytes]) -> Call:
        return Call(AUCTION, b"answer" + signature + b"".join(entries))

    def turn(self) -> Turn | None:
        return self.turn_of

    def judged_states(self, clearing: Clearing) -> Sequence[bytes]:
        return ()

    def judge_call(self, clearing: Clearing, call: CallPlan, state: bytes) -> Call:
        return Call(AUCTION, b"judge" + call.book)

    def fill_call(self, accepted: AcceptedClearing) -> Call:
        return Call(AUCTION, b"fill" + accepted.outcome.trades)

    def clear_call(
        self, slot: SlotNumber, book: bytes, strangers: bytes, result: Submittable, published: GridData
    ) -> Call:
        self.cleared_with.append((book, result))
        return Call(AUCTION, b"clear" + book + strangers)


@dataclass
class FakeOutbox:
    """Mines at once, and lets the chain see a commitment."""

    chain: FakeChain
    sent: dict[str, bytes] = field(default_factory=dict)

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes) -> Outgoing:
        self.sent.setdefault(intent, data)
        if data.startswith(b"commit"):
            self.chain.roots[SLOT] = data.removeprefix(b"commit")
        found = self.find(intent)
        assert found is not None
        return found

    def find(self, intent: str) -> Outgoing | None:
        if intent not in self.sent:
            return None
        return Outgoing(intent, 0, 1337, "0x", 0, 0, b"", b"", OutgoingState.FINAL, succeeded=True)

    def wait(self, intent: str) -> Outgoing:
        found = self.find(intent)
        assert found is not None
        return found

    def advance(self) -> list[Outgoing]:
        return []


def approve(request: VerdictRequest) -> ApprovedVerdict:
    return ApprovedVerdict(
        slot=request.slot,
        book_hash=running_hash(request.pages),
        prices_hash=bytes(32),
        grid_hash=bytes(32),
        envelope_root=bytes(32),
        signature=bytes(64),
    )


@dataclass
class FakeOperator:
    """Answers each round as told, the last answer again and again."""

    answers: list[Callable[[VerdictRequest], ApprovedVerdict | RefusedVerdict]] = field(
        default_factory=lambda: [approve]
    )
    asked: list[VerdictRequest] = field(default_factory=list)

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict | RefusedVerdict:
        self.asked.append(request)
        answer = self.answers[min(len(self.asked), len(self.answers)) - 1]
        return answer(request)


@dataclass
class World:
    """A relay with all that surrounds it; `restart` is a new process on the same disk."""

    folder: Path
    chain: FakeChain
    operator: FakeOperator = field(default_factory=FakeOperator)

    def __post_init__(self) -> None:
        self.outbox = FakeOutbox(self.chain)
        self.restart()

    def restart(self) -> None:
        store = RelayTable(Database.open(self.folder / "relay.sqlite"), f"1337:{AUCTION}")
        self.desk = Desk(
            chain=self.chain,
            store=store,
            key=RELAY_KEY,
            domain=DOMAIN,
            windows=WINDOWS,
            commit_lead_s=COMMIT_LEAD_S,
        )
        self.relay = Relay(
            chain=self.chain,
            store=store,
            outbox=self.outbox,
            operator=self.operator,
            domain=DOMAIN,
            windows=WINDOWS,
            commit_lead_s=COMMIT_LEAD_S,
        )

    def step_at(self, now_s: int) -> None:
        self.chain.now_s = now_s
        self.relay.step()

    def committed_accounts(self, entries: bytes) -> list[int]:
        return [entry.account for entry in unpack_entries(entries)]
