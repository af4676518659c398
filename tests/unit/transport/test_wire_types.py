"""Wire models take exact integers and bytes of exact length, and nothing that only looks like them."""

import json

import pytest
from pydantic import TypeAdapter, ValidationError

from p2ptrade.transport.schemas.grid import VerdictAnswer
from p2ptrade.transport.schemas.market import OpeningMessage, SealMessage, SealsMessage

DIGEST = "0x" + "11" * 32
SIGNATURE = "0x" + "22" * 64


def seal(**changes: object) -> str:
    return json.dumps({"account": 16, "terms_hash": DIGEST, "signature": SIGNATURE} | changes)


@pytest.mark.parametrize("number", [False, True, 1.0, "5", None, -1, 2**32, [16]])
def test_an_account_that_is_no_integer_of_32_bits_is_refused(number: object) -> None:
    with pytest.raises(ValidationError):
        SealMessage.model_validate_json(seal(account=number))


@pytest.mark.parametrize("text", ["1e3", "016", "NaN", "Infinity", "0x10", "１６", "1" * 5000])
def test_a_number_that_json_does_not_have_or_that_is_too_large_is_refused(text: str) -> None:
    body = seal(account=0).replace('"account": 0', f'"account": {text}')

    with pytest.raises(ValidationError):
        SealMessage.model_validate_json(body)


@pytest.mark.parametrize(
    "digest", ["11" * 32, "0x" + "11" * 31, "0x" + "11" * 33, "0x" + "1g" * 32, "0x" + "11 " * 32, "0x1", "", 5]
)
def test_bytes_of_another_length_or_alphabet_are_refused(digest: object) -> None:
    with pytest.raises(ValidationError):
        SealMessage.model_validate_json(seal(terms_hash=digest))


def test_an_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="energy_wh"):
        SealMessage.model_validate_json(seal(energy_wh=5))


def test_a_message_survives_the_way_over_the_wire() -> None:
    message = SealsMessage.model_validate_json(f'{{"seals": [{seal()}]}}')

    assert SealsMessage.model_validate_json(message.model_dump_json()) == message
    assert message.seals[0].terms_hash == bytes.fromhex("11" * 32)


def test_the_text_form_of_an_opening_shows_neither_steps_nor_salt() -> None:
    opening = OpeningMessage.model_validate_json(
        json.dumps(
            {
                "account": 16,
                "side": "bid",
                "steps": [{"energy_wh": 1234, "limit_price_micro_per_kwh": 98765}],
                "salt": "0x" + "ab" * 16,
            }
        )
    )

    shown = repr(opening) + str(opening)

    assert "1234" not in shown
    assert "98765" not in shown
    assert "abab" not in shown
    assert repr(b"\xab")[2:-1] not in shown


def test_a_verdict_of_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(VerdictAnswer).validate_json('{"verdict": "perhaps", "slot": 1}')
