"""Mutation testing of the contracts: change one thing at a time in a copy of the tree, and see whether a test notices.

    campaign = Campaign(folder)
    for verdict in campaign.run(sampled(campaign.mutants(TARGETS), SEED), count=60): ...

A mutant counts when it compiles and its bytecode is another than the unchanged contract's. It is killed when a test of
its chain fails: contract tests first, then those of forge. It has survived when all pass. Left out is the gas snapshot,
which would notice any change at all, and so are the proofs.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Final

from tests.support.mutation.assembly_mutants import assembly_mutants
from tests.support.mutation.verdicts import Fate, Mutant, Verdict

ROOT: Final = Path(__file__).resolve().parents[3]
AUCTION_CHAIN: Final = tuple(
    f"tests/contracts/double_auction/test_{name}.py"
    for name in (
        "life_of_a_slot",
        "attacks",
        "only_one_certificate_passes",
        "python_and_solidity_agree",
        "relay_stake",
    )
)
LEDGER_CHAIN: Final = ("tests/contracts/ledger",)
# What is mutated; the deployable contracts that its code is in; the tests that ought to notice, quick ones first.
TARGETS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "Ledger": (("Ledger",), LEDGER_CHAIN),
    "AccountWord": (("Ledger", "DoubleAuction"), LEDGER_CHAIN + AUCTION_CHAIN),
    "DoubleAuction": (("DoubleAuction",), AUCTION_CHAIN),
    "BookReader": (("DoubleAuction",), AUCTION_CHAIN),
    "BookPasses": (("DoubleAuction",), AUCTION_CHAIN),
    "Certificate": (("DoubleAuction",), AUCTION_CHAIN),
    "GridData": (("DoubleAuction", "GridLimits"), ("tests/contracts/grid_limits", *AUCTION_CHAIN)),
    "LedgerCalls": (("DoubleAuction", "Ledger"), LEDGER_CHAIN + AUCTION_CHAIN),
    "OrderHash": (("DoubleAuction", "RelayStake"), AUCTION_CHAIN),
    "Signatures": (("DoubleAuction", "RelayStake"), AUCTION_CHAIN),
}
COPIED: Final = ("contracts", "p2ptrade", "tests", "foundry.toml", "pyproject.toml", "scripts")
LINKED: Final = ("node_modules", ".cache/solcx")
SEED: Final = "20261121"
CHAIN_TIMEOUT_S: Final = 900
DOES_NOT_COMPILE: Final = 9
BUILD: Final = f"""
import json, sys
from p2ptrade.errors import InputError
from tests.support.contracts_build import artifact
try:
    print(json.dumps([artifact(name)["bytecode"] for name in sys.argv[1:]]))
except InputError:
    sys.exit({DOES_NOT_COMPILE})
