"""The command lines of the embedded chain's programs, and what has to be installed and free before they can run."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from p2ptrade.errors import ConfigError, EnvironmentNotReadyError

DEV_MNEMONIC: Final = "test test test test test test test test test test test junk"
GAS_LIMIT: Final = 60_000_000
_NODE_LEAST: Final = 20
_STATE_INTERVAL_S: Final = 2
STATES_KEPT: Final = 512
"""Of how many blocks anvil knows the state, unless told otherwise: those of some minutes."""
# Ganache has no switch for blocks on demand only; this is the longest interval that its timer can hold.
_NEVER_S: Final = 2_000_000


class EngineKind(StrEnum):
    """Which program serves the chain."""

    ANVIL = "anvil"
    GANACHE = "ganache"


class Mining(StrEnum):
    """When blocks come: every `block_time_s`, with each transaction, or when `evm_mine` asks."""

    INTERVAL = "interval"
    INSTANT = "instant"
    EXPLICIT = "explicit"


@dataclass(frozen=True)
class EngineOptions:
    """How an embedded chain is to run; `state_folder` None keeps the state in memory only.

    `states_kept` is of how many blocks anvil can answer what the state was. It keeps them in memory: what it puts on
    disk beyond that, some 300 kB a block in a folder of its own choice, it leaves there for good.
    """

    kind: EngineKind = EngineKind.ANVIL
    host: str = "127.0.0.1"
    port: int = 8545
    chain_id: int = 1337
    mining: Mining = Mining.INTERVAL
    block_time_s: int = 1
    state_folder: Path | None = None
    accounts: int = 20
    mnemonic: str = DEV_MNEMONIC
    start_time_s: int | None = None
    states_kept: int = STATES_KEPT
    ganache_config: Path | None = None

    @property
    def url(self) -> str:
        """Return where it will answer."""
        return f"http://{self.host}:{self.port}"


def command_line(options: EngineOptions) -> list[str]:
    """Return the program and arguments that serve the chain; checks all that can be wrong before.

    Raises:
        ConfigError: the port is in use, or the folder of the state cannot be made.
        EnvironmentNotReadyError: the engine is not installed.
    """
    require_free_port(options.host, options.port)
    if options.state_folder is not None:
        try:
            options.state_folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(
                f"the folder {options.state_folder} cannot be made: {error.strerror}; name another for the state"
            ) from None
    return _anvil_command(options) if options.kind is EngineKind.ANVIL else _ganache_command(options)


def require_free_port(host: str, port: int) -> None:
    """Check that a server can listen there.

    Raises:
        ConfigError: it cannot.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise ConfigError(
                f"cannot listen on {host}:{port} ({error.strerror}): choose another port, or stop what uses it"
            ) from None


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _anvil_command(options: EngineOptions) -> list[str]:
    command = [str(_find_anvil()), "--silent", "--host", options.host, "--port", str(options.port)]
    command += ["--chain-id", str(options.chain_id), "--hardfork", "paris", "--gas-limit", str(GAS_LIMIT)]
    command += ["--block-base-fee-per-gas", "0", "--gas-price", "0", "--disable-min-priority-fee"]
    command += ["--prune-history", str(options.states_kept)]
    command += ["--accounts", str(options.accounts), "--balance", "1000000", "--mnemonic", options.mnemonic]
    if options.mining is Mining.INTERVAL:
        command += ["--block-time", str(options.block_time_s)]
    elif options.mining is Mining.EXPLICIT:
        command += ["--no-mining"]
    if options.start_time_s is not None:
        command += ["--timestamp", str(options.start_time_s)]
    if options.state_folder is not None:
        state = options.state_folder / "anvil-state.json"
        command += ["--state", str(state), "--state-interval", str(_STATE_INTERVAL_S)]
    return command


def _ganache_command(options: EngineOptions) -> list[str]:
    node = shutil.which("node")
    if node is None:
        raise EnvironmentNotReadyError(f"Ganache needs Node {_NODE_LEAST} or newer, and there is no `node` on PATH")
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    if int(version.strip().removeprefix("v").split(".")[0] or 0) < _NODE_LEAST:
        raise EnvironmentNotReadyError(f"Ganache needs Node {_NODE_LEAST} or newer, this is {version.strip()}")
    script = _find("scripts/ganache-server.cjs")
    if script is None or _find("node_modules/ganache/package.json") is None:
        raise EnvironmentNotReadyError("Ganache is not installed here: run `make setup` in a source checkout")
    return [node, str(script), str(_ganache_settings(options)), str(options.port)]


def _ganache_settings(options: EngineOptions) -> Path:
    """Write the settings for Ganache, those of `ganache-config.json` with the options on top; return the file."""
    config = options.ganache_config or _find("ganache-config.json")
    try:
        settings: dict[str, Any] = json.loads(config.read_text(encoding="utf-8")) if config else {}
    except (OSError, ValueError):
        raise ConfigError(f"{config} is not a readable JSON file of Ganache options") from None
    _section(settings, "chain").update(chainId=options.chain_id, networkId=options.chain_id)
    _section(settings, "wallet").update(mnemonic=options.mnemonic, totalAccounts=options.accounts)
    _section(settings, "server").update(host=options.host, port=options.port)
    _section(settings, "miner")["blockTime"] = {
        Mining.INTERVAL: options.block_time_s,
        Mining.INSTANT: 0,
        Mining.EXPLICIT: _NEVER_S,
    }[options.mining]
    folder = options.state_folder
    if folder is not None:
        _section(settings, "database")["dbPath"] = str(folder / "ganache-state")
    if options.start_time_s is not None:
        start = datetime.fromtimestamp(options.start_time_s, UTC)
        _section(settings, "chain")["time"] = start.isoformat().replace("+00:00", "Z")
    written = (folder or Path(tempfile.gettempdir())) / f"p2ptrade-ganache-{options.port}.json"
    written.write_text(json.dumps(settings, indent=1), encoding="utf-8")
    return written


def _section(settings: dict[str, Any], name: str) -> dict[str, Any]:
    section: dict[str, Any] = settings.setdefault(name, {})
    return section


def _find_anvil() -> Path:
    """Return anvil's own binary; npm's launcher leaves it running when it is killed."""
    for root in _roots():
        for binary in sorted(root.glob("node_modules/@foundry-rs/anvil-*/bin/anvil*")):
            if os.access(binary, os.X_OK):
                return binary
    on_path = shutil.which("anvil")
    if on_path is None:
        raise EnvironmentNotReadyError(
            "anvil is not installed: run `make setup` in a source checkout, put `anvil` on PATH, "
            "or give the URL of a running chain"
        )
    return Path(on_path)


def _find(name: str) -> Path | None:
    """Return a file of the source checkout, or of the folder we are called in."""
    return next((root / name for root in _roots() if (root / name).exists()), None)


def _roots() -> tuple[Path, Path]:
    return Path(__file__).resolve().parents[2], Path.cwd()
