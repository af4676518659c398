"""Private keys: made, kept in V3 keystores that other Ethereum tools open too, and never shown.

A `SigningKey` prints its address only. Its password comes from the first of these that is there: a password file, a
credential handed over by the service manager, the environment (handed in by the caller), a hidden prompt. Never a
command-line value.
"""

import json
import os
import secrets
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import coincurve
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.signatures import address_of, compact
from p2ptrade.errors import ConfigError, InputError

# The work factor of other Ethereum tools: about 0.7 s to open. Development keys may use less.
SCRYPT_N = 262_144


@dataclass(frozen=True)
class SigningKey:
    """A private key in memory; prints and compares by its address alone."""

    address: ChecksumAddress
    _secret: coincurve.PrivateKey = field(repr=False, compare=False)

    @classmethod
    def from_secret(cls, secret: bytes) -> "SigningKey":
        """Return the key of a 32-byte secret.

        Raises:
            InputError: the secret is no private key of the curve.
        """
        try:
            if len(secret) != 32:
                raise ValueError
            private = coincurve.PrivateKey(secret)
        except ValueError:
            raise InputError("a private key has 32 bytes and lies between 1 and the order of the curve") from None
        return cls(address_of(private.public_key), private)

    @classmethod
    def generate(cls) -> "SigningKey":
        """Return a new random key."""
        return cls.from_secret(coincurve.PrivateKey(secrets.token_bytes(32)).secret)

    @property
    def secret(self) -> bytes:
        """The secret itself: for signing transactions and writing keystores, never for printing."""
        return self._secret.secret

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the compact, low-s signature over 32 bytes."""
        signature = self._secret.sign_recoverable(digest, hasher=None)
        r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:64], "big")
        return compact(r, s, signature[64])


def read_keystore(path: Path, password: str) -> SigningKey:
    """Return the key of a V3 keystore file.

    Raises:
        ConfigError: there is no such file, or it is no keystore, or the password does not open it.
    """
    library = _keystore_library()
    content = _keystore_json(path)
    try:
        return SigningKey.from_secret(library.decode_keyfile_json(content, password.encode()))
    except (ValueError, KeyError, TypeError, NotImplementedError):
        raise ConfigError(f"the password does not open the keystore {path.name}") from None


def write_keystore(path: Path, key: SigningKey, password: str, *, scrypt_n: int = SCRYPT_N) -> None:
    """Write `key` to `path`, readable by its owner only; a key that is there already is left as it is.

    Raises:
        ConfigError: `path` holds another key.
    """
    if path.exists():
        if keystore_address(path) != key.address:
            raise ConfigError(f"{path.name} holds another key: give the new one another name")
        return
    content = _keystore_library().create_keyfile_json(key.secret, password.encode(), kdf="scrypt", iterations=scrypt_n)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _keystore_library() -> ModuleType:
    """Return the library, imported when it is first needed because it is slow to load.

    A library of curves below it lifts Python's limit of nesting so far that deeply nested JSON would overflow the stack
    and end the process instead of being refused; the limit is put back.
    """
    limit = sys.getrecursionlimit()
    from eth_keyfile import keyfile

    sys.setrecursionlimit(limit)
    return keyfile


def keystore_address(path: Path) -> ChecksumAddress:
    """Return the address that a keystore file names, without opening it."""
    try:
        return to_checksum_address("0x" + str(_keystore_json(path)["address"]).removeprefix("0x"))
    except (KeyError, ValueError):
        raise ConfigError(f"{path.name} is no V3 keystore: it names no address") from None


def find_password(
    what: str,
    *,
    password_file: Path | None = None,
    credentials_folder: Path | None = None,
    from_environment: str | None = None,
    prompt: Callable[[str], str] | None = None,
) -> str:
    """Return the password for `what` from the first source that is there.

    `credentials_folder` is the folder in which a service manager puts credentials; the file is called like `what`.

    Raises:
        ConfigError: no source has one, or the password file cannot be read.
    """
    if password_file is not None:
        return _first_line(password_file)
    if credentials_folder is not None and (credentials_folder / what).exists():
        return _first_line(credentials_folder / what)
    if from_environment is not None:
        return from_environment
    if prompt is not None:
        return prompt(f"Password of {what}: ")
    raise ConfigError(f"no password for {what}: name a password file, there is no terminal to ask at")


def readable_by_others(path: Path) -> bool:
    """Whether somebody besides its owner may read a key file, which is worth a warning."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def _first_line(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").split("\n", 1)[0].rstrip("\r")
    except OSError as error:
        raise ConfigError(f"the password file {path} cannot be read: {error.strerror}") from None


def _keystore_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"the keystore {path} cannot be read: {error.strerror}; `p2ptrade wallet new NAME` makes one"
        ) from None
    except ValueError:
        raise ConfigError(f"{path.name} is no V3 keystore: it is not JSON") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path.name} is no V3 keystore: it is not a JSON object")
    return content
