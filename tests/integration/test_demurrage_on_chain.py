"""A market with demurrage, its office as a process: idle cash shrinks once a day, and supply and books still close."""

import json
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any

import httpx
import pytest

from p2ptrade import cli
from p2ptrade.chain.engine import free_port
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.demo.processes import Daemon
from p2ptrade.domain.units import AccountId
from p2ptrade.wallet.statement import movements
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

CASH, FREE, PPM_PER_DAY = 50 * CREDIT, 10 * CREDIT, 12_345
REWARDS = AccountId(8)
PATIENCE_S = 60.0
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallMarket]:
    folder = tmp_path_factory.mktemp("demurrage")
    registration = {"rate_micro": CREDIT, "cap_micro_per_day": 100 * CREDIT}
    rule = {
        "demurrage_ppm_per_day": PPM_PER_DAY,
        "demurrage_free_micro": FREE,
        "issuing": {"registration": registration},
    }
    with small_market(folder, homes=2, cash_micro=CASH, **rule) as made:
        (folder / "p2ptrade.toml").write_text(
            f"""
[chain]
url = "{made.engine.url}"
deployment = "deployment"
[office]
state = "office"
interval_s = 0.1
port = {free_port()}
issuer = {{ dev_account = {DEV_ACCOUNTS["issuer"]} }}
"""
        )
        yield made


@pytest.fixture
def run(world: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*arguments: str, code: int = 0) -> tuple[str, str]:
        found = cli.run([*arguments, "--config", str(world.folder / "p2ptrade.toml")])
        said = capsys.readouterr()
        assert found == code, said.err
        return said.out, said.err

    return call


def wait_for(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


def test_the_office_collects_once_a_day_and_supply_and_books_still_close(run: Run, world: SmallMarket) -> None:
    market, accounts = world.market, [home.account for home in world.homes]
    assert market.demurrage is not None
    config = world.folder / "p2ptrade.toml"
    url = f"http://127.0.0.1:{config.read_text().split('port = ')[1].split()[0]}"
    command = ["office", "run", "--config", str(config)]
    daemon = Daemon("office", command, world.folder / "office.log", lambda: is_ready(url))
    daemon.start()
    try:
        daemon.wait_until_ready()
        for day in (DAY, DAY + 1):
            world.warp_to(day * 86_400 + 60)
            wait_for(lambda day=day: set(market.demurrage.looked_at_on(accounts).values()) == {day})  # type: ignore[misc]
        # Registration gives each home a credit on the day after; it is in the wallet, and no cash.
        wait_for(lambda: market.credits.supply().issued == 2 * CREDIT)
        metrics = httpx.get(f"{url}/metrics").text
    finally:
        daemon.stop()
    idle_again, _ = run("office", "demurrage")
    supply = json.loads(run("audit", "supply", "--json")[0])
    books = json.loads(run("audit", "books", "--json")[0])

    # Noon of the day before the first: one look. The next two days took their share, rounded down each day.
    above = CASH - FREE
    for _ in range(2):
        above -= int(Fraction(above * PPM_PER_DAY, 1_000_000))
    assert [market.ledger.cash(account) for account in accounts] == [FREE + above] * 2
    assert market.ledger.cash(REWARDS) == supply["demurrage_micro"] == 2 * (CASH - FREE - above)
    assert idle_again == "0 accounts looked at\n"
    assert supply["differences"] == books["differences"] == []
    assert supply["stored_supply_micro"] == supply["deposited_micro"] + 2 * CREDIT
    reasons = [each.reason for each in movements(market, accounts[0])]
    assert reasons == ["deposit", f"demurrage up to day {DAY}", f"demurrage up to day {DAY + 1}"]
    assert 'p2ptrade_office_issued_micro_total{rule="registration"} 2e+06' in metrics


def test_the_demurrage_must_leave_the_reserve_of_an_account(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("P2PTRADE_DEPLOY__HOLDERS__DEV", "true")
    monkeypatch.setenv("P2PTRADE_DEPLOY__KEY__DEV_ACCOUNT", "0")
    monkeypatch.setenv("P2PTRADE_DEPLOY__DEMURRAGE_PPM_PER_DAY", "1000")
    monkeypatch.setenv("P2PTRADE_DEPLOY__DEMURRAGE_FREE_MICRO", "1999999")

    _, message = run("deploy", "--yes", code=2)

    assert "must leave the reserve of an active account" in message
