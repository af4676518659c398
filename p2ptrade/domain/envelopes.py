"""Import/export envelopes: the most that a connection may draw and feed in during a slot, and the root that
is signed.

Only connections that are cut have one; the root over none is zero. A leaf is
keccak256(keccak256(abi.encode(uint256 slot, uint256 account, uint256 importWh, uint256 exportWh))).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from p2ptrade.domain.merkle import leaf_hash, merkle_proof, merkle_root
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber


@dataclass(frozen=True, slots=True, order=True)
class Envelope:
    """Bounds of one account's connection in a slot, in Wh drawn from and fed into the grid."""

    account: AccountId
    import_wh: EnergyWh
    export_wh: EnergyWh

    def leaf(self, slot: SlotNumber) -> bytes:
        """Return the leaf that stands for this envelope in the slot's tree."""
        return leaf_hash(slot, self.account, self.import_wh, self.export_wh)


def envelope_root(slot: SlotNumber, envelopes: Sequence[Envelope]) -> bytes:
    """Return the Merkle root over the envelopes, in rising order of account."""
    return merkle_root([envelope.leaf(slot) for envelope in sorted(envelopes)])


def envelope_proofs(slot: SlotNumber, envelopes: Sequence[Envelope]) -> dict[AccountId, tuple[bytes, ...]]:
    """Return the Merkle proof of each account's envelope."""
    ordered = sorted(envelopes)
    leaves = [envelope.leaf(slot) for envelope in ordered]
    return {envelope.account: merkle_proof(leaves, index) for index, envelope in enumerate(ordered)}
