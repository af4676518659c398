"""The commands of the README, each as it stands there, lead a newcomer from an empty folder to a settled trade."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.settlement import SettlementState
from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import P2PTradeError
from p2ptrade.transport.clients import RelayClient

ROOT = Path(__file__).resolve().parents[2]
SLOT = SlotNumber(2_119_436)  # 2030-06-12, 11:00 UTC
PATIENCE_S = 180.0
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "--- done ---"


class Terminal:
    """A shell that is given one block of commands after the other, as a newcomer pastes them."""

    def __init__(self, folder: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("P2PTRADE_")}
        environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
        self.errors = folder / "stderr"
        with self.errors.open("wb") as errors:
            self.shell = subprocess.Popen(
                ["bash", "-e", "-o", "pipefail"],
                cwd=folder,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                start_new_session=True,
            )

    def paste(self, block: str) -> str:
        """Run a block and return what it printed; a command that fails ends the test with its message."""
        assert self.shell.stdin is not None
        assert self.shell.stdout is not None
        self.shell.stdin.write(f"{block}\necho '{_DONE}'\n")
        self.shell.stdin.flush()
        lines: list[str] = []
        for line in self.shell.stdout:
            if line.strip() == _DONE:
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"a command of the README failed:\n{block}\n{self.errors.read_text()}")

    def close(self) -> None:
        """End the shell and all that it started."""
        with suppress(ProcessLookupError):
            os.killpg(self.shell.pid, signal.SIGTERM)
        self.shell.wait(10)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    made = Terminal(tmp_path)
    yield made
    made.close()


def free_tens() -> str:
    """Return the first digits of ten ports in a row that nobody listens on."""

    def is_free(port: int) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    return next(str(tens) for tens in range(1900, 3000) if all(is_free(10 * tens + each) for each in range(10)))


def on_other_ports(text: str, tens: str) -> str:
    """Return a text of the README or its settings with the usual ports replaced by free ones."""
    for usual, free in (("8545", "5"), ("8600", "6"), ("8610", "7"), ("8630", "8")):
        text = text.replace(usual, tens + free)
    return re.sub(r"\b862(?=[0-3$])", tens, text)


def wait_until(happened: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.2)


def answers(url: str) -> bool:
    with suppress(httpx.HTTPError):
        return httpx.get(url, timeout=5).status_code == httpx.codes.OK
    return False


def chain_answers(url: str) -> bool:
    with suppress(P2PTradeError):
        ChainClient.connect(url)
        return True
    return False


@pytest.mark.timeout(600)
def test_commands_of_the_readme_lead_to_a_settled_trade_with_bill_proof_and_closed_books(
    terminal: Terminal, tmp_path: Path
) -> None:
    tens = free_tens()
    (tmp_path / "docs").mkdir()
    settings = (ROOT / "docs" / "example.toml").read_text(encoding="utf-8")
    (tmp_path / "docs" / "example.toml").write_text(on_other_ports(settings, tens), encoding="utf-8")
    readme = on_other_ports((ROOT / "README.md").read_text(encoding="utf-8"), tens)
    chain, deploy, wallets, daemons, orders, opening, delivery, results = _BLOCK.findall(readme)
    url = f"http://127.0.0.1:{tens}"

    terminal.paste(chain)
    wait_until(lambda: chain_answers(f"{url}5"), "the chain answers")
    terminal.paste(deploy)
    market = Market.connect(f"{url}5", Deployment.read(tmp_path / "example-market" / "market" / "deployment"))
    admitted = terminal.paste(wallets)
    terminal.paste(daemons)
    wait_until(lambda: all(answers(f"{url}{port}/readyz") for port in "6780123"), "all daemons are ready")
    wait_until(lambda: market.grid_limits.are_published([SLOT])[SLOT], "the limits are published")
    terminal.paste(orders)
    wait_until(lambda: market.auction.root(SLOT, first=market.first_block), "the relay has committed")
    terminal.paste(opening)
    with RelayClient(f"{url}6") as relay:
        wait_until(lambda: relay.slot(SLOT).clear_transaction, "the slot is cleared")
    terminal.paste(delivery)
    wait_until(lambda: market.settlement.state(SLOT) is SettlementState.SETTLED, "the slot is settled")
    shown = terminal.paste(results)

    assert "cash for orders  40.000000 credits" in admitted
    assert re.search(rf"{SLOT} .* bought 0\.200 kWh at [0-9.]+ ct/kWh", shown)
    assert "Bill of account 16, 2030-06-12" in shown
    assert "against the root on the chain" in shown
    assert re.search(r"0\.[0-9]{3} kWh held, 0\.000 kWh retired, of 1 slots", shown)
    assert "1 clearings" in shown
    assert "0 micro-credits and 0 Wh are not accounted for" in shown
