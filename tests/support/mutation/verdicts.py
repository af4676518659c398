"""Mutants, what became of them, and how they are kept and counted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Fate(StrEnum):
    """What became of a mutant."""

    KILLED = "killed"
    SURVIVED = "survived"
    SAME = "same bytecode"
    INVALID = "does not compile"


@dataclass(frozen=True)
class Mutant:
    """One replacement in one file; `start` and `end` count bytes."""

    contract: str
    file: str
    operator: str
    line: int
    start: int
    end: int
    text: str

    def apply(self, source: bytes) -> bytes:
        """Return the changed file."""
        return source[: self.start] + self.text.encode() + source[self.end :]

    def describe(self, source: bytes) -> str:
        """Return a line that says what was replaced by what."""
        before = " ".join(source[self.start : self.end].decode().split())
        return f"{self.file}:{self.line} [{self.operator}] {before!r} -> {self.text!r}"


@dataclass(frozen=True)
class Verdict:
    """A mutant and what became of it; `by` is the test that killed it."""

    mutant: Mutant
    fate: Fate
    by: str = ""

    def to_json(self) -> str:
        return json.dumps({**asdict(self.mutant), "fate": self.fate, "by": self.by})

    @classmethod
    def from_json(cls, text: str) -> Verdict:
        fields = json.loads(text)
        return cls(fate=Fate(fields.pop("fate")), by=fields.pop("by"), mutant=Mutant(**fields))


@dataclass(frozen=True)
class Score:
    """How many mutants were noticed."""

    killed: int
    survived: int

    @classmethod
    def of(cls, verdicts: Iterable[Verdict]) -> Score:
        fates = [verdict.fate for verdict in verdicts]
        return cls(fates.count(Fate.KILLED), fates.count(Fate.SURVIVED))

    @property
    def count(self) -> int:
        return self.killed + self.survived

    @property
    def percent(self) -> float:
        return 100 * self.killed / self.count if self.count else 0.0


def sampled(mutants: Iterable[Mutant], seed: str) -> list[Mutant]:
    """Return the mutants in an order that the seed decides, and that does not depend on which others there are."""

    def rank(mutant: Mutant) -> bytes:
        return hashlib.sha256(f"{seed}/{mutant}".encode()).digest()

    return sorted(mutants, key=rank)


def read_journal(path: Path) -> list[Verdict]:
    """Return the verdicts of earlier runs, the last one of each mutant."""
    verdicts = map(Verdict.from_json, path.read_text("utf-8").splitlines() if path.exists() else [])
    return list({verdict.mutant: verdict for verdict in verdicts}.values())


def table(verdicts: Iterable[Verdict]) -> list[str]:
    """Return a line for each contract, and one for all of them together."""
    by_contract: dict[str, list[Verdict]] = {}
    for verdict in verdicts:
        by_contract.setdefault(verdict.mutant.contract, []).append(verdict)
    everything = [verdict for found in by_contract.values() for verdict in found]
    rows = [*sorted(by_contract.items()), ("all", everything)]
    scores = [(name, len(found), Score.of(found)) for name, found in rows]
    return [
        f"{name:<18} {tried:>5} drawn {score.count:>5} count {score.killed:>5} killed {score.percent:6.1f} %"
        for name, tried, score in scores
    ]
