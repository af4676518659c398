"""Mutants of assembly, which slither-mutate leaves nearly alone: one operator exchanged, or one number off by one."""

import re
from collections.abc import Iterator

EXCHANGED = {
    "lt": "gt",
    "gt": "lt",
    "slt": "sgt",
    "sgt": "slt",
    "add": "sub",
    "sub": "add",
    "shl": "shr",
    "shr": "shl",
    "and": "or",
    "or": "and",
}
_START = re.compile(r"\bassembly\s*(?:\(\"memory-safe\"\)\s*)?\{")
_TOKEN = re.compile(
    r"//[^\n]*"  # a comment is left alone
    rf"|\b(?P<operator>{'|'.join(EXCHANGED)})(?=\()"
    r"|\b(?P<number>0x[0-9a-f]+|\d+)\b"
)


def assembly_mutants(source: str) -> Iterator[tuple[int, int, str]]:
    """Yield (start, end, replacement) in characters for every operator and number inside the assembly of `source`."""
    for block in _START.finditer(source):
        end = _end_of_block(source, block.end())
        for token in _TOKEN.finditer(source, block.end(), end):
            if token["operator"]:
                yield token.start(), token.end(), EXCHANGED[token["operator"]]
            elif token["number"]:
                yield token.start(), token.end(), str(int(token["number"], 0) + 1)


def _end_of_block(source: str, position: int) -> int:
    """Return where the block ends that was opened just before `position`; comments hold no braces here."""
    depth = 1
    while depth:
        depth += {"{": 1, "}": -1}.get(source[position], 0)
        position += 1
    return position
