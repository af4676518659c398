"""The messages against eth-account, which encodes and signs EIP-712 on its own."""

import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils.address import to_checksum_address
from eth_utils.crypto import keccak
from hypothesis import given
from hypothesis import strategies as st

from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.signatures import expanded, recover, shortened
from p2ptrade.chain.typed_data import (
    Domain,
    Message,
    OrderMessage,
    ReadingMessage,
    ReceiptMessage,
    ReportMessage,
    VerdictMessage,
    auction_domain,
    order_digest,
    prices_hash,
    sign,
)
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.units import EnergyWh, PriceMicroPerKwh
from p2ptrade.errors import InputError

KEY = SigningKey.from_secret(bytes(31) + b"\x07")
DOMAIN = auction_domain(1337, to_checksum_address("0x5FbDB2315678afecb367f032d93F642f64180aa3"))
ORDER_OF_CURVE = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141

words = st.binary(min_size=32, max_size=32)


def u(bits: int) -> st.SearchStrategy[int]:
    return st.integers(0, 2**bits - 1)


orders = st.builds(
    OrderMessage,
    slot=u(64),
    account=u(32),
    side=st.sampled_from(Side),
    steps=st.lists(st.builds(Step, st.integers(1, 2**32 - 1), u(32)), max_size=4).map(tuple),
    salt=st.binary(min_size=16, max_size=16),
)
messages = st.one_of(
    orders,
    st.builds(ReceiptMessage, u(64), u(32), words, u(64)),
    st.builds(VerdictMessage, u(64), words, words, words, words),
    st.builds(ReportMessage, u(64), u(32), words, words, u(32), u(64)),
    st.builds(ReadingMessage, u(32), words, u(64), u(64), u(64), u(64), u(8), u(64), words),
)


@given(messages)
def test_digest_is_the_one_that_eth_account_computes(message: Message) -> None:
    signable = encode_typed_data(full_message=message.typed_data(DOMAIN))

    reference = keccak(b"\x19" + signable.version + signable.header + signable.body)

    assert message.digest(DOMAIN) == reference


@given(messages)
def test_eth_account_recovers_the_signer_of_our_signature(message: Message) -> None:
    signature = sign(message, DOMAIN, KEY)

    signable = encode_typed_data(full_message=message.typed_data(DOMAIN))

    assert Account.recover_message(signable, signature=expanded(signature)) == KEY.address


@given(messages)
def test_we_recover_the_signer_of_an_eth_account_signature(message: Message) -> None:
    signable = encode_typed_data(full_message=message.typed_data(DOMAIN))

    signed = Account.sign_message(signable, KEY.secret)

    assert recover(message.digest(DOMAIN), shortened(bytes(signed.signature))) == KEY.address


@given(orders)
def test_who_knows_only_the_hash_of_the_terms_gets_the_same_digest(order: OrderMessage) -> None:
    assert order_digest(DOMAIN, order.slot, order.account, order.terms_hash) == order.digest(DOMAIN)


@pytest.mark.parametrize(
    "other",
    [
        Domain("p2ptrade", 1338, DOMAIN.verifying_contract),
        Domain("p2ptrade", 1337, to_checksum_address("0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512")),
        Domain("p2ptrade-settlement", 1337, DOMAIN.verifying_contract),
        Domain("p2ptrade", 1337, DOMAIN.verifying_contract, "2"),
    ],
    ids=["chain", "contract", "name", "version"],
)
def test_signature_for_another_domain_recovers_to_somebody_else(other: Domain) -> None:
    message = OrderMessage(1, 16, Side.BID, (Step(EnergyWh(1000), PriceMicroPerKwh(200_000)),), bytes(16))

    signature = sign(message, other, KEY)

    assert recover(message.digest(DOMAIN), signature) != KEY.address


def test_high_s_twin_of_a_signature_is_refused() -> None:
    digest = keccak(b"digest")
    signature = KEY.sign_digest(digest)
    word = int.from_bytes(signature[32:], "big")
    parity, s = word >> 255, word & (2**255 - 1)

    high = ORDER_OF_CURVE - s
    twin = signature[:32] + ((high & (2**255 - 1)) | (1 - parity) << 255).to_bytes(32, "big")

    assert recover(digest, signature) == KEY.address
    assert recover(digest, twin) != KEY.address


@pytest.mark.parametrize("signature", [b"", bytes(63), bytes(64), bytes(65), b"\xff" * 64])
def test_what_is_no_signature_recovers_to_nobody(signature: bytes) -> None:
    assert recover(keccak(b"digest"), signature) is None


@given(words)
def test_signing_is_deterministic_and_the_two_forms_convert_both_ways(digest: bytes) -> None:
    signature = KEY.sign_digest(digest)

    assert signature == KEY.sign_digest(digest)
    assert shortened(expanded(signature)) == signature


@pytest.mark.parametrize(
    "message",
    [
        OrderMessage(2**64, 16, Side.BID, (), bytes(16)),
        OrderMessage(-1, 16, Side.BID, (), bytes(16)),
        OrderMessage(1, 16, Side.BID, (), bytes(15)),
        ReceiptMessage(1, 16, bytes(31), 0),
    ],
    ids=["slot too large", "slot negative", "salt too short", "seal too short"],
)
def test_value_that_does_not_fit_its_type_is_refused(message: Message) -> None:
    with pytest.raises(InputError, match="must"):
        message.digest(DOMAIN)


def test_order_does_not_print_what_is_sealed() -> None:
    order = OrderMessage(9, 16, Side.BID, (Step(EnergyWh(123456), PriceMicroPerKwh(654321)),), b"secret-of-16-by.")

    shown = repr(order) + str(order)

    assert "123456" not in shown
    assert "654321" not in shown
    assert "secret" not in shown


def test_prices_are_hashed_as_words() -> None:
    assert prices_hash([1, 2]) == keccak((1).to_bytes(32, "big") + (2).to_bytes(32, "big"))
