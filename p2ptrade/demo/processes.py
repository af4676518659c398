"""The daemons of a demo as processes of their own: started in order, watched, killed and started again, stopped."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from p2ptrade.errors import EnvironmentNotReadyError, P2PTradeError

READY_WITHIN_S: Final = 180.0
STOP_WITHIN_S: Final = 5.0
_LOG_TAIL: Final = 12
# glibc gives every thread a heap of its own, which costs ten daemons side by side 45 MiB and makes none of them faster.
_ONE_HEAP: Final = {"MALLOC_ARENA_MAX": "1"}


@dataclass(slots=True)
class Daemon:
    """One process: the arguments after `p2ptrade`, where its output goes, and how to know that it is ready."""

    name: str
    arguments: Sequence[str]
    log: Path
    is_ready: Callable[[], bool]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        """Start the process; its output is appended to its log."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "p2ptrade", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=_ONE_HEAP | os.environ,
            )

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return as soon as the daemon serves.

        Raises:
            EnvironmentNotReadyError: it died, or did not get ready in time; the end of its log is in the text.
        """
        deadline = time.monotonic() + within_s
        while not self.is_ready():
            self.check_alive()
            if time.monotonic() > deadline:
                raise EnvironmentNotReadyError(f"{self.name} was not ready after {within_s:.0f} s:\n{self.log_tail()}")
            time.sleep(0.05)

    def check_alive(self) -> None:
        """Raise if the process has ended by itself.

        Raises:
            EnvironmentNotReadyError: with the end of its log.
        """
        if self.process is not None and self.process.poll() is not None:
            raise EnvironmentNotReadyError(
                f"{self.name} ended with exit code {self.process.returncode}:\n{self.log_tail()}"
            )

    def kill(self) -> None:
        """Kill the process at whatever instruction it is (SIGKILL)."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self) -> None:
        """Ask the process to stop, and kill it if it does not."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def log_tail(self) -> str:
        """Return the last lines that the daemon wrote."""
        with suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-_LOG_TAIL:])
        return "(it wrote no log)"


class Fleet:
    """All daemons of a demo; leaving the context stops them in reverse order."""

    def __init__(self) -> None:
        self.daemons: dict[str, Daemon] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with ExitStack() as stops:
            for daemon in self.daemons.values():
                stops.callback(daemon.stop)

    def start(self, *daemons: Daemon) -> None:
        """Start daemons together and return when all of them are ready."""
        for daemon in daemons:
            self.daemons[daemon.name] = daemon
            daemon.start()
        for daemon in daemons:
            daemon.wait_until_ready()

    def check_alive(self) -> None:
        """Raise if any daemon has ended by itself."""
        for daemon in self.daemons.values():
            daemon.check_alive()

    def memory_bytes(self) -> int:
        """Return the resident memory of all daemons and of this process, shared pages counted once each."""
        pids = ["self", *(str(daemon.process.pid) for daemon in self.daemons.values() if daemon.process is not None)]
        return sum(_proportional_set_size(pid) for pid in pids)


def _proportional_set_size(pid: str) -> int:
    """Return the proportional set size of a process in bytes, 0 where the system does not tell."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


class TimedOutError(P2PTradeError):
    """Something that the demo waited for did not happen."""


def wait_for(what: str, happened: Callable[[], bool], fleet: Fleet, within_s: float, every_s: float = 0.02) -> None:
    """Return as soon as `happened` says so.

    Raises:
        TimedOutError: it did not within `within_s` seconds of real time.
        EnvironmentNotReadyError: a daemon died meanwhile.
    """
    deadline = time.monotonic() + within_s
    while not happened():
        fleet.check_alive()
        if time.monotonic() > deadline:
            raise TimedOutError(f"waited {within_s:.0f} s for {what} in vain")
        time.sleep(every_s)