"""


class Campaign:
    """A copy of the project in which contracts are changed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._bytecode: dict[str, str] = {}
        self._passing: set[str] = set()
        self._kept: set[Path] = set()
        shutil.rmtree(folder, ignore_errors=True)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, folder / name)
        for name in LINKED:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).symlink_to(ROOT / name)
        for built in (".cache/contracts-under-test", ".cache/forge"):
            if (ROOT / built).exists():
                shutil.copytree(ROOT / built, folder / built)

    # ------------------------------------------------------------------------------------------------- the mutants

    @cached_property
    def _slither_mutants(self) -> list[Mutant]:
        forge = subprocess.run([ROOT / "scripts/forge.sh", "--path"], capture_output=True, text=True, check=True)
        environment = {
            "PATH": f"{forge.stdout.strip()}:{os.environ['PATH']}",
            "FOUNDRY_OUT": ".cache/slither/out",
            "FOUNDRY_CACHE_PATH": ".cache/slither/cache",
        }
        script = Path(__file__).with_name("slither_mutants.py")
        done = self._call([ROOT / ".venv-slither/bin/python", script, *TARGETS], environment)
        if done.returncode:
            raise RuntimeError(f"slither made no mutants: {done.stderr[-2000:]}")
        return [Mutant(**fields) for fields in json.loads(done.stdout)]

    def mutants(self, contracts: Iterable[str]) -> list[Mutant]:
        """Return all mutants of some contracts, slither's and those of assembly."""
        wanted = set(contracts)
        found = [mutant for mutant in self._slither_mutants if mutant.contract in wanted]
        for contract, file in sorted({(mutant.contract, mutant.file) for mutant in found}):
            source = (ROOT / file).read_text(encoding="latin-1")  # a character is a byte
            for start, end, text in assembly_mutants(source):
                line = source.count("\n", 0, start) + 1
                found.append(Mutant(contract, file, "assembly", line, start, end, text))
        return found

    # ------------------------------------------------------------------------------------------------- their judges

    def run(self, mutants: Iterable[Mutant], count: int | None = None) -> Iterator[Verdict]:
        """Judge mutants one after the other, until `count` of them have counted."""
        counted = 0
        for mutant in mutants:
            if counted == count:
                return
            verdict = self.judge(mutant)
            counted += verdict.fate in (Fate.KILLED, Fate.SURVIVED)
            yield verdict

    def judge(self, mutant: Mutant) -> Verdict:
        """Say what becomes of a mutant."""
        expected = self._unchanged(mutant.contract)
        file = self.folder / mutant.file
        source = file.read_bytes()
        file.write_bytes(mutant.apply(source))
        try:
            built = self._build(mutant.contract)
            if built is None:
                return Verdict(mutant, Fate.INVALID)
            if built == expected:
                return Verdict(mutant, Fate.SAME)
            killer = self._killer(mutant.contract)
            return Verdict(mutant, Fate.KILLED if killer else Fate.SURVIVED, killer)
        finally:
            file.write_bytes(source)
            self._forget_builds()

    def _unchanged(self, contract: str) -> str:
        """Return the bytecode of the unchanged contracts, once it is known that its tests pass without a mutant."""
        if contract not in self._bytecode:
            built = self._build(contract)
            assert built is not None, f"{contract} does not compile as it is"
            files = [file for file in TARGETS[contract][1] if file not in self._passing]
            killer = self._failing(files) or ("" if self._passing else self._failing_in_forge())
            assert not killer, f"the tests of {contract} fail without a mutant: {killer}"
            self._passing.update(files)
            self._kept.update((self.folder / ".cache/contracts-under-test").iterdir())
            self._bytecode[contract] = built
        return self._bytecode[contract]

    def _forget_builds(self) -> None:
        for path in (self.folder / ".cache/contracts-under-test").iterdir():
            if path not in self._kept:
                path.unlink()

    def _build(self, contract: str) -> str | None:
        """Return the bytecode of the contracts that the code of `contract` is in, or nothing if it does not compile."""
        deployables, _ = TARGETS[contract]
        done = self._call([sys.executable, "-c", BUILD, *deployables])
        if done.returncode == DOES_NOT_COMPILE:
            return None
        if done.returncode:
            raise RuntimeError(f"building a mutant of {contract} failed: {done.stderr[-2000:]}")
        return done.stdout

    def _killer(self, contract: str) -> str:
        """Return the first test of the chain that fails, or nothing."""
        return self._failing(TARGETS[contract][1]) or self._failing_in_forge()

    def _failing(self, files: Sequence[str]) -> str:
        if not files:
            return ""
        options = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow and not soak", "--no-header"]
        done = self._call([sys.executable, "-m", "pytest", *options, *files], timeout_s=CHAIN_TIMEOUT_S)
        return _first(done, ("FAILED", "ERROR")) if done.returncode else ""

    def _failing_in_forge(self) -> str:
        done = self._call([ROOT / "scripts/forge.sh", "test", "--fail-fast"], timeout_s=CHAIN_TIMEOUT_S)
        return "forge: " + _first(done, ("[FAIL", "Error")) if done.returncode else ""

    def _call(
        self, command: Sequence[str | Path], environment: dict[str, str] | None = None, timeout_s: int = 600
    ) -> subprocess.CompletedProcess[str]:
        # Warnings are no reason: the compiler of the artifacts takes a mutant with an unused variable.
        dropped = ("PYTEST", "FOUNDRY_DENY")
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
        inherited |= {"PYTHONDONTWRITEBYTECODE": "1"} | (environment or {})
        try:
            return subprocess.run(
                command, cwd=self.folder, env=inherited, capture_output=True, text=True, timeout=timeout_s
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, 124, "", f"more than {timeout_s} s")


def _first(done: subprocess.CompletedProcess[str], starts: tuple[str, ...]) -> str:
    """Return the first line that says what failed, or how the run ended."""
    lines = [line for line in done.stdout.splitlines() if line.startswith(starts)]
    return lines[0][:200] if lines else f"exit {done.returncode}: {(done.stderr or done.stdout)[-200:]}"
