"""The relay against the real contracts: both ways of sealing, openings from anywhere, a crash between any two steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from p2ptrade.audit.books import audit_books
from p2ptrade.chain.contracts.double_auction import ClearedSlot, SlotPhase, Submission
from p2ptrade.chain.packing import unpack_positions, unpack_voids
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.order import Side, Step, VoidReason
from p2ptrade.domain.slot import slot_at, start_of
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.market import clear
from p2ptrade.relay.app import make_relay_app
from p2ptrade.relay.chain_view import AuctionView
from p2ptrade.relay.desk import Desk
from p2ptrade.relay.resume import fill_rest
from p2ptrade.relay.service import Relay
from p2ptrade.store import Database
from p2ptrade.store.relay import RelayTable
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.book_reading import BookContext, read_book
from p2ptrade.transport.clients import RelayClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.grid import ApprovedVerdict, VerdictRequest
from p2ptrade.transport.schemas.market import RelayInfo
from p2ptrade.wallet.direct import DirectChannel
from p2ptrade.wallet.strategy import Intention
from p2ptrade.wallet.trader import Trader
from tests.support.small_market import DAY, SigningOperator, SmallMarket, small_market

COMMIT_LEAD_S = 30
FIRST = SlotNumber(DAY * 96 + 8)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=4) as made:
        yield made


@dataclass
class Day:
    """A relay, a wallet for all homes, and one slot of its own."""

    world: SmallMarket
    folder: Path
    slot: SlotNumber
    chunk_seals: int = 1000

    def __post_init__(self) -> None:
        self.start_relay()
        market = self.world.market
        self.keys = {home.account: home.key for home in self.world.homes}
        self.store = WalletTable(Database.open(self.folder / "wallet.sqlite"), "market")
        self.trader = Trader(
            self.client, self.store, market.auction_domain, market.relay_stake.relay().relay, self.keys
        )
        self.direct = DirectChannel(market.auction, self.store, self.keys, self.world.outbox_of)

    def start_relay(self) -> None:
        """Start a relay, as a new process would, on what the old one left."""
        market = self.world.market
        outbox = self.world.outbox("relay")
        self.view = AuctionView(
            market.client, market.auction, market.ledger, market.grid_limits, market.relay_stake, market.first_block
        )
        store = RelayTable(Database.open(self.folder / "relay.sqlite"), "market")
        domain, windows = market.auction_domain, market.auction.windows()
        desk = Desk(
            chain=self.view,
            store=store,
            key=outbox._key,
            domain=domain,
            windows=windows,
            commit_lead_s=COMMIT_LEAD_S,
            chunk_seals=self.chunk_seals,
        )
        operator = SigningOperator(self.world.outbox("dso")._key, market.auction_domain)
        self.relay = Relay(
            self.view, store, outbox, operator, domain, windows, COMMIT_LEAD_S, chunk_seals=self.chunk_seals
        )
        info = RelayInfo(chain_id=market.client.chain_id, auction=market.auction.address, relay=outbox.sender)
        app = make_relay_app(desk, self.relay, info, Health())
        self.client = RelayClient("http://relay.test", transport=TestClient(app)._transport)

    def at(self, lead_s: int) -> None:
        """Let the relay work at so many seconds before delivery."""
        self.world.warp_to(start_of(self.slot) - lead_s)
        self.relay.step()
        if self.relay.outbox.find(f"commit/{self.slot}") is not None:
            self.world.outbox("relay").wait(f"commit/{self.slot}")
        self.relay.step()

    def cleared_or_none(self) -> ClearedSlot | None:
        if self.relay.outbox.find(f"clear/{self.slot}") is not None:
            self.world.outbox("relay").wait(f"clear/{self.slot}")
        return self.world.market.auction.cleared(self.slot, first=0)

    def cleared(self) -> ClearedSlot:
        found = self.cleared_or_none()
        assert found is not None
        return found


@pytest.fixture
def day(world: SmallMarket, tmp_path: Path) -> Day:
    # Each test has a slot of its own, later than those of the tests before it.
    now_slot = slot_at(world.market.client.now_s())
    slot = SlotNumber(max(FIRST, now_slot + 8))
    world.publish_limits(slot)
    return Day(world, tmp_path, slot)


def bid(energy_wh: int, limit: int) -> Intention:
    return Intention(Side.BID, (Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)),))


def offer(energy_wh: int, limit: int) -> Intention:
    return Intention(Side.OFFER, (Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)),))


def work_until(day: Day, phase: SlotPhase, *, killed: bool = False) -> None:
    """Let the relay work until the slot is in a phase; killed, it is a new process at every step."""
    for _ in range(40):
        if day.world.market.auction.phase(day.slot) is phase:
            return
        if killed:
            day.start_relay()
        day.relay.step()
        wait_for_all(day)
    raise AssertionError(f"after 40 steps the slot is not in phase {phase.name}: {day.relay.stands(day.slot).stands}")


def wait_for_all(day: Day) -> None:
    outbox = day.world.outbox("relay")
    for _ in range(500):
        outbox.advance()
        if not outbox.waiting():
            return


def all_four(day: Day) -> dict[AccountId, Intention]:
    first, second, third, fourth = (home.account for home in day.world.homes)
    return {
        first: bid(1_000, 300_000),
        second: offer(600, 100_000),
        third: bid(400, 280_000),
        fourth: offer(700, 120_000),
    }


def positions(day: Day) -> dict[AccountId, int]:
    return {each.account: each.energy_wh for each in unpack_positions(day.cleared().positions)}


def test_relayed_orders_trade_and_survive_a_relay_killed_at_every_step(day: Day) -> None:
    buyer, seller, other, _ = (home.account for home in day.world.homes)
    day.world.warp_to(start_of(day.slot) - 3000)

    day.trader.seal(day.slot, {buyer: bid(1_000, 300_000), seller: offer(1_500, 100_000), other: bid(700, 60_000)})
    day.start_relay()
    day.trader.relay = day.client
    day.at(1800 + COMMIT_LEAD_S)
    day.start_relay()
    day.trader.relay = day.client
    day.world.warp_to(start_of(day.slot) - 1800)
    assert [refused for _, refused in day.trader.open(day.slot)] == [None] * 3
    day.start_relay()
    day.at(1790)

    # 264,000 is what the bid is worth without the charge of 36,000; the offer's rest is at the margin.
    assert positions(day) == {buyer: 1_000, seller: -1_000}
    assert day.cleared().prices == (2 * 100_000, 2 * 100_000)
    sent = day.relay.outbox.find(f"clear/{day.slot}")
    assert sent is not None
    assert sent.attempt == 0
    assert unpack_voids(day.cleared().voids) == []


def test_an_own_seal_replaces_the_relayed_one_and_needs_no_relay_to_be_opened(day: Day) -> None:
    buyer, seller, own_path, _ = (home.account for home in day.world.homes)
    day.world.warp_to(start_of(day.slot) - 3000)
    day.trader.seal(day.slot, {buyer: bid(700, 300_000), seller: offer(400, 100_000)})
    changed = day.trader.prepare(day.slot, seller, offer(900, 90_000), counter=1, direct=True)
    alone = day.trader.prepare(day.slot, own_path, bid(200, 200_000), direct=True)
    day.trader.keep([changed, alone])
    changed, alone = day.direct.seal(changed), day.direct.seal(alone)

    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(day.slot) - 1800)
    day.direct.open(changed)
    assert [refused for _, refused in day.trader.open(day.slot)] == [None, None]
    day.at(1780)
    day.relay.step()

    assert positions(day)[seller] == -900
    assert (positions(day)[buyer], positions(day)[own_path]) == (700, 200)
    assert unpack_voids(day.cleared().voids) == [(seller, VoidReason.SUPERSEDED)]


def test_an_order_that_nobody_opens_is_left_out_once_owners_had_their_time(day: Day) -> None:
    buyer, seller, silent, _ = (home.account for home in day.world.homes)
    day.world.warp_to(start_of(day.slot) - 3000)
    day.trader.seal(day.slot, {buyer: bid(500, 300_000), seller: offer(500, 100_000), silent: bid(500, 310_000)})
    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(day.slot) - 1800)
    day.trader.keys = {account: key for account, key in day.keys.items() if account != silent}
    waiting = [order for order in day.trader.live(day.slot) if order.account == silent]
    day.store.update([replace(order, opened=True) for order in waiting])
    day.trader.open(day.slot)

    day.at(1700)
    early = day.cleared_or_none()
    day.at(1199)

    assert early is None
    assert positions(day) == {buyer: 500, seller: -500}
    assert unpack_voids(day.cleared().voids) == [(silent, VoidReason.UNOPENED)]


def test_a_false_claim_against_the_relay_is_answered_and_costs_its_bond(day: Day) -> None:
    buyer = day.world.homes[0]
    market = day.world.market
    day.world.warp_to(start_of(day.slot) - 3000)
    (answer,) = day.trader.seal(day.slot, {buyer.account: bid(1_000, 300_000)})
    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(day.slot) - 1800)
    order, outbox = answer.order, day.world.outbox_of(buyer.key)
    claim = (market.auction.address, day.slot, order.account, order.digest, order.received_at_s, order.receipt)
    cash, stake = market.ledger.cash(buyer.account), market.relay_stake.relay().stake_micro

    outbox.submit("claim", market.relay_stake.address, market.relay_stake.call_data("challenge", *claim))
    outbox.wait("claim")
    day.relay.step()
    day.world.outbox("relay").wait(f"answer/{day.slot}/{order.account}")

    answered = market.relay_stake.events("ChallengeAnswered", first=0)
    assert [each.values["digest"] for each in answered] == [order.digest]
    assert market.ledger.cash(buyer.account) == cash - market.relay_stake.read("challengeBondMicro")
    assert market.relay_stake.relay().stake_micro == stake


def test_anybody_can_clear_a_slot_from_public_data_and_the_relay_takes_note(day: Day) -> None:
    buyer, seller, _, stranger = day.world.homes
    market, slot = day.world.market, day.slot
    day.world.warp_to(start_of(slot) - 3000)
    day.trader.seal(slot, {buyer.account: bid(600, 300_000), seller.account: offer(800, 100_000)})
    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(slot) - 1800)
    day.trader.open(slot)

    book = day.client.book(slot)
    grid = GridData.unpack(book.grid_data)
    accounts, rules = market.ledger.participants(), market.auction.cover_rules()
    context = BookContext(slot, market.auction_domain, accounts, rules, grid)
    prices = clear(read_book(book.pages, context).book).prices
    request = VerdictRequest(
        slot=slot, round_number=1, pages=book.pages, prices_half_micro_per_kwh=prices, grid_data=book.grid_data
    )
    verdict = day.relay.operator.verdict(request)
    assert isinstance(verdict, ApprovedVerdict)
    submission = Submission(slot, book.pages[0], prices, book.grid_data, b"", bytes(32), verdict.signature)
    outbox = day.world.outbox_of(stranger.key)
    outbox.submit("solve", market.auction.address, market.auction.clear_data(submission))
    outbox.wait("solve")
    day.relay.step()

    assert positions(day) == {buyer.account: 600, seller.account: -600}
    assert day.relay.outbox.find(f"clear/{slot}") is None
    assert day.client.slot(slot).stands == "cleared"


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "killed at every step"])
def test_a_long_book_is_cleared_in_pages(day: Day, killed: bool) -> None:
    day.chunk_seals = 1
    day.start_relay()
    day.trader.relay = day.client
    day.world.warp_to(start_of(day.slot) - 3000)
    day.trader.seal(day.slot, all_four(day))
    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(day.slot) - 1800)
    day.trader.open(day.slot)

    work_until(day, SlotPhase.CLEARED, killed=killed)

    auction = day.world.market.auction
    first, second, third, fourth = (home.account for home in day.world.homes)
    assert positions(day) == {first: 1_000, second: -600, third: 300, fourth: -700}
    assert len(auction.events("PageJudged", first=0, where={"slot": day.slot})) == 4
    assert len(auction.events("PageFilled", first=0, where={"slot": day.slot})) == 3
    books = audit_books(day.world.market)
    assert books.closed, (books.money, books.energy)
    assert len({clearing.slot: clearing for clearing in books.clearings}[day.slot].pages) == 4


def test_anybody_fills_what_a_dead_relay_left_and_nobody_fills_it_twice(day: Day) -> None:
    day.chunk_seals = 2
    day.start_relay()
    day.trader.relay = day.client
    day.world.warp_to(start_of(day.slot) - 3000)
    day.trader.seal(day.slot, all_four(day))
    day.at(1800 + COMMIT_LEAD_S)
    day.world.warp_to(start_of(day.slot) - 1800)
    day.trader.open(day.slot)
    work_until(day, SlotPhase.FILLING)
    view, somebody = day.view, day.world.outbox_of(day.world.homes[0].key)
    day.world.warp_to(start_of(day.slot))

    assert fill_rest(day.slot, view, somebody) == 2

    assert day.world.market.auction.phase(day.slot) is SlotPhase.CLEARED
    assert sum(positions(day).values()) == 0
    assert fill_rest(day.slot, view, somebody) == 0
    assert view.turn() is None
