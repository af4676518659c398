"""The contracts as they are in the working tree, each compiled when it is first needed and kept below `.cache`.

A contract is compiled again only when its file, or a file that it imports, has changed.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, Final

from p2ptrade.chain import abi
from p2ptrade.chain.compiler import Artifact, compile_contracts

ROOT: Final = Path(__file__).resolve().parents[2]
CACHE: Final = ROOT / ".cache" / "contracts-under-test"
_IMPORT: Final = re.compile(r'^import\s[^;]*?"(\.[^"]+)";', re.MULTILINE)
_ERRORS: dict[bytes, tuple[str, abi.Parameters]] = {}


@cache
def artifact(name: str) -> dict[str, Any]:
    """Return the artifact of the contract that `contracts/` or `contracts/mocks/` has in a file of that name."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        build([name])
    loaded: dict[str, Any] = json.loads(_built(name).read_text())
    return loaded


def build(names: Iterable[str]) -> None:
    """Compile, in one run, those contracts that are not kept as they are now."""
    missing = [name for name in names if not _built(name).exists()]
    compiled = compile_anew(missing)
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in missing:
        built, found = _built(name), compiled[name]
        draft = built.with_suffix(".draft")
        draft.write_text(json.dumps({**vars(found), "compiler": dict(found.compiler)}))
        draft.rename(built)


def compile_anew(names: Iterable[str]) -> dict[str, Artifact]:
    """Compile contracts, in one run, whatever is kept, and keep nothing."""
    return compile_contracts(ROOT, map(_source, names))


@cache
def contract(name: str) -> abi.ContractAbi:
    """Return one contract by name; its custom errors are known from then on."""
    found = artifact(name)
    for entry in found["abi"]:
        if entry["type"] == "error":
            error = abi.Function(entry["name"], abi.Parameters.of(entry["inputs"]), abi.Parameters((), ()))
            _ERRORS[error.selector] = (error.name, error.inputs)
    return abi.parse(found)


def custom_error(selector: bytes) -> tuple[str, abi.Parameters] | None:
    """Return name and parameters of a custom error of any contract used so far."""
    return _ERRORS.get(selector)


def files_of(name: str) -> set[Path]:
    """Return the files of our own that a contract is made of: its own, and what that imports."""
    seen: set[Path] = set()
    waiting = [_source(name)]
    while waiting:
        file = waiting.pop().resolve()
        if file not in seen:
            seen.add(file)
            waiting += [file.parent / imported for imported in _IMPORT.findall(file.read_text(encoding="utf-8"))]
    return seen


def _source(name: str) -> Path:
    (source,) = [path for path in (ROOT / "contracts").rglob(f"{name}.sol") if path.parent.name != "interfaces"]
    return source


def _built(name: str) -> Path:
    """Return where a contract is kept: the name holds a hash over the compiler's settings and the contract's files."""
    digest = hashlib.sha256((ROOT / "p2ptrade" / "chain" / "compiler.py").read_bytes())
    for file in sorted(files_of(name)):
        digest.update(file.relative_to(ROOT).as_posix().encode() + b"\0" + file.read_bytes())
    return CACHE / f"{name}-{digest.hexdigest()[:20]}.json"
