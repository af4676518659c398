"""An envelope from the grid operator's verdict to the bill: who keeps to it pays nothing for it, who breaks it pays.

Real parts on an embedded chain: relay, the grid operator's counter, the ways of gateway and oracles to its envelopes,
four oracles, the contracts. By hand: the meters' readings and every amount.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from p2ptrade.audit.books import audit_books
from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.config import DEV_ACCOUNTS, dev_key
from p2ptrade.domain.envelopes import Envelope
from p2ptrade.domain.merkle import verify_proof
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.dso.app import make_dso_app
from p2ptrade.dso.chain_view import MarketView
from p2ptrade.dso.desk import VerdictDesk
from p2ptrade.dso.operator import GridModel
from p2ptrade.gateway.peers import RemoteDso
from p2ptrade.grid import Forecast, topology_hash, zones_from_cuts
from p2ptrade.oracle.peers import RemoteEnvelopes
from p2ptrade.relay.app import make_relay_app
from p2ptrade.relay.chain_view import AuctionView
from p2ptrade.relay.desk import Desk
from p2ptrade.relay.service import Relay
from p2ptrade.store import Database
from p2ptrade.store.dso import DsoTable
from p2ptrade.store.relay import RelayTable
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.clients import DsoClient, RelayClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.grid import DsoInfo
from p2ptrade.transport.schemas.market import RelayInfo
from p2ptrade.wallet.strategy import Intention
from p2ptrade.wallet.trader import Trader
from tests.support.networks import four_bus
from tests.support.oracles import TAKEOVER_S, Group, meters_of, send
from tests.support.small_market import DAY, GRID, SmallMarket, small_market

COMMIT_LEAD_S = 30
FORECAST_WH = 6_500  # 26 kW at the end of 0.06 pu of line: more than 1 % above the source
TRADED_WH = 1_000
BID, OFFER = 300_000, 100_000
PRICE = 182_000  # halfway between the offer and the bid less the charges of 36,000
BREACH_PRICE, DEVIATION_PRICE = 200_000, 1_000
NETWORK = four_bus(rating_a=400.0, limits=(0.95, 1.01))
PLAN = zones_from_cuts(NETWORK, [1])


class Expected:
    """The home at the end of the feeder is expected to feed in more than the feeder bears."""

    def forecast(self, slot: SlotNumber) -> Forecast:
        return Forecast((0, FORECAST_WH, 0), (0, 0, 0))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=2) as made:
        yield made


@dataclass
class Street:
    """Relay, grid operator, wallet and oracles over a market of a buyer and a seller."""

    world: SmallMarket
    folder: Path

    def __post_init__(self) -> None:
        self.buyer, self.seller = (home.account for home in self.world.homes)
        self.operator = self._operator()
        self.relay, client = self._relay()
        market = self.world.market
        self.trader = Trader(
            client,
            WalletTable(Database.open(self.folder / "wallet.sqlite"), "market"),
            market.auction_domain,
            market.relay_stake.relay().relay,
            {home.account: home.key for home in self.world.homes},
        )
        self.group = Group(self.world, self.folder, RemoteEnvelopes(self.operator))
        self.meters = meters_of(self.world)

    def clear(self, slot: SlotNumber) -> None:
        """Let the seller sell to the buyer in a slot."""
        self.world.publish_limits(slot)
        self.world.warp_to(start_of(slot) - 3000)
        orders = {self.buyer: order(Side.BID, BID), self.seller: order(Side.OFFER, OFFER)}
        self.trader.seal(slot, orders)
        self._relay_at(slot, 1800 + COMMIT_LEAD_S, "commit")
        self.world.warp_to(start_of(slot) - 1800)
        self.trader.open(slot)
        self._relay_at(slot, 1790, "clear")

    def settle(self, slot: SlotNumber, fed_in_wh: int) -> None:
        """Let the buyer draw what it bought and the seller feed in so much, and the oracles settle it."""
        for each, net_wh in ((SlotNumber(slot - 1), {}), (slot, {self.buyer: TRADED_WH, self.seller: -fed_in_wh})):
            self.world.warp_to(end_of(each))
            readings = [meter.read(each, net_wh.get(account, 0)) for account, meter in self.meters.items()]
            for member in self.group.members:
                send(member, readings)
        for member in self.group.members:
            member.view._first_priced = slot
        for _ in range(4):
            self.group.step()
            self.world.warp_to(self.world.market.client.now_s() + int(4 * TAKEOVER_S))
        assert self.world.market.settlement.state(slot) is SettlementState.SETTLED

    def cash(self) -> int:
        return self.world.market.ledger.cash(self.seller)

    def _operator(self) -> DsoClient:
        market, key = self.world.market, dev_key(DEV_ACCOUNTS["dso"])
        desk = VerdictDesk(
            chain=MarketView(market, tuple(each.id for each in NETWORK.connections)),
            forecaster=Expected(),
            model=GridModel(NETWORK, PLAN, GRID.charges),
            log=DsoTable(Database.open(self.folder / "dso.sqlite"), "market"),
            domain=market.auction_domain,
            windows=market.auction.windows(),
            key=key,
        )
        info = DsoInfo(
            chain_id=market.client.chain_id,
            auction=market.auction.address,
            dso=key.address,
            topology_hash=topology_hash(NETWORK),
            zones=PLAN.zones,
        )
        return DsoClient("http://dso.test", transport=TestClient(make_dso_app(desk, info, Health()))._transport)

    def _relay(self) -> tuple[Relay, RelayClient]:
        market, outbox = self.world.market, self.world.outbox("relay")
        view = AuctionView(
            market.client, market.auction, market.ledger, market.grid_limits, market.relay_stake, market.first_block
        )
        store = RelayTable(Database.open(self.folder / "relay.sqlite"), "market")
        domain, windows = market.auction_domain, market.auction.windows()
        relay = Relay(view, store, outbox, self.operator, domain, windows, COMMIT_LEAD_S)
        info = RelayInfo(chain_id=market.client.chain_id, auction=market.auction.address, relay=outbox.sender)
        desk = Desk(
            chain=view, store=store, key=outbox._key, domain=domain, windows=windows, commit_lead_s=COMMIT_LEAD_S
        )
        app = make_relay_app(desk, relay, info, Health())
        return relay, RelayClient("http://relay.test", transport=TestClient(app)._transport)

    def _relay_at(self, slot: SlotNumber, lead_s: int, what: str) -> None:
        self.world.warp_to(start_of(slot) - lead_s)
        self.relay.step()
        self.world.outbox("relay").wait(f"{what}/{slot}")
        self.relay.step()


def order(side: Side, limit: int) -> Intention:
    return Intention(side, (Step(EnergyWh(TRADED_WH), PriceMicroPerKwh(limit)),))


def test_who_ignores_its_envelope_pays_for_what_it_fed_in_beyond_and_who_keeps_it_does_not(
    world: SmallMarket, tmp_path: Path
) -> None:
    street, market = Street(world, tmp_path), world.market
    kept, broken = SlotNumber(DAY * 96 + 8), SlotNumber(DAY * 96 + 16)

    # What the gateway is told is what the chain holds the root of, and less than what was expected.
    before = street.cash()
    street.clear(kept)
    (bounds,) = [each for each in RemoteDso(street.operator).envelopes(kept) if each.account == street.seller]
    cleared = market.auction.cleared(kept, first=0)
    assert cleared is not None
    leaf = Envelope(bounds.account, bounds.import_wh, bounds.export_wh).leaf(kept)
    assert verify_proof(leaf, bounds.proof, cleared.envelope_root)
    assert TRADED_WH < bounds.export_wh < FORECAST_WH

    street.settle(kept, bounds.export_wh)
    feed_in = market.tariffs.prices([kept])[0].feed_in
    surplus_wh = bounds.export_wh - TRADED_WH
    assert street.cash() - before == PRICE + surplus_wh * feed_in // 1000 - deviation_micro(surplus_wh)

    before, retailer = street.cash(), market.ledger.cash(AccountId(5))
    street.clear(broken)
    (again,) = [each for each in RemoteDso(street.operator).envelopes(broken) if each.account == street.seller]
    assert again.export_wh == bounds.export_wh
    street.settle(broken, FORECAST_WH)

    beyond_wh, surplus_wh = FORECAST_WH - again.export_wh, FORECAST_WH - TRADED_WH
    feed_in = market.tariffs.prices([broken])[0].feed_in
    fee = -(-beyond_wh * BREACH_PRICE // 1000)
    paid = PRICE + surplus_wh * feed_in // 1000 - deviation_micro(surplus_wh) - fee
    assert beyond_wh > 1_000
    assert street.cash() - before == paid
    assert market.ledger.cash(AccountId(5)) - retailer == PRICE - paid
    books = audit_books(market)
    breaches = {
        (settled.slot, each.account): int(each.breach_wh)
        for settled in books.settlements
        for each in settled.accounts
        if each.breach_wh
    }
    assert breaches == {(broken, street.seller): beyond_wh}
    assert (books.money_difference_micro, books.energy_difference_wh) == (0, 0)
    street.group.close()


def deviation_micro(surplus_wh: int) -> int:
    """Return the penalty for what goes beyond the tolerance: a tenth of the position, which is more than 50 Wh."""
    return -(-(surplus_wh - TRADED_WH // 10) * DEVIATION_PRICE // 1000)
