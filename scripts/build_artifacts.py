"""Build the contract artifacts that ship in the package, or check that they are what the contracts say.

Usage: build_artifacts.py [--check]     Exit code 1: they differ, or a contract is too large for a chain.
"""

import argparse
import sys
from pathlib import Path

from p2ptrade.chain import compiler
from p2ptrade.errors import P2PTradeError

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "p2ptrade" / "chain" / "artifacts"


def main() -> int:
    """Compile, compare or write, and print the size of each contract."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if an artifact is out of date")
    check = parser.parse_args().check
    artifacts = compiler.compile_contracts(ROOT, compiler.project_sources(ROOT))
    for name, artifact in sorted(artifacts.items()):
        print(f"{name:<24} {artifact.deployed_size:>6} of {compiler.CODE_SIZE_LIMIT} bytes")
    faults = [f"{big.contract_name} is larger than a chain accepts" for big in compiler.too_large(artifacts.values())]
    if check:
        faults += [f"{fault}; run `make artifacts`" for fault in compiler.differences(artifacts, FOLDER)]
    else:
        compiler.write_artifacts(artifacts, FOLDER)
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except P2PTradeError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
