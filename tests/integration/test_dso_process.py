"""The grid operator's daemon against the real contracts: checked, run with a key, run dry."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from p2ptrade import cli
from p2ptrade.chain.engine import free_port
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.demo.processes import Daemon
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.grid import load_network, load_tariff, topology_hash
from p2ptrade.transport.clients import DsoClient
from tests.support.small_market import SmallMarket, small_market

NETWORK = "simbench-lv-rural3"
PUBLISHED_WITHIN_S = 120.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    with small_market(tmp_path_factory.mktemp("market"), homes=2) as made:
        yield made


def config(world: SmallMarket, folder: Path, key: str, port: int = 0) -> Path:
    path = folder / "p2ptrade.toml"
    path.write_text(
        f'[chain]\nurl = "{world.engine.url}"\ndeployment = "{world.folder}/deployment"\n'
        f'[dso]\nport = {port}\nstate = "dso"\nnetwork = "{NETWORK}"\nahead_slots = 3\ninterval_s = 0.05\n{key}\n'
    )
    return path


def test_check_says_what_would_keep_the_daemon_from_working(
    world: SmallMarket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    right = config(world, tmp_path, f"key.dev_account = {DEV_ACCOUNTS['dso']}")
    assert cli.run(["dso", "check", "-c", str(right)]) == 0
    assert "WRONG" not in capsys.readouterr().out

    wrong = config(world, tmp_path, f"key.dev_account = {DEV_ACCOUNTS['relay']}")
    assert cli.run(["dso", "check", "-c", str(wrong), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["wrong"] for each in found["checks"] if not each["ok"]] == [
        "the auction names another key",
        "it does not have the role DSO",
    ]


def test_unknown_network_and_week_are_one_sentence_each(
    world: SmallMarket, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = config(world, tmp_path, 'week = "autumn"')
    assert cli.run(["dso", "check", "-c", str(path)]) == 1
    assert "autumn" in capsys.readouterr().out

    path.write_text(path.read_text().replace(NETWORK, "nowhere"))
    assert cli.run(["dso", "run", "-c", str(path)]) == 2
    assert "nowhere" in capsys.readouterr().err


def test_daemon_names_its_network_and_publishes_limits_ahead_through_the_chain(
    world: SmallMarket, tmp_path: Path
) -> None:
    port, market, network = free_port(), world.market, load_network(NETWORK)
    path = config(world, tmp_path, f"key.dev_account = {DEV_ACCOUNTS['dso']}", port)
    first = SlotNumber(slot_at(market.client.now_s() + 3600) + 2)
    daemon = Daemon("dso", ("dso", "run", "-c", str(path)), tmp_path / "dso.log", lambda: is_ready(port))
    daemon.start()
    try:
        daemon.wait_until_ready()
        until = time.monotonic() + PUBLISHED_WITHIN_S
        while (published := market.grid_limits.published(first, first=0)) is None:
            assert time.monotonic() < until, daemon.log_tail()
            time.sleep(0.1)
        with DsoClient(f"http://127.0.0.1:{port}") as client:
            info = client.info()
    finally:
        daemon.stop()

    assert market.grid_limits.topology_hash() == topology_hash(network) == info.topology_hash
    assert (info.auction, info.dso) == (market.auction.address, market.auction.dso())
    assert len(published.zones) == info.zones > 1
    assert published.charges == load_tariff().charges


def is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=5).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
