"""Private keys as the settings name them: opened, or derived from the development mnemonic."""

import getpass
import sys

from p2ptrade.chain.engine_command import DEV_MNEMONIC
from p2ptrade.chain.hd_keys import derive_key
from p2ptrade.chain.keys import SigningKey, find_password, keystore_address, read_keystore
from p2ptrade.config.sections import KeySettings
from p2ptrade.config.settings import Settings, credentials_folder
from p2ptrade.errors import ConfigError


def open_key(settings: Settings, key: KeySettings, what: str) -> SigningKey:
    """Return the key of a service called `what`; asks for a password if there is a terminal and nothing else.

    Raises:
        ConfigError: no key is set, or it cannot be opened.
    """
    if key.dev_account is not None:
        return dev_key(key.dev_account)
    if key.keystore is None:
        raise ConfigError(
            f"no key for {what}: set {what}.key.keystore, or {what}.key.dev_account on a development chain"
        )
    keystore_address(key.keystore)
    password = find_password(
        what,
        password_file=key.password_file,
        credentials_folder=credentials_folder(),
        from_environment=None if settings.password is None else settings.password.get_secret_value(),
        prompt=getpass.getpass if sys.stdin.isatty() else None,
    )
    return read_keystore(key.keystore, password)


def dev_key(index: int) -> SigningKey:
    """Return an account of the development mnemonic, whose keys everybody knows."""
    return derive_key(DEV_MNEMONIC, f"m/44'/60'/0'/0/{index}")
