"""Envelopes and their Merkle tree, against eth-abi's encoding and a tree built by hand."""

from __future__ import annotations

from eth_abi.abi import encode
from eth_hash.auto import keccak
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.domain.envelopes import Envelope, envelope_proofs, envelope_root
from p2ptrade.domain.merkle import merkle_proof, merkle_root, verify_proof
from p2ptrade.domain.units import AccountId, EnergyWh, SlotNumber

SLOT = SlotNumber(1_900_000)


def envelope(account: int, import_wh: int = 6_000, export_wh: int = 1_050) -> Envelope:
    return Envelope(AccountId(account), EnergyWh(import_wh), EnergyWh(export_wh))


def pair(one: bytes, other: bytes) -> bytes:
    return keccak(b"".join(sorted((one, other))))


def test_a_leaf_is_the_double_hash_of_the_abi_encoding() -> None:
    encoded = encode(["uint256"] * 4, [SLOT, 17, 6_000, 1_050])

    assert envelope(17).leaf(SLOT) == keccak(keccak(encoded))


def test_the_root_of_three_envelopes_is_the_one_built_by_hand_in_any_order() -> None:
    a, b, c = (envelope(account).leaf(SLOT) for account in (16, 17, 18))

    root = envelope_root(SLOT, [envelope(18), envelope(16), envelope(17)])

    assert root == pair(pair(a, b), c)


def test_no_envelopes_have_the_zero_root_and_no_proofs() -> None:
    assert envelope_root(SLOT, []) == bytes(32)
    assert envelope_proofs(SLOT, []) == {}


def test_a_lone_envelope_is_its_own_root() -> None:
    assert envelope_root(SLOT, [envelope(16)]) == envelope(16).leaf(SLOT)
    assert envelope_proofs(SLOT, [envelope(16)]) == {16: ()}


def test_an_envelope_of_another_slot_has_another_leaf() -> None:
    assert envelope(16).leaf(SLOT) != envelope(16).leaf(SlotNumber(SLOT + 1))


@given(st.lists(st.binary(min_size=32, max_size=32), min_size=1, max_size=40, unique=True), st.data())
def test_every_leaf_is_proven_and_no_other_is(leaves: list[bytes], data: st.DataObject) -> None:
    root = merkle_root(leaves)
    index = data.draw(st.integers(0, len(leaves) - 1))
    stranger = data.draw(st.binary(min_size=32, max_size=32).filter(lambda leaf: leaf not in leaves))

    proof = merkle_proof(leaves, index)

    assert verify_proof(leaves[index], proof, root)
    assert not verify_proof(stranger, proof, root)
