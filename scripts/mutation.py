"""Mutate contracts and say which mutants no test notices: slither-mutate's operators, and some of our own for assembly.

Usage: nice .venv/bin/python scripts/mutation.py [--contracts Ledger ...] [--count 60] [--seed S] [--journal FILE]
       [--again]

Without a count all mutants are judged, which takes hours; the journal keeps verdicts, so that it can go on later. With
`--again` those that survived before are judged again, by tests that may be new. Needs `.venv-slither` (`make check`
sets it up).
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.support.mutation import campaign  # noqa: E402
from tests.support.mutation.verdicts import Fate, read_journal, sampled, table  # noqa: E402


def main() -> None:
    """Read the options, judge mutants, print each verdict and the score of each contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", nargs="+", default=list(campaign.TARGETS), choices=list(campaign.TARGETS))
    parser.add_argument("--count", type=int, help="judge so many mutants that count, rather than all")
    parser.add_argument("--seed", default=campaign.SEED, help="decides the order of the mutants")
    parser.add_argument("--folder", type=Path, default=ROOT / ".cache/mutation/by-hand", help="where the copy is made")
    parser.add_argument("--journal", type=Path, help="file to add verdicts to; what it has is not judged again")
    parser.add_argument("--again", action="store_true", help="judge what survived by the journal, and nothing else")
    options = parser.parse_args()
    known = read_journal(options.journal) if options.journal else []
    verdicts = {verdict.mutant: verdict for verdict in known}
    with campaign.Campaign(options.folder) as work:
        order = sampled(work.mutants(options.contracts), options.seed)
        print(f"{len(order)} mutants of {', '.join(options.contracts)}, {len(known)} in the journal", flush=True)
        for verdict in known:
            work.remember(verdict)
        if options.again:
            order = [mutant for mutant in order if mutant in verdicts and verdicts[mutant].fate is Fate.SURVIVED]
        else:
            order = [mutant for mutant in order if mutant not in verdicts]
        for verdict in work.run(order, options.count):
            verdicts[verdict.mutant] = verdict
            source = (ROOT / verdict.mutant.file).read_bytes()
            print(f"{verdict.fate}: {verdict.mutant.describe(source)} {verdict.by}", flush=True)
            if options.journal:
                with options.journal.open("a", encoding="utf-8") as journal:
                    journal.write(verdict.to_json() + "\n")
    for line in table(verdicts.values()):
        print(line)


if __name__ == "__main__":
    main()
