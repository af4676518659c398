"""The deployer killed at every place it can be killed at, then started again: one market, every step once."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.deployed import Deployment
from p2ptrade.chain.deployment_plan import steps
from p2ptrade.chain.engine import EngineOptions, Mining, RunningEngine, free_port, start
from p2ptrade.chain.journal import Journal
from p2ptrade.config import DeploySettings, HolderSettings, deployment_plan, dev_key
from p2ptrade.domain.outgoing import Outgoing
from tests.support.history import check_history

PLACES = ("outbox.before-store", "outbox.stored", "outbox.sent", "outbox.before-update", "outbox.updated")
STEPS = len(steps(deployment_plan(DeploySettings(holders=HolderSettings(dev=True)), 0), dev_key(0).address))


@pytest.fixture
def engine() -> Iterator[RunningEngine]:
    running = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    yield running
    running.stop()


def deploy(folder: Path, engine: RunningEngine, crash_at: str | None = None) -> int:
    config = folder / "p2ptrade.toml"
    config.write_text(
        f'[chain]\nurl = "{engine.url}"\ndeployment = "deployment"\n[deploy]\nkey.dev_account = 0\nholders.dev = true\n'
    )
    environment = os.environ | ({} if crash_at is None else {"P2PTRADE_CRASH_AT": crash_at})
    command = [sys.executable, "-m", "p2ptrade", "deploy", "-c", str(config), "--yes", "--json"]
    return subprocess.run(command, env=environment, capture_output=True, check=False).returncode


def require_one_clean_market(folder: Path, engine: RunningEngine) -> None:
    client, deployer = ChainClient.connect(engine.url), dev_key(0).address
    journal = Journal.open(folder / "deployment" / "journal.jsonl")
    names = {json.loads(line).get("intent") for line in journal.path.read_text().splitlines()} - {None}
    entries: list[Outgoing] = [entry for name in names for entry in journal.attempts(1337, name)]
    deployment = Deployment.read(folder / "deployment")

    assert check_history(client, [deployer], entries).clean
    assert len(entries) == STEPS == client.nonce(deployer)
    assert all(client.code(address) for address in deployment.contracts.values())


@pytest.mark.parametrize("place", PLACES)
def test_deployer_killed_early_in_the_middle_and_late_goes_on_each_time(
    place: str, engine: RunningEngine, tmp_path: Path
) -> None:
    # Counts are per process: the first dies at its 1st step, the next at its 12th, the last at its 10th.
    codes = [deploy(tmp_path, engine, f"{place}:{count}") for count in (1, 12, 10)]
    last = deploy(tmp_path, engine)

    assert codes == [-signal.SIGKILL] * 3
    assert last == 0
    require_one_clean_market(tmp_path, engine)


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_deployer_killed_at_every_single_step_goes_on(place: str, engine: RunningEngine, tmp_path: Path) -> None:
    kills = 0
    # Dying at the second reach of the place lets every process get one step further.
    while deploy(tmp_path, engine, f"{place}:2") == -signal.SIGKILL:
        kills += 1
        assert kills < 3 * STEPS

    assert kills >= STEPS // 2
    require_one_clean_market(tmp_path, engine)
