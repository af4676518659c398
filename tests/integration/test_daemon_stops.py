"""A daemon that is asked to stop ends its step, puts away what it holds, and ends with 0."""

import subprocess
import sys

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


def test_a_daemon_that_gets_sigterm_within_a_step_ends_the_step_and_puts_its_things_away() -> None:
    process = subprocess.Popen([sys.executable, "-c", DAEMON], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while process.stdout.readline() != "begun\n":
        pass

    process.terminate()
    said, _ = process.communicate(timeout=60)

    assert [line for line in said.splitlines() if line in ("begun", "ended", "put away")] == ["ended", "put away"]
    assert process.returncode == 0
