"""A relay process that is killed while it fills pages, and `p2ptrade relay resume`, by which anybody finishes the slot.

Paths. Given an accepted clearing of two pages, when the relay dies before or after it sent the first: then the command
fills what is left. Given a cleared slot: then it says so and does nothing. Given a slot of which no book was accepted,
or one that never was: then it is wrong input, and one sentence names the slot that waits, if there is one.
"""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from p2ptrade import cli
from p2ptrade.chain.contracts.double_auction import SlotPhase
from p2ptrade.chain.engine import free_port
from p2ptrade.chain.packing import unpack_positions
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.demo.processes import Daemon
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.slot import slot_at, start_of
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.dso.app import make_dso_app
from p2ptrade.store import Database
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.clients import RelayClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.grid import DsoInfo
from p2ptrade.transport.server import bind
from p2ptrade.wallet.strategy import Intention
from p2ptrade.wallet.trader import Trader
from tests.support.small_market import SigningOperator, SmallMarket, small_market

WITHIN_S = 120.0
BEFORE_GATE_S = 1815  # the relay commits half a minute before the gate


@dataclass
class Office:
    """A market with the settings of a relay that clears in pages of two orders."""

    world: SmallMarket
    config: Path
    url: str

    def run(self, *arguments: object) -> int:
        """Run a command of the relay."""
        return cli.run(["relay", *map(str, arguments), "--config", str(self.config)])


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("resume")
    with small_market(folder, homes=4) as world, grid_operator(world) as dso_port:
        port = free_port()
        config = folder / "p2ptrade.toml"
        config.write_text(
            f'[chain]\nurl = "{world.engine.url}"\ndeployment = "deployment"\n'
            f'[relay]\nkey = {{ dev_account = {DEV_ACCOUNTS["relay"]} }}\nstate = "relay"\nport = {port}\n'
            f'dso_url = "http://127.0.0.1:{dso_port}"\ninterval_s = 0.05\npage_orders = 2\n'
        )
        world.give_up("relay")
        yield Office(world, config, f"http://127.0.0.1:{port}")


@contextmanager
def grid_operator(world: SmallMarket) -> Iterator[int]:
    """Serve verdicts of a grid operator that approves everything; give the port."""
    market, key = world.market, world.outbox("dso")._key
    auction = market.auction.address
    info = DsoInfo(chain_id=market.client.chain_id, auction=auction, dso=key.address, topology_hash=bytes(32), zones=2)
    app = make_dso_app(SigningOperator(key, market.auction_domain), info, Health())  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(app, log_config=None))
    with closing(bind("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        yield int(listener.getsockname()[1])
        server.should_exit = True
        thread.join()


def wait_until(reached: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WITHIN_S
    while not reached():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def four_orders(world: SmallMarket) -> dict[AccountId, Intention]:
    def order(side: Side, energy_wh: int, limit: int) -> Intention:
        return Intention(side, (Step(EnergyWh(energy_wh), PriceMicroPerKwh(limit)),))

    orders = (
        order(Side.BID, 1_000, 300_000),
        order(Side.OFFER, 600, 100_000),
        order(Side.BID, 400, 280_000),
        order(Side.OFFER, 700, 120_000),
    )
    return dict(zip((home.account for home in world.homes), orders, strict=True))


def killed_while_filling(office: Office, tmp_path: Path, place: str) -> SlotNumber:
    """Let a relay process clear a slot until it kills itself, and return the slot."""
    world, market = office.world, office.world.market
    slot = SlotNumber(slot_at(market.client.now_s()) + 8)
    world.publish_limits(slot)
    world.warp_to(start_of(slot) - 3000)
    relay = Daemon("relay", ["relay", "run", "-c", str(office.config)], tmp_path / "log", lambda: is_ready(office.url))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("P2PTRADE_CRASH_AT", place)
        relay.start()
    try:
        relay.wait_until_ready()
        trader = Trader(
            RelayClient(office.url),
            WalletTable(Database.open(tmp_path / "wallet.sqlite"), "market"),
            market.auction_domain,
            market.relay_stake.relay().relay,
            {home.account: home.key for home in world.homes},
        )
        trader.seal(slot, four_orders(world))
        world.warp_to(start_of(slot) - BEFORE_GATE_S)
        wait_until(lambda: market.auction.root(slot, first=0) is not None, relay.log_tail())
        world.warp_to(start_of(slot) - 1800)
        assert [refused for _, refused in trader.open(slot)] == [None] * 4
        process = relay.process
        assert process is not None
        wait_until(lambda: process.poll() is not None, relay.log_tail())
        assert process.returncode == -signal.SIGKILL, relay.log_tail()
    finally:
        relay.stop()
    return slot


# The relay sends its commitment, two pages to be judged and two to be filled: it dies at the fourth transaction.
@pytest.mark.parametrize(
    ("place", "left"),
    [("outbox.stored:4", "2 pages were left"), ("outbox.sent:4", "1 page was left")],
    ids=["before it sent the first page", "after it sent the first page"],
)
def test_a_slot_whose_relay_died_between_pages_is_finished_by_the_command(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, left: str
) -> None:
    slot = killed_while_filling(office, tmp_path, place)
    auction = office.world.market.auction
    assert auction.phase(slot) is SlotPhase.FILLING

    other = office.run("resume", slot + 1)
    said_of_other = capsys.readouterr().err
    finished = office.run("resume", slot)
    said = capsys.readouterr().out
    again = office.run("resume", slot)
    said_again = capsys.readouterr().out

    assert (other, finished, again) == (2, 0, 0)
    assert f"no book of slot {slot + 1} was accepted in pages: it is slot {slot} that waits" in said_of_other
    assert said == f"slot {slot} is cleared: {left}\n"
    assert said_again == f"slot {slot} was cleared already\n"
    assert auction.phase(slot) is SlotPhase.CLEARED
    cleared = auction.cleared(slot, first=0)
    assert cleared is not None
    accounts = [home.account for home in office.world.homes]
    traded = {each.account: each.energy_wh for each in unpack_positions(cleared.positions)}
    assert traded == dict(zip(accounts, (1_000, -600, 300, -700), strict=True))


@pytest.mark.parametrize(
    ("slot", "sentence"),
    [
        ("7", "no book of slot 7 was accepted in pages, and no other slot waits"),
        (str(2**64), "Invalid value for 'slot'"),
        ("noon", "Invalid value for 'slot'"),
    ],
)
def test_a_slot_that_was_never_accepted_is_wrong_input(
    office: Office, capsys: pytest.CaptureFixture[str], slot: str, sentence: str
) -> None:
    code = office.run("resume", slot)

    said = capsys.readouterr()
    assert (code, said.out) == (2, "")
    assert sentence in said.err.replace("\n", " ")
    assert "Traceback" not in said.err
