"""Compile the Solidity contracts of a source checkout into artifacts that are the same on every machine.

Who uses the installed package needs no compiler: the artifacts ship in `p2ptrade/chain/artifacts/`. This
module makes them, through py-solc-x. The compiler is looked for in this order: one that an earlier run left
in `.cache/solcx`, a native `solc` of the pinned version on PATH, a native download, and the npm package
`solc` behind a small launcher. All are the same version, and the settings leave nothing of the machine in
the bytecode.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import solcx
from solcx.exceptions import DownloadError, SolcError, SolcInstallationError

from p2ptrade.errors import EnvironmentNotReadyError, InputError

SOLC_VERSION = "0.8.37"
EVM_VERSION = "paris"
OPTIMIZER_RUNS = 200
VIA_IR = False
CODE_SIZE_LIMIT = 24_576
"""Largest deployed bytecode in bytes (EIP-170)."""
REMAPPINGS = ("@openzeppelin/=node_modules/@openzeppelin/",)

_DOWNLOAD_PROBE_S = 5.0


@dataclass(frozen=True)
class Artifact:
    """One compiled contract, as it is written to `<contract_name>.json`."""

    contract_name: str
    abi: list[dict[str, Any]]
    bytecode: str
    deployed_bytecode: str
    compiler: Mapping[str, Any]
    source_sha256: str

    @property
    def deployed_size(self) -> int:
        """Bytes of code that the chain stores."""
        return (len(self.deployed_bytecode) - 2) // 2

    def to_json(self) -> str:
        """Return the canonical text: same contract, same bytes, on every machine."""
        return json.dumps(vars(self), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def download_solc(folder: Path) -> bool:
    """Whether py-solc-x could put a native compiler into `folder`; a closed network is noticed in seconds."""
    host = urlsplit(solcx.install.BINARY_DOWNLOAD_BASE).hostname
    try:
        socket.create_connection((host or "", 443), timeout=_DOWNLOAD_PROBE_S).close()
        solcx.install_solc(SOLC_VERSION, solcx_binary_path=folder)
    except (OSError, DownloadError, SolcInstallationError):
        return False
    return _answers(folder / f"solc-v{SOLC_VERSION}")


def ensure_solc(root: Path, download: Callable[[Path], bool] = download_solc) -> Path:
    """Return an executable solc of `SOLC_VERSION`, installing one below `root/.cache` if there is none yet.

    Raises: EnvironmentNotReadyError if neither a native compiler nor the npm package can be had.
    """
    folder = root / ".cache" / "solcx"
    folder.mkdir(parents=True, exist_ok=True)
    executable = folder / f"solc-v{SOLC_VERSION}"
    if executable.exists() and _answers(executable):
        return executable
    executable.unlink(missing_ok=True)
    native = shutil.which("solc")
    if native is not None and _answers(Path(native)):
        executable.symlink_to(Path(native).resolve())
    elif not download(folder):
        _write_npm_launcher(root, executable)
    return executable


def compile_contracts(root: Path, sources: Iterable[Path], solc: Path | None = None) -> dict[str, Artifact]:
    """Return the artifacts by name of the deployable contracts that `sources` (files below `root`) define.

    Raises: InputError with the compiler's own words if a contract does not compile, or if two have one name.
    """
    binary = solc or ensure_solc(root)
    paths = sorted(source.resolve().relative_to(root.resolve()).as_posix() for source in sources)
    if not paths:
        return {}
    output = _standard_json(root, paths, binary)
    artifacts: dict[str, Artifact] = {}
    for path in paths:
        for name, contract in output["contracts"].get(path, {}).items():
            if not contract["evm"]["bytecode"]["object"]:
                continue  # an interface, or an abstract contract
            if name in artifacts:
                raise InputError(f"two contracts are called {name}: give one of them another name")
            artifacts[name] = _artifact(root, name, contract)
    return artifacts


def project_sources(root: Path) -> list[Path]:
    """Return the files whose contracts ship: those at the root of `contracts/`."""
    return sorted((root / "contracts").glob("*.sol"))


def too_large(artifacts: Iterable[Artifact]) -> list[Artifact]:
    """Return the artifacts that no chain would accept (EIP-170)."""
    return [artifact for artifact in artifacts if artifact.deployed_size > CODE_SIZE_LIMIT]


def write_artifacts(artifacts: Mapping[str, Artifact], folder: Path) -> None:
    """Make `folder` hold exactly `artifacts`, one file each; leave unchanged files untouched."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.json"):
        if stale.stem not in artifacts:
            stale.unlink()
    for name, artifact in artifacts.items():
        target, text = folder / f"{name}.json", artifact.to_json()
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.write_text(text, encoding="utf-8")


