"""What `p2ptrade deploy status` says of a deployment whose rights are not what was written down.

Paths: given a finished deployment, when the admin takes a right away by the time lock, then the command names it and
ends with 1: a role of a person, a role of a contract, a mover of cash, the settlement that takes slots over; when
nothing was taken away, then it ends with 0 and names no fault.
"""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2ptrade import cli
from p2ptrade.chain.abi import load
from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.deployed import Deployment
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineOptions, Mining, free_port, start

TIME_LOCK_S = 2 * 86_400
MINED_WITHIN_S = 30.0
NOBODY = "0x" + "00" * 20


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, ChainClient]]:
    """Deploy a market by the command; return its configuration and a client of its chain."""
    folder = tmp_path_factory.mktemp("status")
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    path = folder / "p2ptrade.toml"
    path.write_text(
        f"""
[chain]
url = "{engine.url}"
deployment = "deployment"
[deploy]
key.dev_account = 0
holders.dev = true
"""
    )
    assert cli.run(["deploy", "--config", str(path), "--yes"]) == 0
    yield path, ChainClient.connect(engine.url)
    engine.stop()


def take_away(client: ChainClient, deployment: Deployment, rights: list[tuple[str, str, tuple[object, ...]]]) -> None:
    """Let the admin announce calls of (contract, function, arguments), wait for the time lock, and make them."""
    (admin,) = (holder for role, holder in deployment.roles if role is Role.ADMIN)
    client.rpc.call("anvil_autoImpersonateAccount", True)
    calls = [(deployment.contracts[name], load(name).function(of).call_data(*given)) for name, of, given in rights]
    for to, data in calls:
        announcement = load("Authority").function("schedule").call_data(to, data, 0)
        send(client, admin, deployment.contracts["Authority"], announcement)
    DevChain(client).mine(at_s=client.now_s() + TIME_LOCK_S)
    for to, data in calls:
        send(client, admin, to, data)


def send(client: ChainClient, sender: str, to: str, data: bytes) -> None:
    fields = {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(1_000_000), "gasPrice": "0x0"}
    transaction = client.rpc.call("eth_sendTransaction", fields)
    deadline = time.monotonic() + MINED_WITHIN_S
    while (receipt := client.rpc.call("eth_getTransactionReceipt", transaction)) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert int(receipt["status"], 16) == 1


def test_rights_that_are_missing_are_named_and_end_the_command_with_1(
    deployed: tuple[Path, ChainClient], capsys: pytest.CaptureFixture[str]
) -> None:
    config, client = deployed
    assert cli.run(["deploy", "status", "--config", str(config)]) == 0
    assert "does not confirm" not in capsys.readouterr().out
    deployment = Deployment.read(config.parent / "deployment")
    settlement = deployment.contracts["Settlement"]
    (dso,) = (holder for role, holder in deployment.roles if role is Role.DSO)

    take_away(
        client,
        deployment,
        [
            ("Authority", "revokeRole", (int(Role.DSO), dso)),
            ("Authority", "revokeRole", (int(Role.MARKET), settlement)),
            ("Ledger", "setMover", (deployment.contracts["RelayStake"], False)),
            ("DoubleAuction", "appointSettlement", (NOBODY,)),
        ],
    )

    assert cli.run(["deploy", "status", "--config", str(config), "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["faults"] == [
        f"the chain does not confirm {right}"
        for right in (
            f"the role DSO of {dso}",
            f"the role MARKET of {settlement}",
            "that RelayStake moves cash",
            "that Settlement takes cleared slots over",
        )
    ]
