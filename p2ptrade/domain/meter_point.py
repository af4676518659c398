"""How a meter point is named on the chain: by a salted hash, so that nobody finds the house on the street."""

from eth_hash.auto import keccak

from p2ptrade.errors import InputError

SALT_BYTES_MIN = 16


def meter_point_hash(identification: str, salt: bytes) -> bytes:
    """Return the 32 bytes that stand for a meter point on the chain.

    The salt is a secret that registrar and gateway share; without it the hash of every possible number could be tried.

    Raises:
        InputError: no identification, or a salt that could be guessed.
    """
    if not identification:
        raise InputError("a meter point has an identification")
    if len(salt) < SALT_BYTES_MIN:
        raise InputError(f"the salt of meter points has at least {SALT_BYTES_MIN} bytes, not {len(salt)}")
    return keccak(salt + identification.encode())
