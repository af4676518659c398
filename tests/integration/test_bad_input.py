"""What a newcomer gets wrong ends as a sentence with the remedy and exit code 2 (environment: 3), in every group."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from p2ptrade import cli
from p2ptrade.chain.engine import free_port

ADDRESS = "0x" + "11" * 20
GROUPS = sorted(cli._GROUPS)
# Every command that reads settings, with what it needs to get as far as that.
READERS = [
    "chain run",
    "chain check",
    "chain warp 1h",
    "deploy",
    "deploy status",
    "relay run",
    "relay check",
    "dso run",
    "dso check",
    "oracle run",
    "oracle check",
    "gateway run",
    "gateway check",
    "gateway gaps",
    "wallet list",
    "wallet balance",
    "wallet bid 1@30",
    "wallet positions",
    "wallet proof 5",
    "wallet agent",
    "office tariff",
    f"office credit {ADDRESS} --amount-micro 1 --reference a",
    "office stake --amount-micro 1",
    "audit books",
]
# Of those, the ones that work on a deployed market and end if they cannot.
OF_A_MARKET = [
    "deploy status",
    "relay run",
    "dso run",
    "oracle run",
    "gateway run",
    "wallet balance",
    "wallet agent",
    "office tariff",
    f"office credit {ADDRESS} --amount-micro 1 --reference a",
    "office stake --amount-micro 1",
    "audit books",
]
SETTINGS = [
    ("[relay]\nprot = 1\n", "relay.prot is no setting; did you mean relay.port?"),
    ('[relay]\nport = "many"\n', "relay.port should be a valid integer, not 'many'"),
    ("[relay\n", "is not TOML"),
]
KEYS = """
[office]
registrar = { dev_account = 2 }
treasurer = { dev_account = 3 }
retailer = { dev_account = 6 }
state = "office"
[relay]
key = { dev_account = 4 }
port = 0
state = "relay"
[dso]
port = 0
state = "dso"
[oracle]
port = 0
state = "oracle"
[gateway]
key = { dev_account = 19 }
port = 0
state = "gateway"
[wallet]
key = { dev_account = 20 }
port = 0
state = "wallet"
"""
COLUMNS = "owner,zone,capacity_kw,meter_point,gateway"
APPLICATIONS = [
    ("owner,zone\n1,2\n", "lacks the columns capacity_kw, meter_point, gateway"),
    (f"{COLUMNS}\n{ADDRESS},1\n", "line 2: need a value in each of the columns"),
    (f"{COLUMNS}\n{ADDRESS},1,10,0xzz,{ADDRESS}\n", "line 2: non-hexadecimal number"),
    (f"{COLUMNS}\n{ADDRESS},32,10,{'ab' * 32},{ADDRESS}\n", "a zone of 0 to 31"),
    (f"{COLUMNS}\nanna,1,10,{'ab' * 32},{ADDRESS}\n", "line 2: 'anna' is no address"),
]
OTHERS = [
    ("demo --slots 97", "a demo runs 1 to 96 slots of one day, not 97"),
    ("demo --homes 1", "at least 2 homes"),
    ("demo --homes 9999", "has 118 homes, not 9999"),
    ("demo --week autumn", "autumn"),
    ("demo --out FILE", "choose another --out"),
    ("chain run --engine geth", "'anvil', 'ganache'"),
    ("chain run --block-time 0", "greater than or equal to 1"),
    ("chain run --state FILE --port FREE", "name another for the state"),
    ("chain check --url ftp://here", "must look like http://127.0.0.1:8545"),
    ("wallet new anna*", "letters, digits, - and _ only"),
    ("wallet new anna", "there is no terminal to ask at"),
    ("wallet new anna --password-file none", "none cannot be read"),
    ("wallet import anna --from FILE --password-file FILE", "64 hexadecimal digits"),
    ("wallet proof soon", "valid integer"),
    ("wallet bill --from 2026-06-11", "Missing option '--to'"),
    ("office admit none.csv", "none.csv cannot be read"),
    ("office credit 0x12 --amount-micro 1 --reference a", "'0x12' is no address"),
    ("office tariff --days 0", "greater than or equal to 1"),
    ("market clear none.json", "give the path of a book file"),
    ("market clear FILE", "is not JSON"),
    ("grid check nowhere x", "one of the packaged networks"),
    ("grid check ieee-33 FILE", "is not valid JSON"),
    ("grid zones ieee-33 --max-zones 99", "1 to 32 zones, not 99"),
    ("bench gas --orders many", "valid integer"),
    ("config check none.toml", "none.toml cannot be read"),
    ("relai run", "did you mean relay?"),
]


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("P2PTRADE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    Path("FILE").write_text("not a folder, not a key, not JSON")


@pytest.fixture
def wrong_chain() -> Iterator[str]:
    """Give the URL of a node that serves chain 5."""

    class Node(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            answer = json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": "0x5"}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

    node = HTTPServer(("127.0.0.1", 0), Node)
    threading.Thread(target=node.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{node.server_port}"
    node.shutdown()
    node.server_close()


def refused(command: str, capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must end with exit code 2, and return the last line that it said."""
    code = cli.run(command.split())
    said = capsys.readouterr().err
    assert code == 2, said
    assert "Traceback" not in said
    return said.strip().splitlines()[-1]


