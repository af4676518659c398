"""Nobody can read an order before the gate: its bytes are searched everywhere that anybody but its owner can look.

200 orders are sealed, most with the relay and some by own transactions. Until the gate none of their energies, limits
and salts may be on the chain, in the pool of transactions, in the relay's database, log, metrics or answers, in any
form; their owner even tries to open too early. After the gate the same search must find them, or it proves nothing.
"""

import gzip
import json
import random
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import numpy as np
import pytest
from eth_hash.auto import keccak

from p2ptrade.chain.engine import free_port
from p2ptrade.chain.keys import SigningKey
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.demo.processes import Daemon
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import AccountId, EnergyWh, PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.store import Database
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.clients import RelayClient
from p2ptrade.wallet.strategy import Intention
from p2ptrade.wallet.trader import Trader
from tests.support.small_market import DAY, SmallMarket, small_market

ORDERS = 200
DIRECT = 20
SLOT = SlotNumber(DAY * 96 + 8)
COMMIT_LEAD_S = 30


@dataclass
class Scene:
    """A market, a relay process, and what its answers said."""

    world: SmallMarket
    folder: Path
    url: str
    trader: Trader
    answers: list[bytes]
    first_block: int


class ListeningTransport(httpx.HTTPTransport):
    """Passes requests on and keeps the answers."""

    def __init__(self, answers: list[bytes]) -> None:
        super().__init__()
        self._answers = answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = super().handle_request(request)
        self._answers.append(response.read())
        return response


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("sealed")
    with small_market(folder, homes=0) as world:
        world.admit([SigningKey.from_secret(keccak(f"sealed {n}".encode())) for n in range(ORDERS)], cash_micro=0)
        port = free_port()
        config = folder / "p2ptrade.toml"
        config.write_text(
            f'[chain]\nurl = "{world.engine.url}"\ndeployment = "deployment"\n'
            f"[relay]\nkey = {{ dev_account = {DEV_ACCOUNTS['relay']} }}\nstate = 'relay-daemon'\nport = {port}\n"
            f"interval_s = 0.05\ncommit_lead_s = {COMMIT_LEAD_S}\n"
        )
        url = f"http://127.0.0.1:{port}"
        relay = Daemon("relay", ["relay", "run", "--config", str(config)], folder / "relay.log", lambda: ready(url))
        relay.start()
        try:
            relay.wait_until_ready()
            answers: list[bytes] = []
            market = world.market
            keys = {home.account: home.key for home in world.homes}
            store = WalletTable(Database.open(folder / "wallet.sqlite"), "market")
            client = RelayClient(url, transport=ListeningTransport(answers))
            trader = Trader(client, store, market.auction_domain, market.relay_stake.relay().relay, keys)
            world.publish_limits(SLOT)
            world.warp_to(start_of(SLOT) - 3000)
            yield Scene(world, folder, url, trader, answers, market.client.head().number)
        finally:
            relay.stop()


