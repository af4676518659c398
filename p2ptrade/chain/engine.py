"""The embedded chain: anvil by its native binary, or Ganache by a small Node script, with its state on disk.

Both run the rules of the `paris` EVM with gas for nothing, listen on this machine only and keep their state on disk,
so that a chain that was killed goes on where it was. Blocks come every second, at once with each transaction, or when
somebody asks for one; time may be warped in all three.
"""

import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final, NoReturn

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine_command import EngineKind, EngineOptions, Mining, command_line, free_port
from p2ptrade.errors import ChainUnreachableError, EnvironmentNotReadyError

__all__ = ["DevChain", "EngineKind", "EngineOptions", "Mining", "RunningEngine", "become", "free_port", "start"]

_STARTED_WITHIN_S: Final = 30.0
_ASK_EVERY_S: Final = 0.02


class RunningEngine:
    """An embedded chain that this process started and must stop."""

    def __init__(self, process: subprocess.Popen[bytes], options: EngineOptions) -> None:
        """Take charge of a process; use `start`."""
        self.process = process
        self.options = options

    @property
    def url(self) -> str:
        """Return where it answers."""
        return self.options.url

    def stop(self, *, within_s: float = 10.0) -> None:
        """Let it write its state and end; kill it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def start(options: EngineOptions, *, log: Path | None = None) -> RunningEngine:
    """Start an embedded chain and return when it answers; its output goes to `log`, or nowhere.

    Raises:
        ConfigError: the port is in use.
        EnvironmentNotReadyError: the engine is not installed, or does not start.
    """
    command = command_line(options)
    if log is None:
        process = _spawn(command, subprocess.DEVNULL)
    else:
        with log.open("ab") as file:
            process = _spawn(command, file)
    engine = RunningEngine(process, options)
    try:
        _wait_until_answering(engine)
    except BaseException:
        engine.stop()
        raise
    return engine


def become(options: EngineOptions, announce: Callable[[], None] = lambda: None) -> NoReturn:
    """Replace this process by the engine, so that whoever stops or kills it stops the chain itself.

    `announce` is called when nothing can go wrong any more.

    Raises:
        ConfigError: the port is in use.
        EnvironmentNotReadyError: the engine is not installed.
    """
    command = command_line(options)
    announce()
    os.execv(command[0], command)  # noqa: S606


def _wait_until_answering(engine: RunningEngine) -> None:
    deadline = time.monotonic() + _STARTED_WITHIN_S
    while True:
        try:
            ChainClient.connect(engine.url, engine.options.chain_id)
        except ChainUnreachableError as error:
            ended = engine.process.poll()
            if ended is not None:
                raise EnvironmentNotReadyError(
                    f"{engine.options.kind} ended with exit code {ended} instead of serving {engine.url}"
                ) from None
            if time.monotonic() > deadline:
                raise EnvironmentNotReadyError(
                    f"{engine.options.kind} did not serve {engine.url} within {_STARTED_WITHIN_S:.0f} s: {error}"
                ) from None
            time.sleep(_ASK_EVERY_S)
        else:
            return


def _spawn(command: list[str], output: IO[bytes] | int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