def market_at(url: str) -> None:
    """Write settings and the record of a deployment on chain 1337, with the chain at `url`."""
    names = ["Authority", "Credits", "Ledger", "ParticipantRegistry", "DoubleAuction", "Settlement"]
    record = {"chain_id": 1337, "first_block": 1, "deployer": ADDRESS, "contracts": dict.fromkeys(names, ADDRESS)}
    Path("deployment").mkdir()
    Path("deployment/addresses.json").write_text(json.dumps(record | {"roles": []}))
    Path("market.toml").write_text(f'[chain]\nurl = "{url}"\n{KEYS}')


@pytest.mark.parametrize("group", GROUPS)
def test_unknown_option_is_named(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([group, "--nonsense"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert "No such option: --nonsense" in said
    assert f"`p2ptrade {group} --help`" in said


@pytest.mark.parametrize(("text", "sentence"), SETTINGS)
@pytest.mark.parametrize("command", READERS)
def test_wrong_settings_are_named_with_their_place_by_every_command(
    command: str, text: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("market.toml").write_text(text)

    assert sentence in refused(f"{command} -c market.toml", capsys)


@pytest.mark.parametrize("command", OF_A_MARKET)
def test_missing_deployment_is_answered_with_the_command_that_makes_one(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("market.toml").write_text(KEYS)

    assert "run `p2ptrade deploy` first" in refused(f"{command} -c market.toml", capsys)


@pytest.mark.parametrize("command", [*OF_A_MARKET, "chain check", "chain warp 1h", "deploy --yes"])
def test_chain_that_does_not_answer_is_named_with_the_remedy(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    market_at(url)

    said = refused(f"{command} -c market.toml", capsys)

    assert url in said
    assert "start it with `p2ptrade chain run`, or correct the URL" in said


@pytest.mark.parametrize("command", OF_A_MARKET)
def test_wrong_chain_is_named_with_the_expected_one(
    command: str, wrong_chain: str, capsys: pytest.CaptureFixture[str]
) -> None:
    market_at(wrong_chain)

    said = refused(f"{command} -c market.toml", capsys)

    assert "1337" in said
    assert "5" in said.replace(wrong_chain, "")


@pytest.mark.parametrize("command", ["chain run", "relay run", "dso run", "oracle run", "gateway run", "wallet agent"])
def test_port_in_use_is_named_with_the_remedy(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        said = refused(f"{command} --port {port}", capsys)

    assert str(port) in said
    assert "choose another port" in said


@pytest.mark.parametrize(("text", "sentence"), APPLICATIONS)
def test_wrong_application_is_named_with_its_line(text: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("homes.csv").write_text(text)

    assert sentence in refused("office admit homes.csv", capsys)


@pytest.mark.parametrize(("command", "sentence"), OTHERS)
def test_wrong_argument_gets_a_sentence(command: str, sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert sentence in refused(command.replace("FREE", str(free_port())), capsys)


def test_refused_demo_leaves_nothing_in_the_way_of_the_next(capsys: pytest.CaptureFixture[str]) -> None:
    refused("demo --homes 9999", capsys)

    assert not Path("demo-report").exists()


def test_wrong_environment_variable_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("P2PTRADE_RELAY__PROT", "1")

    assert "P2PTRADE_RELAY__PROT in the environment sets nothing; did you mean" in refused("audit books", capsys)


def test_ganache_without_node_is_a_matter_of_the_environment(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "p2ptrade", "chain", "run", "--engine", "ganache", "--port", str(free_port())],
        env={**os.environ, "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 3
    assert done.stderr.startswith("p2ptrade: Ganache needs Node")
    assert len(done.stderr.splitlines()) == 1
