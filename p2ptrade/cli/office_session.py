"""What the commands of the office share: the market, and the outbox of the key that acts."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.config import KeySettings, Settings, load_settings, open_key
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable


@contextmanager
def acting(config: Path | None, who: str) -> Iterator[tuple[Market, Outbox]]:
    """Give the market, and the outbox of the key of `who`."""
    settings = load_settings(config)
    key = open_key(settings, _key_of(settings, who), "relay" if who == "relay" else f"office.{who}")
    deployment = Deployment.read(settings.chain.deployment)
    market = Market.connect(settings.chain.url, deployment, timeout_s=settings.chain.timeout_s)
    # The relay's daemon sends with the same key, so both share the outbox and its lease.
    file = settings.relay.state / "relay.sqlite" if who == "relay" else settings.office.state / f"{who}.sqlite"
    with Outbox(
        market.client, OutboxTable(Database.open(file)), key, finality_depth=settings.chain.finality_depth
    ) as outbox:
        yield market, outbox


def _key_of(settings: Settings, who: str) -> KeySettings:
    office = settings.office
    return settings.relay.key if who == "relay" else getattr(office, who)
