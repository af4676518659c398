"""Mutation testing of the contracts: change one thing at a time in a copy of the tree, and see whether a test notices.

    with Campaign(folder) as campaign:
        for verdict in campaign.run(sampled(campaign.mutants(TARGETS), SEED), count=60): ...

A mutant counts when it compiles and the bytecode of a contract is another than without it. It is killed when a test of
`TESTS` fails, and has survived when all pass. Left out are tests of gas, which would notice any change at all, the
proofs, and what takes long and killed hardly one that the others did not: forge, and two tests of much that is random.

Most of the time of a mutant that is killed would go into starting programs and into the optimizer. So compiler and
tests stay in memory; `TESTS` run contracts that the optimizer has not seen, which a chain without the size limit of
EIP-170 takes; and the tests that killed mutants nearby go first, then the quick ones. Who passes them all is compiled
as it ships, to see whether anything is another there. Two mutants of the same bytecode have the same fate.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from p2ptrade.chain.compiler import SOLC_VERSION
from tests.support import contracts_build
from tests.support.mutation.assembly_mutants import assembly_mutants
from tests.support.mutation.verdicts import Fate, Mutant, Verdict

ROOT: Final = Path(__file__).resolve().parents[3]
TARGETS: Final = (
    "Ledger",
    "AccountWord",
    "DoubleAuction",
    "DoubleAuctionBase",
    "DoubleAuctionPages",
    "BookReader",
    "BookPasses",
    "Outcomes",
    "Certificate",
    "GridData",
    "LedgerCalls",
    "OrderHash",
    "Signatures",
)
"""What is mutated: the ledger, the clearing, and the libraries that both are made of."""
DEPLOYED: Final = ("Ledger", "ParticipantRegistry", "DoubleAuction", "DoubleAuctionPages", "RelayStake")
"""The contracts that have code of the targets, and that the tests deploy."""
LEDGER_TESTS: Final = "tests/contracts/ledger"
REGISTRY_TESTS: Final = "tests/contracts/participant_registry"
TESTS: Final = (
    LEDGER_TESTS,
    REGISTRY_TESTS,
    "tests/contracts/double_auction",
    "--ignore=tests/contracts/double_auction/test_gas_snapshot.py",
    "--ignore=tests/contracts/double_auction/test_worst_page.py",
    "--deselect=tests/contracts/double_auction/test_python_and_solidity_agree.py::test_500_random_slots_agree",
    "--deselect=tests/contracts/double_auction/test_pages.py::test_no_sequence_of_pages_clears_a_slot_otherwise",
)
COPIED: Final = (
    "contracts",
    "p2ptrade",
    "tests",
    "foundry.toml",
    "pyproject.toml",
    "scripts",
    "node_modules/@openzeppelin",
)
COMPILER: Final = Path(__file__).with_name("resident_solc.cjs")
SEED: Final = "20261121"


class Campaign:
    """A copy of the project in which contracts are changed, and the programs that judge them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._killed: list[Verdict] = []
        self._fates: dict[str, tuple[Fate, str]] = {}
        shutil.rmtree(folder, ignore_errors=True)
        for name in COPIED:
            copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            copy(ROOT / name, folder / name)
        self._install_chain()
        self._solc = self._start("node", str(COMPILER))
        self._install_compiler(int(self._answer(self._solc)))
        self._judge = self._start(sys.executable, "-m", "tests.support.mutation.judge", *TESTS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for program in (self._judge, self._solc):
            assert program.stdin is not None
            program.stdin.close()  # which ends it
            program.wait()

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
        done = subprocess.run(
            [ROOT / ".venv-slither/bin/python", script, *TARGETS],
            cwd=self.folder,
            env=_environment() | environment,
            capture_output=True,
            text=True,
        )
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
        _ = self._quick_first  # all tests pass without a mutant
        file = self.folder / mutant.file
        source = file.read_bytes()
        file.write_bytes(mutant.apply(source))
        try:
            verdict = self._verdict(mutant)
        finally:
            file.write_bytes(source)
            self._forget_builds()
        self.remember(verdict)
        return verdict

    def remember(self, verdict: Verdict) -> None:
        """Let the test that killed this mutant be the first to see mutants nearby."""
        if verdict.fate is Fate.KILLED:
            self._killed.append(verdict)

    def _verdict(self, mutant: Mutant) -> Verdict:
        touched = [name for name in DEPLOYED if ROOT / mutant.file in contracts_build.files_of(name)]
        built = self._ask(build=touched)
        if built is None:
            return Verdict(mutant, Fate.INVALID)
        if self._are(self._unchanged, built):
            return Verdict(mutant, Fate.SAME)
        code = json.dumps(built)
        if code not in self._fates:
            self._fates[code] = self._fate(mutant, touched)
        return Verdict(mutant, *self._fates[code])

    def _fate(self, mutant: Mutant, touched: list[str]) -> tuple[Fate, str]:
        if killer := self._ask(run=self._order(mutant, touched))["failed"]:
            return Fate.KILLED, killer
        return Fate.SAME if self._are(self._shipped, self._ask(optimize=touched)) else Fate.SURVIVED, ""

    @staticmethod
    def _are(known: dict[str, str], built: dict[str, str]) -> bool:
        return all(known[name] == code for name, code in built.items())

    def _order(self, mutant: Mutant, touched: list[str]) -> list[str]:
        """Return the tests that deploy a touched contract, in the order in which they are likely to be done soonest."""
        near = sorted(
            (verdict for verdict in self._killed if verdict.mutant.file == mutant.file),
            key=lambda verdict: abs(verdict.mutant.start - mutant.start),
        )
        order = dict.fromkeys([verdict.by for verdict in near] + self._quick_first)
        if {"Ledger", "ParticipantRegistry"}.isdisjoint(touched):
            return [test for test in order if not test.startswith((LEDGER_TESTS, REGISTRY_TESTS))]
        return list(order)

    @cached_property
    def _unchanged(self) -> dict[str, str]:
        """The bytecode of the contracts as they are; what was built for that is kept."""
        built: dict[str, str] = self._ask(build=DEPLOYED)
        return built

    @cached_property
    def _shipped(self) -> dict[str, str]:
        """The bytecode of the contracts as they ship."""
        built: dict[str, str] = self._ask(optimize=DEPLOYED)
        return built

    @cached_property
    def _quick_first(self) -> list[str]:
        """All tests, which pass without a mutant; quick ones first."""
        assert self._unchanged
        assert self._shipped
        done = self._ask(run=[])
        assert not done["failed"], f"a test fails without a mutant: {done['failed']}"
        self._kept = set((self.folder / ".cache/contracts-under-test").iterdir())
        seconds: dict[str, float] = done["seconds"]
        return sorted(seconds, key=lambda test: seconds[test])

    def _forget_builds(self) -> None:
        for path in (self.folder / ".cache/contracts-under-test").iterdir():
            if path not in self._kept:
                path.unlink()

    # ------------------------------------------------------------------------------------------------ their programs

    def _install_compiler(self, port: int) -> None:
        """Put a compiler where that of the copy is looked for, which asks the one in memory."""
        compiler = f".cache/solcx/solc-v{SOLC_VERSION}"
        version = subprocess.run([ROOT / compiler, "--version"], capture_output=True, text=True, check=True).stdout
        path = self.folder / compiler
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            f"#!/bin/sh\nif [ \"$1\" = --version ]; then\ncat <<'EOF'\n{version}EOF\nexit 0\nfi\n"
            f'exec node {shlex.quote(str(COMPILER))} {port} "$@"\n'
        )
        path.chmod(0o755)

    def _install_chain(self) -> None:
        """Put a chain where that of the copy is looked for, which takes contracts of any size."""
        (binary,) = (ROOT / "node_modules").glob("@foundry-rs/anvil-*/bin/anvil*")
        path = self.folder / binary.relative_to(ROOT)
        path.parent.mkdir(parents=True)
        path.write_text(f'#!/bin/sh\nexec {shlex.quote(str(binary))} --disable-code-size-limit "$@"\n')
        path.chmod(0o755)

    def _start(self, *command: str) -> subprocess.Popen[str]:
        with (self.folder / "programs.log").open("a") as log:
            return subprocess.Popen(
                command,
                cwd=self.folder,
                env=_environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )

    def _answer(self, program: subprocess.Popen[str]) -> str:
        assert program.stdout is not None
        line = program.stdout.readline()
        if not line:
            log = (self.folder / "programs.log").read_text()
            raise RuntimeError(f"a program of the campaign has ended: {log[-2000:]}")
        return line

    def _ask(self, **request: Sequence[str]) -> Any:
        assert self._judge.stdin is not None
        self._judge.stdin.write(json.dumps(request) + "\n")
        self._judge.stdin.flush()
        return json.loads(self._answer(self._judge))


def _environment() -> dict[str, str]:
    """Return ours, without what is about this run of tests; warnings are no reason to refuse a mutant, either."""
    dropped = ("PYTEST", "FOUNDRY_DENY")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}
