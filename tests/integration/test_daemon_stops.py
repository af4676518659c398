"""What ends in order: a daemon its step, with what it holds put away; a demo with all that it has started."""

import signal
import socket
import subprocess
import sys
import time
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

DAEMON = """
import time
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.server import bind, make_app, run_service

def step():
    print("begun", flush=True)
    time.sleep(1)
    print("ended", flush=True)

health = Health()
app = make_app("test", health=health)
run_service(app, listener=bind("127.0.0.1", 0), health=health, step=step, interval_s=60)
print("put away", flush=True)
"""


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP])
def test_a_daemon_that_is_asked_to_stop_ends_its_step_and_puts_its_things_away(asked: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", DAEMON], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "begun\n":
        pass

    process.send_signal(asked)
    said, _ = process.communicate(timeout=60)

    assert [line for line in said.splitlines() if line in ("begun", "ended", "put away")] == ["ended", "put away"]
    assert process.returncode == 0


def test_a_daemon_under_nohup_outlives_its_terminal() -> None:
    command = ["nohup", sys.executable, "-c", DAEMON]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "begun\n":
        pass

    process.send_signal(signal.SIGHUP)

    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(timeout=3)
    process.terminate()
    assert process.wait(timeout=60) == 0


@pytest.mark.parametrize("asked", [signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_is_asked_to_stop_leaves_no_daemon_behind(tmp_path: Path, asked: signal.Signals) -> None:
    command = [sys.executable, "-m", "p2ptrade", "demo", "--slots", "1", "--out", str(tmp_path / "out")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    settings = tmp_path / "out/run/p2ptrade.toml"
    while not (settings.exists() and has_a_chain(settings)):
        assert process.poll() is None, "the demo has ended by itself"
        time.sleep(0.1)

    process.send_signal(asked)

    assert process.wait(timeout=60) == 128 + asked
    assert not has_a_chain(settings)


def has_a_chain(settings: Path) -> bool:
    """Say whether somebody listens where the demo's chain does."""
    url = urlsplit(tomllib.loads(settings.read_text("utf-8")).get("chain", {}).get("url", ""))
    with socket.socket() as line:
        return url.port is not None and line.connect_ex((url.hostname, url.port)) == 0
