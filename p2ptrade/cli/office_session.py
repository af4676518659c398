"""What the commands of the office share: the market, and the outbox of the key that acts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.daemons import open_database, open_outbox
from p2ptrade.config import KeySettings, Settings, load_settings, open_key


@contextmanager
def acting(config: Path | None, who: str) -> Iterator[tuple[Market, Outbox]]:
    """Give the market, and the outbox of the key of `who`."""
    settings = load_settings(config)
    key = open_key(settings, _key_of(settings, who), "relay" if who == "relay" else f"office.{who}")
    market = connect_market(settings)
    # The relay's daemon sends with the same key, so both share the outbox and its lease.
    database = open_database(settings.relay if who == "relay" else settings.office, who)
    with open_outbox(settings, market, database, key) as outbox:
        yield market, outbox


def _key_of(settings: Settings, who: str) -> KeySettings:
    office = settings.office
    return settings.relay.key if who == "relay" else getattr(office, who)
