"""Raw transactions against eth-account, which signs them on its own."""

import rlp
from eth_account import Account
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.transaction import UnsignedTransaction, unsigned

KEY = SigningKey.from_secret(b"\x07" * 32)
TO = "0x5FbDB2315678afecb367f032d93F642f64180aa3"

transactions = st.builds(
    UnsignedTransaction,
    nonce=st.integers(0, 2**32),
    gas_price_wei=st.integers(0, 2**64),
    gas_limit=st.integers(21_000, 2**32),
    to=st.sampled_from([TO, None]),
    data=st.binary(max_size=200),
)


@given(transactions, st.integers(1, 2**31))
def test_raw_bytes_are_those_that_eth_account_signs(transaction: UnsignedTransaction, chain_id: int) -> None:
    fields = {
        "nonce": transaction.nonce,
        "gasPrice": transaction.gas_price_wei,
        "gas": transaction.gas_limit,
        "to": transaction.to or b"",
        "value": 0,
        "data": transaction.data,
        "chainId": chain_id,
    }

    reference = Account.sign_transaction(fields, KEY.secret)

    assert transaction.signed(KEY, chain_id) == bytes(reference.raw_transaction)


@given(transactions)
def test_raw_bytes_say_again_what_was_signed(transaction: UnsignedTransaction) -> None:
    raw = transaction.signed(KEY, 1337)

    assert unsigned(raw) == transaction
    assert Account.recover_transaction(raw) == KEY.address
    assert len(rlp.decode(raw)) == 9
