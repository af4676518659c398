"""Sorted-pair Keccak Merkle trees, as OpenZeppelin's `MerkleProof` verifies them.

A leaf is hashed twice, so that no inner node can pass for one; a pair is hashed smaller first, so that a
proof needs no directions. An odd node at the end of a level moves up unchanged. The root of nothing is 32
zero bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from eth_hash.auto import keccak

EMPTY_ROOT: Final = bytes(32)


def leaf_hash(*values: int) -> bytes:
    """Return keccak256(keccak256(abi.encode(values))), all of them unsigned integers."""
    return keccak(keccak(b"".join(value.to_bytes(32, "big") for value in values)))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """Return the root of the tree over the leaves in the given order."""
    level = list(leaves)
    if not level:
        return EMPTY_ROOT
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def merkle_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """Return the siblings on the way from a leaf to the root."""
    level, proof = list(leaves), []
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        level, index = _parents(level), index // 2
    return tuple(proof)


def verify_proof(leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether the proof leads from the leaf to the root."""
    node = leaf
    for sibling in proof:
        node = _pair(node, sibling)
    return node == root


def _parents(level: list[bytes]) -> list[bytes]:
    pairs = [level[at : at + 2] for at in range(0, len(level), 2)]
    return [_pair(pair[0], pair[1]) if len(pair) == 2 else pair[0] for pair in pairs]


def _pair(one: bytes, other: bytes) -> bytes:
    return keccak(min(one, other) + max(one, other))
