"""A whole market on a fresh embedded chain: deployed, staffed with development keys, with a few homes and money.

with small_market(tmp_path, homes=4) as world:
    world.publish_limits(slot)
    world.warp_to(start_of(slot) - 3000)
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.participant_registry import Admission
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.deployment import deploy
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineOptions, Mining, RunningEngine, free_port, start
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.packing import running_hash
from p2ptrade.chain.typed_data import Domain, VerdictMessage, prices_hash, sign
from p2ptrade.config import DEV_ACCOUNTS, DeploySettings, HolderSettings, deployment_plan, dev_key
from p2ptrade.domain.grid_data import ROOT, Charges, GridData, ZoneLimits
from p2ptrade.domain.units import AccountId, AmountMicro, EnergyWh, PriceMicroPerKwh, SlotNumber, ZoneId
from p2ptrade.grid.tariffs import load_tariff
from p2ptrade.office import service as office
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
from p2ptrade.transport.schemas.grid import ApprovedVerdict, VerdictRequest

CREDIT = 1_000_000
NOON_BEFORE_S = 1_781_092_800  # 2026-06-10 12:00 UTC; the tariff begins the day after
DAY = 1_781_136_000 // 86_400
GATEWAY = SigningKey.from_secret(keccak(b"gateway"))
GRID = GridData(
    (ROOT, ZoneLimits(ZoneId(0), EnergyWh(50_000), EnergyWh(50_000))),
    Charges(*(PriceMicroPerKwh(price) for price in (20_000, 10_000, 5_000, 1_000))),
)


@dataclass(frozen=True)
class SmallHome:
    """A participant with its key."""

    key: SigningKey
    account: AccountId


@dataclass
class SmallMarket:
    """The market with the keys of all who work for it."""

    engine: RunningEngine
    market: Market
    folder: Path
    homes: list[SmallHome] = field(default_factory=list)
    _outboxes: dict[str, Outbox] = field(default_factory=dict)

    def outbox(self, who: str) -> Outbox:
        """Return the outbox of a holder of a role."""
        if who not in self._outboxes:
            table = OutboxTable(Database.open(self.folder / f"{who}.sqlite"))
            self._outboxes[who] = Outbox(self.market.client, table, dev_key(DEV_ACCOUNTS[who]))
        return self._outboxes[who]

    def outbox_of(self, key: SigningKey) -> Outbox:
        """Return the outbox of any key."""
        name = f"key-{key.address[2:10]}"
        if name not in self._outboxes:
            table = OutboxTable(Database.open(self.folder / f"{name}.sqlite"))
            self._outboxes[name] = Outbox(self.market.client, table, key)
        return self._outboxes[name]

    def give_up(self, who: str) -> None:
        """Close the outbox of a holder of a role, so that another process or command may send with its key."""
        self._outboxes.pop(who).close()

    def warp_to(self, instant_s: int) -> None:
        """Mine a block at an instant."""
        DevChain(self.market.client).mine(at_s=instant_s)

    def publish_limits(self, *slots: SlotNumber, grid: GridData = GRID) -> None:
        """Let the grid operator publish limits and charges for slots."""
        data = self.market.grid_limits.publish_many_data(dict.fromkeys(slots, grid))
        intent = f"limits/{slots[0]}-{slots[-1]}"
        self.outbox("dso").submit(intent, self.market.grid_limits.address, data)
        self.outbox("dso").wait(intent)

    def admit(self, keys: Sequence[SigningKey], cash_micro: int) -> None:
        """Admit homes, alternating between the zones, each with cash in the ledger, or with none if it is 0."""
        admissions = [
            Admission(key.address, ZoneId(number % len(GRID.zones)), 30, keccak(key.address.encode()), GATEWAY.address)
            for number, key in enumerate(keys)
        ]
        accounts = office.admit(self.market, self.outbox("registrar"), admissions)
        self.homes += [SmallHome(key, accounts[key.address]) for key in keys]
        if not cash_micro:
            return
        deposits = [office.Deposit(key.address, AmountMicro(cash_micro), f"deposit {key.address}") for key in keys]
        office.record_deposits(self.market, self.outbox("treasurer"), deposits)
        for key in keys:
            outbox = self.outbox_of(key)
            account = accounts[key.address]
            for intent in office.pay_in(self.market, outbox, account, AmountMicro(cash_micro), "first"):
                outbox.wait(intent)

    def stake(self) -> None:
        """Let the relay stake what it must."""
        relay, market = self.outbox("relay"), self.market
        amount = market.relay_stake.required_micro()
        deposit = office.Deposit(relay.sender, amount, "stake")
        office.record_deposits(market, self.outbox("treasurer"), [deposit])
        for intent in office.pay_in(market, relay, market.relay_stake.relay().account, amount, "stake"):
            relay.wait(intent)
        office.stake(market, relay, amount, "first")

    def close(self) -> None:
        """Stop the chain."""
        for outbox in self._outboxes.values():
            outbox.close()
        self.engine.stop()


@dataclass
class SigningOperator:
    """A grid operator that approves whatever it is shown, with its real key."""

    key: SigningKey
    domain: Domain

    def verdict(self, request: VerdictRequest) -> ApprovedVerdict:
        message = VerdictMessage(
            request.slot,
            running_hash(request.pages),
            prices_hash(request.prices_half_micro_per_kwh),
            keccak(request.grid_data),
            bytes(32),
        )
        return ApprovedVerdict(
            slot=request.slot,
            book_hash=message.book_hash,
            prices_hash=message.prices_hash,
            grid_hash=message.grid_hash,
            envelope_root=message.envelope_root,
            signature=sign(message, self.domain, self.key),
        )


@contextmanager
def small_market(
    folder: Path, *, homes: int = 4, cash_micro: int = 50 * CREDIT, **parameters: Any
) -> Iterator[SmallMarket]:
    """Give a market in which everything is ready for the first slot of a day; `parameters` as `deploy` has them."""
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT, start_time_s=NOON_BEFORE_S))
    world = None
    try:
        client = ChainClient.connect(engine.url)
        settings = DeploySettings(holders=HolderSettings(dev=True), **parameters)
        deployment, _ = deploy(client, dev_key(0), deployment_plan(settings, client.now_s()), folder / "deployment")
        world = SmallMarket(engine, Market(client, deployment), folder)
        world.stake()
        world.admit([SigningKey.from_secret(keccak(f"home {number}".encode())) for number in range(homes)], cash_micro)
        office.publish_tariff(world.market, world.outbox("retailer"), load_tariff(), [DAY])
        yield world
    finally:
        if world is not None:
            world.close()
        else:
            engine.stop()
