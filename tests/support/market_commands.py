"""Our commands run against a small market, by its office and by one of its homes."""

from collections.abc import Callable

import pytest

from p2ptrade import cli
from p2ptrade.chain.keys import write_keystore
from p2ptrade.config import DEV_ACCOUNTS
from p2ptrade.domain.units import AmountMicro
from p2ptrade.office import service as office
from tests.support.small_market import SmallMarket

PASSWORD = "only for tests"
Run = Callable[..., tuple[str, str]]


def write_settings(market: SmallMarket, *, home: int) -> None:
    """Write the settings by which the office, and the wallet of a home, find the market."""
    folder = market.folder
    (folder / "p2ptrade.toml").write_text(
        f"""
[chain]
url = "{market.engine.url}"
deployment = "deployment"
[office]
state = "office"
issuer = {{ dev_account = {DEV_ACCOUNTS["issuer"]} }}
treasurer = {{ dev_account = {DEV_ACCOUNTS["treasurer"]} }}
[wallet]
key = {{ keystore = "home.json", password_file = "password" }}
state = "wallet"
"""
    )
    write_keystore(folder / "home.json", market.homes[home].key, PASSWORD, scrypt_n=1024)
    (folder / "password").write_text(PASSWORD + "\n")


def give_to_treasurer(market: SmallMarket, amount_micro: int) -> None:
    """Record what a sponsor gave, for the treasurer to pay it into a fund."""
    treasurer = market.outbox("treasurer")
    given = office.Deposit(treasurer.sender, AmountMicro(amount_micro), "what a sponsor gave")
    office.record_deposits(market.market, treasurer, [given])
    market.give_up("treasurer")


def commands(market: SmallMarket, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return how to run a command: it must end with `code`, and what it wrote and its messages come back."""

    def run(*arguments: str, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        found = cli.run([*arguments, "--config", str(market.folder / "p2ptrade.toml")])
        said = capsys.readouterr()
        assert found == code, said.err
        return said.out, said.err

    return run
