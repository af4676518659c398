"""`p2ptrade wallet new|import|list`: keys in V3 keystores, which other Ethereum tools open too."""

import getpass
import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from p2ptrade.chain.keys import (
    SigningKey,
    find_password,
    keystore_address,
    read_keystore,
    readable_by_others,
    write_keystore,
)
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import Settings, credentials_folder, load_settings
from p2ptrade.errors import ConfigError, InputError

_KEYS_FOLDER: Final = "keys"
NameArgument = Annotated[str, typer.Argument(help="Name of the key: letters, digits, - and _.")]
PasswordFileOption = Annotated[
    Path | None, typer.Option("--password-file", metavar="FILE", help="File whose first line is the password.")
]


def new_key(
    name: NameArgument,
    config: ConfigOption = None,
    password_file: PasswordFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a new key and write it to a keystore; the password is asked for, twice, or read from a file."""
    settings = load_settings(config)
    path = _path(settings, name)
    if path.exists():
        raise InputError(f"there is a key {name} already, {keystore_address(path)}: choose another name")
    _write(path, SigningKey.generate(), _new_password(settings, name, password_file), as_json=as_json)


def import_key(
    name: NameArgument,
    source: Annotated[
        Path, typer.Option("--from", metavar="FILE", help="A V3 keystore, or a file with the key in hexadecimal.")
    ],
    config: ConfigOption = None,
    password_file: PasswordFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a key over from a file; the same key again under the same name is fine."""
    settings = load_settings(config)
    password = _new_password(settings, name, password_file)
    _write(_path(settings, name), _read_source(source, password), password, as_json=as_json)


def list_keys(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the keys by name and address; nothing is opened."""
    folder = load_settings(config).wallet.state / _KEYS_FOLDER
    keys = {path.stem: keystore_address(path) for path in sorted(folder.glob("*.json"))}
    for path in sorted(folder.glob("*.json")):
        if readable_by_others(path):
            sys.stderr.write(f"warning: {path} can be read by others; `chmod 600` it\n")
    if as_json:
        sys.stdout.write(json.dumps([{"name": name, "address": address} for name, address in keys.items()]) + "\n")
    elif keys:
        sys.stdout.write("".join(f"{address}  {name}\n" for name, address in keys.items()))
    else:
        sys.stdout.write("no keys yet: `p2ptrade wallet new NAME` makes one\n")


def _path(settings: Settings, name: str) -> Path:
    if not name or not all(part.isascii() and (part.isalnum() or part in "-_") for part in name):
        raise InputError(f"a key's name has letters, digits, - and _ only, unlike {name!r}")
    return settings.wallet.state / _KEYS_FOLDER / f"{name}.json"


def _write(path: Path, key: SigningKey, password: str, *, as_json: bool) -> None:
    write_keystore(path, key, password)
    if as_json:
        sys.stdout.write(json.dumps({"address": key.address, "keystore": str(path)}) + "\n")
    else:
        sys.stdout.write(f"{key.address}\nkept in {path}; set wallet.key.keystore to it to use it\n")


def _new_password(settings: Settings, name: str, password_file: Path | None) -> str:
    def ask(prompt: str) -> str:
        first = getpass.getpass(f"New {prompt.lower()}")
        if getpass.getpass("The same again: ") != first:
            raise InputError("the two passwords differ: nothing was written")
        return first

    password = find_password(
        name,
        password_file=password_file or settings.wallet.key.password_file,
        credentials_folder=credentials_folder(),
        from_environment=None if settings.password is None else settings.password.get_secret_value(),
        prompt=ask if sys.stdin.isatty() else None,
    )
    if not password:
        raise InputError("an empty password protects nothing: choose another")
    return password


def _read_source(path: Path, password: str) -> SigningKey:
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise ConfigError(f"{path} cannot be read as text: name a keystore or a file with a key") from None
    if text.startswith("{"):
        return read_keystore(path, password)
    try:
        return SigningKey.from_secret(bytes.fromhex(text.removeprefix("0x")))
    except ValueError:
        raise InputError(f"{path} holds neither a V3 keystore nor a key of 64 hexadecimal digits") from None
