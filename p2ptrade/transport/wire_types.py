"""The few types that every wire model is made of: exact integers, bytes as `0x…` hexadecimal, checksummed addresses.

JSON has one number type and Python is generous with it; these are not. `false`, `1.0`, `1e3` and `"5"` are no integers,
and bytes have their exact length.
"""

import re
from functools import partial
from typing import Annotated, Any, Final

from eth_utils.address import is_address, to_checksum_address
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainSerializer,
    PlainValidator,
    WithJsonSchema,
)

from p2ptrade.domain.units import U32_MAX

_HEX: Final = re.compile(r"0x(?:[0-9a-fA-F]{2})*")
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")
U64_MAX: Final = 2**64 - 1
PAGE_BYTES_MAX: Final = 128 * 1024


class WireModel(BaseModel):
    """Base of all messages: strict, frozen, and without room for unknown keys."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, hide_input_in_errors=True)


def _bytes_from(value: object, *, least: int, most: int) -> bytes:
    if isinstance(value, str):
        # Check the length first: a pattern over megabytes is work for nothing.
        if len(value) <= 2 + 2 * most and _HEX.fullmatch(value):
            value = bytes.fromhex(value[2:])
        elif len(value) <= 2 + 2 * most:
            raise ValueError("must be hexadecimal with 0x in front and two digits a byte")
    if isinstance(value, bytes) and least <= len(value) <= most:
        return value
    size = f"{least}" if least == most else f"{least} to {most}"
    raise ValueError(f"must be {size} bytes in hexadecimal with 0x in front")


def _as_hex(value: bytes) -> str:
    return "0x" + value.hex()


def _hex(least: int, most: int | None = None) -> GetPydanticSchema:
    """Return the pydantic schema of bytes of `least` to `most` bytes that are hexadecimal on the wire."""
    most = least if most is None else most
    count = f"{{{2 * least}}}" if least == most else f"{{{2 * least},{2 * most}}}"
    parts = (
        PlainValidator(partial(_bytes_from, least=least, most=most)),
        PlainSerializer(_as_hex, return_type=str, when_used="json"),
        WithJsonSchema({"type": "string", "pattern": f"^0x[0-9a-fA-F]{count}$"}),
    )
    annotated: Any = Annotated[bytes, *parts]
    return GetPydanticSchema(lambda _source, handler: handler(annotated))


def _address_from(value: object) -> str:
    if isinstance(value, str) and _ADDRESS.fullmatch(value) and is_address(value):
        return to_checksum_address(value)
    raise ValueError("must be an address: 0x and 40 hexadecimal digits, with the right checksum if in mixed case")


U8 = Annotated[int, Field(ge=0, le=255)]
U32 = Annotated[int, Field(ge=0, le=U32_MAX)]
U64 = Annotated[int, Field(ge=0, le=U64_MAX)]
I32 = Annotated[int, Field(ge=-(2**31), le=2**31 - 1)]
PositiveU32 = Annotated[int, Field(ge=1, le=U32_MAX)]
Bytes16 = Annotated[bytes, _hex(16)]
Bytes32 = Annotated[bytes, _hex(32)]
Signature = Annotated[bytes, _hex(64)]
"""`r ‖ yParityAndS` (EIP-2098), the one form in which signatures are written down here."""
PageBytes = Annotated[bytes, _hex(0, PAGE_BYTES_MAX)]
GridBytes = Annotated[bytes, _hex(21, 21 + 32 * 9)]
Address = Annotated[
    str, PlainValidator(_address_from), WithJsonSchema({"type": "string", "pattern": "^0x[0-9a-fA-F]{40}$"})
]
Sentence = Annotated[str, Field(max_length=2000)]
