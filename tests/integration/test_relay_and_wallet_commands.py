"""The wallet's commands against a relay process and the real contracts: money in, seal, receipt, opening, money out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from p2ptrade import cli
from p2ptrade.chain.engine import free_port
from p2ptrade.chain.keys import SigningKey, write_keystore
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.demo.processes import Daemon
from p2ptrade.domain.slot import slot_at, start_of
from p2ptrade.domain.units import AmountMicro, SlotNumber
from p2ptrade.office import service as office
from tests.support.small_market import CREDIT, DAY, SmallMarket, small_market

PASSWORD = "only for tests"
CASH = 50 * CREDIT


@dataclass
class Shell:
    """A market with a relay process, and a settings file for the first home's wallet."""

    world: SmallMarket
    config: Path
    relay_url: str

    def next_slot(self) -> SlotNumber:
        """Return a slot that is published and whose gate is open for long."""
        now_s = self.world.market.client.now_s()
        slot = SlotNumber(max(DAY * 96 + 8, slot_at(now_s) + 8))
        self.world.publish_limits(slot)
        self.world.warp_to(start_of(slot) - 3000)
        return slot


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shell]:
    folder = tmp_path_factory.mktemp("shell")
    with small_market(folder, homes=2, cash_micro=CASH) as world:
        write_keystore(folder / "home.json", world.homes[0].key, PASSWORD, scrypt_n=1024)
        (folder / "password").write_text(PASSWORD + "\n")
        port = free_port()
        config = folder / "p2ptrade.toml"
        config.write_text(
            f"""
[chain]
url = "{world.engine.url}"
deployment = "deployment"
[relay]
key = {{ dev_account = {DEV_ACCOUNTS["relay"]} }}
state = "relay-daemon"
port = {port}
dso_url = "http://127.0.0.1:{free_port()}"
interval_s = 0.05
[wallet]
key = {{ keystore = "home.json", password_file = "password" }}
relay_url = "http://127.0.0.1:{port}"
state = "wallet"
"""
        )
        url = f"http://127.0.0.1:{port}"
        relay = Daemon("relay", ["relay", "run", "--config", str(config)], folder / "relay.log", lambda: is_ready(url))
        relay.start()
        try:
            relay.wait_until_ready()
            yield Shell(world, config, url)
        finally:
            relay.stop()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", timeout=1).status_code == 200
    except httpx.HTTPError:
        return False


@pytest.fixture
def run(shell: Shell, capsys: pytest.CaptureFixture[str]):  # type: ignore[no-untyped-def]
    """Return a function that runs a wallet command and gives its exit code, output and messages."""

    def call(*arguments: str) -> tuple[int, str, str]:
        code = cli.run(["wallet", *arguments, "--config", str(shell.config)])
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def parsed(result: tuple[int, str, str]) -> Any:
    code, output, messages = result
    assert code == 0, messages
    return json.loads(output)


def test_an_order_goes_from_seal_to_opening(shell: Shell, run) -> None:  # type: ignore[no-untyped-def]
    slot = shell.next_slot()

    sealed = parsed(run("bid", "0.5@20", "1.2@28.5", "--slot", str(slot), "--yes", "--json"))
    again = run("bid", "1@30", "--slot", str(slot), "--yes")
    early = run("open", str(slot))
    shell.world.warp_to(start_of(slot) - 1800)
    opened = parsed(run("open", "--json"))
    listed = parsed(run("seals", "--json"))
    claim = run("challenge", str(slot), "--yes")

    assert [step["energy_wh"] for step in sealed["steps"]] == [1_200, 500]
    assert sealed["receipt"] is not None
    assert again[0] == 1
    assert "change it with --direct" in again[2]
    assert early[0] == 1
    assert "keep it sealed" in early[2]
    assert opened == [{"slot": slot, "opened": True, "refused": None}]
    assert [each["opened"] for each in listed if each["slot"] == slot] == [True]
    assert claim[0] == 1
    assert "nothing to claim" in claim[2]


def test_an_order_past_the_relay_is_sealed_and_opened_on_the_chain(shell: Shell, run) -> None:  # type: ignore[no-untyped-def]
    slot = shell.next_slot()

    sealed = parsed(run("offer", "2@10", "--slot", str(slot), "--direct", "--yes", "--json"))
    shell.world.warp_to(start_of(slot) - 1800)
    opened = parsed(run("open", str(slot), "--direct", "--json"))

    auction = shell.world.market.auction
    assert sealed["direct"] is True
    assert [seal.digest.hex() for seal in auction.own_seals(slot, first=0)] == [sealed["digest"][2:]]
    assert opened == [{"slot": slot, "opened": True, "refused": None}]
    assert [digest.hex() for digest in auction.opened(slot, first=0)] == [sealed["digest"][2:]]