def differences(artifacts: Mapping[str, Artifact], folder: Path) -> list[str]:
    """Return, in sentences, where the files in `folder` are not what `artifacts` says."""
    found = {path.stem: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    missing = [f"{name} has no artifact" for name in sorted(artifacts.keys() - found.keys())]
    surplus = [f"{name} has an artifact but no contract" for name in sorted(found.keys() - artifacts.keys())]
    changed = [
        f"{name} was changed after its artifact was built"
        for name in sorted(artifacts.keys() & found.keys())
        if artifacts[name].to_json() != found[name]
    ]
    return missing + surplus + changed


def _standard_json(root: Path, paths: Sequence[str], solc: Path) -> dict[str, Any]:
    request = {
        "language": "Solidity",
        "sources": {path: {"content": (root / path).read_text(encoding="utf-8")} for path in paths},
        "settings": {
            "remappings": list(REMAPPINGS),
            "optimizer": {"enabled": True, "runs": OPTIMIZER_RUNS},
            "viaIR": VIA_IR,
            "evmVersion": EVM_VERSION,
            "metadata": {"bytecodeHash": "none", "appendCBOR": False},
            "outputSelection": {"*": {"*": ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"]}},
        },
    }
    try:
        output: dict[str, Any] = solcx.compile_standard(
            request, solc_binary=solc, base_path=root, allow_paths=[root, (root / "node_modules").resolve()]
        )
    except SolcError as error:
        raise InputError(f"the contracts do not compile: {error.message}") from None
    return output


def _artifact(root: Path, name: str, contract: Mapping[str, Any]) -> Artifact:
    metadata = json.loads(contract["metadata"])
    return Artifact(
        contract_name=name,
        abi=contract["abi"],
        bytecode="0x" + contract["evm"]["bytecode"]["object"],
        deployed_bytecode="0x" + contract["evm"]["deployedBytecode"]["object"],
        compiler={
            "version": SOLC_VERSION,
            "evm_version": EVM_VERSION,
            "optimizer_runs": OPTIMIZER_RUNS,
            "via_ir": VIA_IR,
            "metadata": "none",
        },
        source_sha256=_sources_sha256(root, sorted(metadata["sources"])),
    )


def _sources_sha256(root: Path, paths: Sequence[str]) -> str:
    """Return the hash over a contract's file and everything it imports: path, zero byte, file hash, each."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(path.encode() + b"\0" + hashlib.sha256((root / path).read_bytes()).digest())
    return digest.hexdigest()


def _answers(solc: Path) -> bool:
    """Whether `solc` runs and is the pinned version."""
    try:
        answer = subprocess.run([solc, "--version"], capture_output=True, text=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return False
    return f"Version: {SOLC_VERSION}+" in answer.stdout


def _write_npm_launcher(root: Path, executable: Path) -> None:
    """Write a launcher of the npm compiler; it holds paths of this machine, so it lives in the cache only."""
    node, shim = shutil.which("node"), root / "scripts" / "solc-shim.cjs"
    package = root / "node_modules" / "solc" / "package.json"
    if node is None or not package.exists():
        raise EnvironmentNotReadyError(
            f"no Solidity compiler {SOLC_VERSION}: the download failed and the npm package is not installed; "
            "run `make setup`"
        )
    version = subprocess.run([node, shim, "--version"], capture_output=True, text=True, check=True).stdout
    if f"Version: {SOLC_VERSION}+" not in version:
        raise EnvironmentNotReadyError(
            f"the npm package solc is not {SOLC_VERSION}: run `make setup` to install the locked one"
        )
    text = (
        "#!/bin/sh\n"
        "# Written by p2ptrade.chain.compiler. It answers --version itself: that is asked before every run.\n"
        f"if [ \"$1\" = --version ]; then\ncat <<'EOF'\n{version}EOF\nexit 0\nfi\n"
        f"exec '{node}' '{shim}' \"$@\"\n"
    )
    partial = executable.with_suffix(f".{os.getpid()}")
    partial.write_text(text, encoding="utf-8")
    partial.chmod(0o755)
    partial.replace(executable)
