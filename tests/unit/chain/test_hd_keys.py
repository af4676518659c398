"""Derived keys against eth-account, which derives them on its own, and against the vectors of BIP-32."""

import pytest
from eth_account import Account
from hypothesis import given, settings
from hypothesis import strategies as st

from p2ptrade.chain import hd_keys
from p2ptrade.chain.engine_command import DEV_MNEMONIC
from p2ptrade.chain.hd_keys import derive_key
from p2ptrade.errors import InputError

Account.enable_unaudited_hdwallet_features()
steps = st.lists(st.tuples(st.integers(0, 2**31 - 1), st.booleans()), min_size=1, max_size=5)


@settings(max_examples=20, deadline=None)
@given(steps)
def test_key_at_any_path_is_the_one_that_eth_account_derives(path: list[tuple[int, bool]]) -> None:
    text = "m/" + "/".join(f"{number}{quote * chr(39)}" for number, quote in path)

    reference = Account.from_mnemonic(DEV_MNEMONIC, account_path=text)

    assert derive_key(DEV_MNEMONIC, text).secret == bytes(reference.key)


def test_children_are_those_of_the_first_vector_of_bip_32() -> None:
    secret, chain_code = hd_keys._halves(b"Bitcoin seed", bytes(range(16)))

    hardened, hardened_code = hd_keys._child(secret, chain_code, 2**31)
    normal, _ = hd_keys._child(hardened, hardened_code, 1)

    assert secret.hex() == "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35"
    assert hardened.hex() == "edb2e14f9ee77d26dd93b4ecede8d16ed408ce149b6cd80b0715a2d911a0afea"
    assert normal.hex() == "3c6cb8d0f6a264c91ea8b5030fadaa8e538b020f0a387421a12de9319dc93368"


@pytest.mark.parametrize("path", ["", "44'/60'", "m/x", "m/-1", "m//1", "m/1''"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InputError, match="derivation path"):
        derive_key(DEV_MNEMONIC, path)