def test_a_new_machine_opens_an_order_that_it_did_not_seal(shell: Shell, run, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    slot = shell.next_slot()
    parsed(run("bid", "0.7@25", "--slot", str(slot), "--yes", "--json"))
    shell.world.warp_to(start_of(slot) - 1790)
    monkeypatch.setenv("P2PTRADE_WALLET__STATE", str(shell.config.parent / "new-machine"))

    wrong = run("open", str(slot), "--bid", "0.8@25")
    opened = parsed(run("open", str(slot), "--bid", "0.7@25", "--json"))

    assert wrong[0] == 1
    assert opened == [{"slot": slot, "opened": True, "refused": None}]


def test_the_confirm_screen_says_all_in_human_units_and_a_dry_run_does_nothing(shell: Shell, run) -> None:  # type: ignore[no-untyped-def]
    slot = shell.next_slot()

    code, output, screen = run("bid", "1.2@28.5", "--slot", str(slot), "--dry-run")

    assert (code, output) == (0, "")
    for part in (
        "1.200 kWh at most 28.50 ct/kWh",
        "0.342000 credits: most you pay",
        "Europe/Berlin",
        "UTC",
        "gate closes in",
    ):
        assert part in screen
    assert not [each for each in parsed(run("seals", "--json")) if each["slot"] == slot]


def test_money_goes_in_and_out_and_every_movement_is_listed(shell: Shell, run) -> None:  # type: ignore[no-untyped-def]
    owner = shell.world.homes[0].key.address
    deposit = office.Deposit(owner, AmountMicro(7 * CREDIT), "second payment")
    office.record_deposits(shell.world.market, shell.world.outbox("treasurer"), [deposit])
    before = parsed(run("balance", "--json"))

    after = parsed(run("deposit", "6.5", "--yes", "--json"))
    too_much = run("deposit", "1000", "--yes")
    announced = parsed(run("withdraw", "2", "--yes", "--json"))
    too_early = run("withdraw", "--yes")
    shell.world.warp_to(announced["withdrawal_available_at_s"])
    paid = parsed(run("withdraw", "--yes", "--json"))
    listed = parsed(run("ledger", "--json"))

    assert after["cash_micro"] - before["cash_micro"] == 6_500_000
    assert too_much[0] == too_early[0] == 1
    assert "pay in at the treasurer first" in too_much[2]
    assert "can be paid in" in too_early[2]
    assert paid["credits_micro"] == 2_500_000
    assert [each["reason"] for each in listed] == ["deposit", "deposit", "withdrawal"]
    assert listed[-1]["cash_after_micro"] == paid["cash_micro"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["bid", "1.2", "--yes"], 2, "write energy and limit price as"),
        (["bid", "1.2@28.5", "--slot", "never", "--yes"], 2, "is no slot"),
        (["bid", "1.2@28.5", "--slot", "5", "--yes"], 1, "closed"),
        (["bid", "1.2@28.5"], 2, "give --yes"),
        (["deposit", "NaN", "--yes"], 2, "is a number in credits"),
        (["bid", "1@2", "--nonsense"], 2, "nonsense"),
    ],
)
def test_bad_input_gets_one_sentence(run, shell: Shell, arguments, code: int, sentence: str) -> None:  # type: ignore[no-untyped-def]
    result = run(*arguments)

    assert result[0] == code
    assert sentence in result[2].replace("\n", " ")
    assert "Traceback" not in result[2]


def test_keys_are_made_imported_and_listed(run, shell: Shell, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    secret = SigningKey.generate()
    (tmp_path / "key.txt").write_text("0x" + secret.secret.hex())

    made = parsed(run("new", "anna", "--json"))
    twice = run("new", "anna")
    imported = parsed(run("import", "ben", "--from", str(tmp_path / "key.txt"), "--json"))
    again = run("import", "ben", "--from", str(tmp_path / "key.txt"))
    listed = parsed(run("list", "--json"))

    assert imported["address"] == secret.address
    assert (twice[0], again[0]) == (2, 0)
    assert {each["name"]: each["address"] for each in listed} == {"anna": made["address"], "ben": secret.address}
    assert secret.secret.hex() not in Path(imported["keystore"]).read_text()


def test_the_relay_says_that_it_could_work_but_for_the_grid_operator(shell: Shell) -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "p2ptrade", "relay", "check", "--json", "--config", str(shell.config)],
        capture_output=True,
        text=True,
        check=False,
    )

    document = json.loads(checked.stdout)
    assert checked.returncode == 1
    assert [each["ok"] for each in document["checks"]] == [True, True, True, False]


def test_a_second_relay_on_the_same_port_says_so(shell: Shell) -> None:
    second = subprocess.run(
        [sys.executable, "-m", "p2ptrade", "relay", "run", "--config", str(shell.config)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert second.returncode == 2
    assert "is in use: stop what listens there or choose another port" in second.stderr
