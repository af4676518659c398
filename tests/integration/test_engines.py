"""The embedded chain by both engines, as its commands run it: served, killed, gone on with, refused in a sentence."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from web3 import Web3

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineKind, EngineOptions, Mining, RunningEngine, free_port, start
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.errors import ChainUnreachableError, TransactionRevertedError, WrongChainError
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable

ANSWERS_WITHIN_S = 30.0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "p2ptrade", *arguments],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env=os.environ | environment,
        check=False,
    )


def config(folder: Path, port: int, engine: str = "anvil", mining: str = "instant") -> Path:
    path = folder / "p2ptrade.toml"
    path.write_text(
        f"""
[chain]
url = "http://127.0.0.1:{port}"
deployment = "deployment"
[engine]
engine = "{engine}"
port = {port}
mining = "{mining}"
state = "state"
[deploy]
key.dev_account = 0
holders.dev = true
"""
    )
    return path


def wait_until_served(port: int) -> ChainClient:
    deadline = time.monotonic() + ANSWERS_WITHIN_S
    while True:
        try:
            return ChainClient.connect(f"http://127.0.0.1:{port}")
        except ChainUnreachableError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


@pytest.fixture(params=[EngineKind.ANVIL, EngineKind.GANACHE])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RunningEngine]:
    running = start(EngineOptions(request.param, port=free_port(), mining=Mining.INSTANT, state_folder=tmp_path / "s"))
    yield running
    running.stop()


def test_market_is_deployed_and_read_back_on_either_engine(engine: RunningEngine, tmp_path: Path) -> None:
    path = config(tmp_path, engine.options.port)

    first = run("deploy", "-c", str(path), "--yes", "--json")
    again = run("deploy", "-c", str(path))
    status = run("deploy", "status", "-c", str(path))

    assert first.returncode == 0, first.stderr
    assert "nothing to do" in again.stdout, again.stderr
    assert status.returncode == 0, status.stdout
    market = Market.connect(engine.url, Deployment.read(tmp_path / "deployment"))
    reference = Web3(Web3.HTTPProvider(engine.url))
    assert json.loads(first.stdout)["contracts"] == market.deployment.contracts
    for address in market.deployment.contracts.values():
        assert len(reference.eth.get_code(address)) > 1000
    assert market.auction.windows().gate_lead_s == 1800


def test_revert_is_named_by_its_custom_error_on_either_engine(engine: RunningEngine, tmp_path: Path) -> None:
    path = config(tmp_path, engine.options.port)
    assert run("deploy", "-c", str(path), "--yes").returncode == 0
    market = Market.connect(engine.url, Deployment.read(tmp_path / "deployment"))
    stranger = SigningKey.generate().address

    data = market.ledger.call_data("requestWithdrawal", 99, 5)
    with pytest.raises(TransactionRevertedError) as called:
        market.client.call(market.ledger.address, data, sender=stranger)
    with pytest.raises(TransactionRevertedError) as estimated:
        market.client.estimate_gas(stranger, market.ledger.address, data)

    assert called.value.error_name.startswith("Ledger")
    assert estimated.value.error_name == called.value.error_name
    assert called.value.values["account"] == 99


def test_time_can_be_warped_and_blocks_made_on_demand(engine: RunningEngine) -> None:
    client = ChainClient.connect(engine.url)
    chain = DevChain(client)
    before = client.head()

    chain.mine(at_s=before.time_s + 10_000)

    assert client.head().number == before.number + 1
    assert client.now_s() == before.time_s + 10_000


def test_outbox_sends_on_either_engine_whatever_gas_costs_there(engine: RunningEngine, tmp_path: Path) -> None:
    client, key = ChainClient.connect(engine.url), SigningKey.generate()
    DevChain(client).set_balance(key.address, 10**20)

    with Outbox(client, OutboxTable(Database.open(tmp_path / "x.sqlite")), key) as outbox:
        for intent in ("a", "b", "a"):
            outbox.submit(intent, key.address, intent.encode())
            outbox.wait(intent)

    assert Web3(Web3.HTTPProvider(engine.url)).eth.get_transaction_count(key.address) == 2


def test_chain_that_was_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    port = free_port()
    path = config(tmp_path, port)
    command = [sys.executable, "-m", "p2ptrade", "chain", "run", "-c", str(path)]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        client = wait_until_served(port)
        chain = DevChain(client)
        for _ in range(5):
            chain.mine()
        time.sleep(3)  # the state is written every two seconds
    finally:
        os.kill(first.pid, signal.SIGKILL)
        first.wait()

    second = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        assert wait_until_served(port).head().number == 5
    finally:
        second.terminate()
        second.wait()


def test_port_in_use_is_one_sentence(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()

        done = run("chain", "run", "-c", str(config(tmp_path, taken.getsockname()[1])))

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "choose another port" in done.stderr


def test_missing_node_is_one_sentence_and_exit_code_3(tmp_path: Path) -> None:
    done = run("chain", "run", "-c", str(config(tmp_path, free_port(), "ganache")), PATH=str(tmp_path))

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "Ganache needs Node" in done.stderr


def test_too_old_node_is_one_sentence_and_exit_code_3(tmp_path: Path) -> None:
    node = tmp_path / "node"
    node.write_text("#!/bin/sh\necho v16.20.2\n")
    node.chmod(0o755)

    done = run("chain", "run", "-c", str(config(tmp_path, free_port(), "ganache")), PATH=f"{tmp_path}:/usr/bin:/bin")

    assert (done.returncode, done.stderr.count("\n")) == (3, 1)
    assert "v16.20.2" in done.stderr


def test_wrong_chain_is_one_sentence(tmp_path: Path) -> None:
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    other = start(EngineOptions(port=free_port(), mining=Mining.INSTANT, chain_id=4711))
    try:
        assert run("deploy", "-c", str(config(tmp_path, engine.options.port)), "--yes").returncode == 0

        check = run("chain", "check", "--url", other.url, "--chain-id", "1337")
        status = run("deploy", "status", "-c", str(config(tmp_path, other.options.port)))
        with pytest.raises(WrongChainError):
            ChainClient.connect(other.url, 1337)
    finally:
        engine.stop()
        other.stop()

    for done in (check, status):
        assert (done.returncode, done.stderr.count("\n")) == (2, 1)
        assert "4711" in done.stderr


def test_deployment_on_a_chain_that_lost_its_state_is_one_sentence(tmp_path: Path) -> None:
    port = free_port()
    engine = start(EngineOptions(port=port, mining=Mining.INSTANT))
    try:
        assert run("deploy", "-c", str(config(tmp_path, port)), "--yes").returncode == 0
    finally:
        engine.stop()
    engine = start(EngineOptions(port=port, mining=Mining.INSTANT))
    try:
        done = run("deploy", "status", "-c", str(config(tmp_path, port)))
    finally:
        engine.stop()

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "lost its state" in done.stderr


def test_dry_run_deploys_nothing(tmp_path: Path) -> None:
    done = run("deploy", "-c", str(config(tmp_path, free_port())), "--dry-run")

    assert done.returncode == 0, done.stderr
    assert "throw-away chain" in done.stdout
    assert not (tmp_path / "deployment").exists()


def test_changed_plan_is_refused_with_what_differs(tmp_path: Path) -> None:
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    try:
        path = config(tmp_path, engine.options.port)
        assert run("deploy", "-c", str(path), "--yes").returncode == 0
        path.write_text(path.read_text() + "debt_limit_micro = 5\n")

        done = run("deploy", "-c", str(path), "--yes")
    finally:
        engine.stop()

    assert done.returncode == 2
    assert "plan.parameters.debt_limit_micro" in done.stderr
