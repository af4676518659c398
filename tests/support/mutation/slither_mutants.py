"""Print every mutant that slither-mutate makes of some contracts, as JSON, without running a test for each.

Usage: slither_mutants.py CONTRACT...     with slither's own interpreter, in the folder of the project.

slither-mutate compiles the project again for each of thousands of mutants. Its operators alone say in a second what to
replace by what; `campaign.py` does the rest.
"""

import inspect
import json
import sys
from collections.abc import Iterator
from typing import Any

from slither import Slither
from slither.exceptions import SlitherException
from slither.tools.mutator.mutators import all_mutators
from slither.tools.mutator.mutators.abstract_mutator import AbstractMutator

OPERATORS: list[Any] = [
    operator
    for _, operator in inspect.getmembers(all_mutators, inspect.isclass)
    if issubclass(operator, AbstractMutator) and operator is not AbstractMutator
]


class PartOf:
    """A contract that shows one of its functions: where an operator fails on one, the others' mutants are kept."""

    def __init__(self, contract: Any, function: Any) -> None:
        self._contract = contract
        self.functions_and_modifiers_declared = [function]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._contract, name)


def mutants_of(unit: Any, contract: Any) -> Iterator[dict[str, Any]]:
    """Yield what each operator would replace in a contract's own functions and its variables, each patch once."""
    seen = set()
    for function in contract.functions_and_modifiers_declared:
        for operator in OPERATORS:
            try:
                maker = operator(unit, 1, "", "", PartOf(contract, function), None, False, None, [])
                found = maker._mutate().get("patches", {})
            except (AttributeError, IndexError, SlitherException, TypeError, ValueError) as error:
                # Some operators of slither fail on some functions, such as those with assembly.
                sys.stderr.write(f"{contract.name}.{function.name}: {operator.NAME} fails: {error!r}\n")
                continue
            for file, patches in found.items():
                for patch in patches:
                    place = (file, patch["start"], patch["end"], patch["new_string"])
                    if place not in seen:
                        seen.add(place)
                        yield {
                            "contract": contract.name,
                            "file": contract.source_mapping.filename.relative,
                            "operator": operator.NAME,
                            "line": patch["line_number"],
                            "start": patch["start"],
                            "end": patch["end"],
                            "text": patch["new_string"],
                        }


def main() -> None:
    """Compile the project once and print the mutants of the contracts that were named."""
    names = sys.argv[1:]
    mutants = [
        mutant
        for unit in Slither(".").compilation_units
        for contract in unit.contracts
        if contract.name in names and contract.source_mapping.filename.relative.startswith("contracts/")
        for mutant in mutants_of(unit, contract)
    ]
    json.dump(mutants, sys.stdout)


if __name__ == "__main__":
    main()
