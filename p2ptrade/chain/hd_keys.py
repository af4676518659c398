"""Keys derived from a mnemonic (BIP-39, BIP-32), for development chains: light enough for every daemon."""

import hashlib
import hmac
import unicodedata
from typing import Final

import coincurve

from p2ptrade.chain.keys import SigningKey
from p2ptrade.errors import InputError

_ORDER_OF_CURVE: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HARDENED: Final = 1 << 31
_SEED_ROUNDS: Final = 2048


def derive_key(mnemonic: str, path: str) -> SigningKey:
    """Return the key at a derivation path such as `m/44'/60'/0'/0/3`.

    The words are taken as they are: a typing error gives another key, not an error.

    Raises:
        InputError: the path is none.
    """
    steps = path.split("/")
    if steps[0] != "m" or not all(step.removesuffix("'").isdecimal() for step in steps[1:]):
        raise InputError(f"a derivation path looks like m/44'/60'/0'/0/0, not {path!r}")
    words = unicodedata.normalize("NFKD", mnemonic).encode()
    seed = hashlib.pbkdf2_hmac("sha512", words, b"mnemonic", _SEED_ROUNDS)
    secret, chain_code = _halves(b"Bitcoin seed", seed)
    for step in steps[1:]:
        number = int(step.removesuffix("'")) + (_HARDENED if step.endswith("'") else 0)
        secret, chain_code = _child(secret, chain_code, number)
    return SigningKey.from_secret(secret)


def _child(secret: bytes, chain_code: bytes, number: int) -> tuple[bytes, bytes]:
    """Return a child key and its chain code (BIP-32, CKDpriv)."""
    parent = b"\0" + secret if number >= _HARDENED else coincurve.PrivateKey(secret).public_key.format()
    tweak, child_code = _halves(chain_code, parent + number.to_bytes(4, "big"))
    child = (int.from_bytes(tweak, "big") + int.from_bytes(secret, "big")) % _ORDER_OF_CURVE
    return child.to_bytes(32, "big"), child_code


def _halves(key: bytes, message: bytes) -> tuple[bytes, bytes]:
    digest = hmac.digest(key, message, "sha512")
    return digest[:32], digest[32:]
