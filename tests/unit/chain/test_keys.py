"""Keystores: the format of other tools, the file's care, the order of password sources."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account

from p2ptrade.chain.keys import (
    SigningKey,
    find_password,
    keystore_address,
    read_keystore,
    readable_by_others,
    write_keystore,
)
from p2ptrade.errors import ConfigError, InputError

KEY = SigningKey.from_secret(bytes(31) + b"\x07")


def test_keystore_opens_in_eth_account_and_eth_accounts_opens_here(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.json", tmp_path / "theirs.json"

    write_keystore(ours, KEY, "open sesame", scrypt_n=2)
    theirs.write_text(json.dumps(Account.encrypt(KEY.secret, "open sesame", kdf="pbkdf2", iterations=2)))

    assert bytes(Account.decrypt(json.loads(ours.read_text()), "open sesame")) == KEY.secret
    assert read_keystore(theirs, "open sesame").secret == KEY.secret


def test_address_is_the_one_that_eth_account_derives() -> None:
    assert KEY.address == Account.from_key(KEY.secret).address


def test_keystore_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "home.json"

    write_keystore(path, KEY, "p", scrypt_n=2)

    assert not readable_by_others(path)
    assert keystore_address(path) == KEY.address


def test_after_opening_a_keystore_nested_json_is_refused_and_does_not_end_the_process(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    write_keystore(path, KEY, "p", scrypt_n=2)
    program = f"""
import json, pathlib
from p2ptrade.chain.keys import read_keystore
read_keystore(pathlib.Path({str(path)!r}), "p")
try:
    json.loads("[" * 100_000)
except RecursionError:
    print("refused")
"""

    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (run.returncode, run.stdout) == (0, "refused\n"), run.stderr


def test_same_key_again_changes_nothing_and_another_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    write_keystore(path, KEY, "p", scrypt_n=2)
    before = path.read_bytes()

    write_keystore(path, KEY, "another password", scrypt_n=2)
    with pytest.raises(ConfigError, match="another key"):
        write_keystore(path, SigningKey.generate(), "p", scrypt_n=2)

    assert path.read_bytes() == before


def test_wrong_password_and_no_keystore_are_said_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "home.json"
    write_keystore(path, KEY, "p", scrypt_n=2)
    (tmp_path / "text.json").write_text("hello")

    with pytest.raises(ConfigError, match="the password does not open"):
        read_keystore(path, "q")
    with pytest.raises(ConfigError, match="no V3 keystore"):
        read_keystore(tmp_path / "text.json", "p")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keystore(tmp_path / "none.json", "p")


def test_key_never_shows_its_secret() -> None:
    shown = f"{KEY} {KEY!r}"

    assert KEY.secret.hex() not in shown
    assert repr(KEY.secret) not in shown
    assert KEY.address in shown


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32, bytes(33)])
def test_what_is_no_private_key_is_refused(secret: bytes) -> None:
    with pytest.raises(InputError, match="private key"):
        SigningKey.from_secret(secret)


def test_password_comes_from_the_first_source_there_is(tmp_path: Path) -> None:
    (tmp_path / "pw").write_text("from file\n")
    (tmp_path / "relay").write_text("from credential\n")

    every: dict[str, Any] = {
        "password_file": tmp_path / "pw",
        "credentials_folder": tmp_path,
        "from_environment": "from environment",
        "prompt": lambda text: "from prompt",
    }
    found = []
    for name in list(every):
        found.append(find_password("relay", **every))
        del every[name]

    assert found == ["from file", "from credential", "from environment", "from prompt"]
    with pytest.raises(ConfigError, match="no password for relay"):
        find_password("relay")
