"""Mutation score of the clearing and ledger contracts, and that what measures it can be trusted.

Paths: given assembly, then its operators and numbers are exchanged and nothing else; given verdicts, then those
that count are counted; given a journal, then it reads as it was written; given real contracts, then a mutant that
breaks a rule is killed, one that changes no code is left out, and of a sample at least 85 of 100 are noticed.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mutation import campaign
from tests.support.mutation.assembly_mutants import assembly_mutants
from tests.support.mutation.campaign import Campaign
from tests.support.mutation.verdicts import Fate, Mutant, Score, Verdict, read_journal, sampled, table

LEAST_PERCENT = 85
SAMPLE = 60
SOURCE = """uint256 add = lt(7, 8);
assembly ("memory-safe") {
    // add(1, 2) is a comment
    let x := add(shl(0x20, y), U32)
    if slt(x, 99) { leave }
}
add(3, 4);
"""


def test_operators_and_numbers_of_assembly_are_exchanged_and_nothing_else() -> None:
    mutants = [f"{SOURCE[start:end]} -> {text}" for start, end, text in assembly_mutants(SOURCE)]

    assert mutants == ["add -> sub", "shl -> shr", "0x20 -> 33", "slt -> sgt", "99 -> 100"]


def test_only_what_is_killed_or_survives_counts() -> None:
    fates = [Fate.KILLED] * 3 + [Fate.SURVIVED, Fate.SAME, Fate.INVALID]

    score = Score.of(Verdict(mutant(), fate) for fate in fates)

    assert (score.killed, score.count, score.percent) == (3, 4, 75.0)


def test_a_score_of_nothing_is_not_good() -> None:
    assert Score.of([Verdict(mutant(), Fate.SAME)]).percent < LEAST_PERCENT


def test_a_journal_reads_as_it_was_written(tmp_path: Path) -> None:
    verdicts = [Verdict(mutant(1), Fate.KILLED, "a test"), Verdict(mutant(2), Fate.SURVIVED)]
    journal = tmp_path / "journal"
    journal.write_text("".join(verdict.to_json() + "\n" for verdict in verdicts))

    assert read_journal(journal) == verdicts


def test_of_two_verdicts_on_a_mutant_the_last_one_counts(tmp_path: Path) -> None:
    verdicts = [
        Verdict(mutant(1), Fate.SURVIVED),
        Verdict(mutant(2), Fate.SAME),
        Verdict(mutant(1), Fate.KILLED, "new"),
    ]
    journal = tmp_path / "journal"
    journal.write_text("".join(verdict.to_json() + "\n" for verdict in verdicts))

    assert read_journal(journal) == [verdicts[2], verdicts[1]]


def test_a_seed_decides_the_order_of_all_mutants() -> None:
    mutants = [mutant(line=line) for line in range(50)]

    one, again, other = (sampled(mutants, seed) for seed in ("1", "1", "2"))

    assert one == again != other
    assert sorted(one, key=lambda found: found.line) == mutants


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    with Campaign(tmp_path_factory.mktemp("mutation") / "tree") as campaign_:
        yield campaign_


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_broken_rule_is_noticed_and_a_comment_is_left_out(work: Campaign) -> None:
    file = "contracts/Ledger.sol"
    source = (campaign.ROOT / file).read_bytes()

    def replaced(before: bytes, after: str) -> Mutant:
        start = source.index(before)
        return Mutant("Ledger", file, "by hand", 1, start, start + len(before), after)

    unbalanced = work.judge(replaced(b"if (sum != 0)", "if (sum > type(int128).max)"))
    comment = work.judge(replaced(b"// amount is at most the cash", "// the same in other words"))
    nonsense = work.judge(replaced(b"if (sum != 0)", "if (sum !=)"))

    assert (unbalanced.fate, comment.fate, nonsense.fate) == (Fate.KILLED, Fate.SAME, Fate.INVALID)
    assert "test_" in unbalanced.by
    assert (work.folder / file).read_bytes() == source


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_a_sample_of_mutants_is_noticed(work: Campaign) -> None:
    seed = os.environ.get("P2PTRADE_TEST_SEED", campaign.SEED)

    verdicts = list(reported(work.run(sampled(work.mutants(campaign.TARGETS), seed), SAMPLE)))

    assert Score.of(verdicts).count == SAMPLE
    assert Score.of(verdicts).percent >= LEAST_PERCENT


@pytest.mark.soak
@pytest.mark.timeout(7 * 86_400)
def test_of_all_mutants_enough_are_noticed(work: Campaign) -> None:
    verdicts = list(reported(work.run(work.mutants(campaign.TARGETS))))

    assert Score.of(verdicts).percent >= LEAST_PERCENT


def reported(verdicts: Iterator[Verdict]) -> Iterator[Verdict]:
    """Print survivors as they come, and the table in the end."""
    kept = []
    for verdict in verdicts:
        kept.append(verdict)
        if verdict.fate is Fate.SURVIVED:
            source = (campaign.ROOT / verdict.mutant.file).read_bytes()
            sys.stdout.write(f"survived: {verdict.mutant.describe(source)}\n")
        yield verdict
    sys.stdout.write("\n".join(table(kept)) + "\n")


def mutant(line: int = 1) -> Mutant:
    return Mutant("Ledger", "contracts/Ledger.sol", "ROR", line, 3, 4, "x")