def ready(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
    return False


def intentions(accounts: list[AccountId]) -> dict[AccountId, Intention]:
    """Return an order for each account whose numbers fill their four bytes, the same every time."""
    chance = random.Random(20260611)
    wanted: dict[AccountId, Intention] = {}
    for number, account in enumerate(accounts):
        side = Side.BID if number % 2 else Side.OFFER
        step = Step(EnergyWh(chance.randrange(2**28, 2**31)), PriceMicroPerKwh(chance.randrange(2**28, 2**32)))
        wanted[account] = Intention(side, (step,))
    return wanted


def secrets_of(orders: list[OwnOrder]) -> dict[bytes, str]:
    """Return every form of every secret: its bytes both ways round, its digits, its hexadecimal text."""
    forms: dict[bytes, str] = {}
    for order in orders:
        ((energy, limit),) = order.terms.steps
        for what, number in (("energy", energy), ("limit", limit)):
            name = f"{what} of account {order.account}"
            packed = number.to_bytes(4, "big")
            forms |= dict.fromkeys((packed, packed[::-1], str(number).encode(), packed.hex().encode()), name)
        salt = order.terms.salt
        forms |= dict.fromkeys((salt, salt.hex().encode()), f"salt of account {order.account}")
    return forms


def found_in(places: dict[str, bytes], forms: dict[bytes, str]) -> set[tuple[str, str]]:
    """Return in which place which secret was found, by their first 4 or 8 bytes at every position."""
    found: set[tuple[str, str]] = set()
    for width in (4, 8):
        by_start: dict[int, list[bytes]] = {}
        for form in forms:
            if (len(form) < 8) == (width == 4):
                by_start.setdefault(int.from_bytes(form[:width], "big"), []).append(form)
        starts = np.array(list(by_start), dtype=f"u{width}")
        for name, content in places.items():
            for offset in range(width):
                whole = (len(content) - offset) // width * width
                windows = np.frombuffer(content, f">u{width}", whole // width, offset) if whole > 0 else starts[:0]
                for hit in np.flatnonzero(np.isin(windows, starts)).tolist():
                    at = offset + hit * width
                    matching = (form for form in by_start[int(windows[hit])] if content.startswith(form, at))
                    found |= {(name, forms[form]) for form in matching}
    return found


def all_places(scene: Scene, pool: bytes) -> dict[str, bytes]:
    """Return all that others can see, by the name of the place; hexadecimal texts as bytes, too."""
    rpc = scene.world.market.client.rpc
    head = scene.world.market.client.head().number
    # What was mined before anybody had an order cannot hold one; the state dump covers all of it anyway.
    since = scene.first_block
    blocks = rpc.batch([("eth_getBlockByNumber", [hex(number), True]) for number in range(since, head + 1)])
    logs = rpc.call("eth_getLogs", {"fromBlock": hex(since), "toBlock": "latest"})
    state = gzip.decompress(bytes.fromhex(rpc.call("anvil_dumpState").removeprefix("0x")))
    texts = {
        "blocks": json.dumps(blocks).encode(),
        "events": json.dumps(logs).encode(),
        "state": state,
        "pool": pool,
        "answers": b"\n".join(scene.answers),
        "public answers": public_answers(scene.url),
    }
    places = dict(texts)
    for name, text in texts.items():
        runs = re.findall(rb"0x([0-9a-f]{16,})", text)
        places[f"{name}, decoded"] = b"\n".join(bytes.fromhex(run[: len(run) // 2 * 2].decode()) for run in runs)
    for file in sorted((scene.folder / "relay-daemon").iterdir()):
        places[f"relay database {file.name}"] = file.read_bytes()
    places["relay log"] = (scene.folder / "relay.log").read_bytes()
    return places


def public_answers(url: str) -> bytes:
    paths = (
        "/metrics",
        "/healthz",
        "/readyz",
        "/v1/info",
        f"/v1/slots/{SLOT}",
        f"/v1/slots/{SLOT}/book",
        "/openapi.json",
    )
    return b"\n".join(httpx.get(url + path).content for path in paths)


def seal_by_own_transactions(scene: Scene, orders: list[OwnOrder]) -> bytes:
    """Seal orders past the relay, and return what the pool showed before they were mined."""
    market, rpc = scene.world.market, scene.world.market.client.rpc
    rpc.call("evm_setAutomine", False)
    for order in orders:
        outbox = scene.world.outbox_of(scene.trader.keys[order.account])  # type: ignore[arg-type]
        data = market.auction.call_data("seal", order.slot, order.digest)
        outbox.submit(f"seal/{order.account}", market.auction.address, data)
    pool = json.dumps(rpc.call("txpool_content")).encode()
    rpc.call("evm_mine")
    rpc.call("evm_setAutomine", True)
    return pool


def test_no_byte_of_200_sealed_orders_can_be_found_before_the_gate_and_all_after_it(scene: Scene) -> None:
    trader, world = scene.trader, scene.world
    accounts = [home.account for home in world.homes]
    wanted = intentions(accounts)
    direct = [trader.prepare(SLOT, each, wanted[each], direct=True) for each in accounts[:DIRECT]]

    answers = trader.seal(SLOT, {each: wanted[each] for each in accounts[DIRECT:]})
    pool = seal_by_own_transactions(scene, direct)
    with pytest.raises(RefusedError, match="keep it sealed"):
        trader.open(SLOT)
    world.warp_to(start_of(SLOT) - 1800 - COMMIT_LEAD_S)
    wait_for_commitment(scene)
    world.warp_to(start_of(SLOT) - 1801)
    orders = [*direct, *(answer.order for answer in answers)]
    forms = secrets_of(orders)
    before = found_in(all_places(scene, pool), forms)

    world.warp_to(start_of(SLOT) - 1800)
    opened = trader.open(SLOT)
    after = found_in(all_places(scene, pool), forms)

    assert len(orders) == ORDERS
    assert all(answer.refused is None for answer in answers)
    assert b"pending" in pool
    assert pool.count(b'"nonce"') == DIRECT
    assert before == set()
    assert [refused for _, refused in opened] == [None] * (ORDERS - DIRECT)
    for what in ("energy", "limit", "salt"):
        shown = {f"{what} of account {order.account}" for order, _ in opened}
        assert shown <= {secret for place, secret in after if place.startswith("relay database")}
        assert shown <= {secret for place, secret in after if place == "public answers, decoded"}
    assert not {place for place, _ in after if place in ("relay log", "pool")}


def wait_for_commitment(scene: Scene) -> None:
    market = scene.world.market
    for _ in range(400):
        if market.auction.root(SLOT, first=market.first_block) is not None:
            return
        httpx.get(f"{scene.url}/healthz")
    raise AssertionError("the relay did not commit")
