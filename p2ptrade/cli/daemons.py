"""What the commands of the daemons share: the port option, their database and outbox, and findings about these."""

from collections.abc import Callable
from typing import Annotated

import typer

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.cli.checks import Finding
from p2ptrade.config import DaemonSettings, Settings, checkpoint
from p2ptrade.errors import P2PTradeError
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
from p2ptrade.transport.clients import TIMEOUT_S, OracleClient

PortOption = Annotated[int | None, typer.Option(min=0, max=65535, help="Port to listen on; 0 takes a free one.")]


def open_database(own: DaemonSettings, name: str) -> Database:
    """Return the database of `name`, a daemon or who acts in the office.

    It is the one that the settings name, or a file in the state folder.

    Raises:
        ConfigError: it cannot be opened.
    """
    return Database.open(own.state / f"{name}.sqlite" if own.database is None else own.database.get_secret_value())


def open_outbox(settings: Settings, market: Market, database: Database, key: SigningKey) -> Outbox:
    """Return the outbox of a key; to be closed.

    Raises:
        ConfigError: another process sends with the key.
    """
    return Outbox(
        market.client,
        OutboxTable(database),
        key,
        finality_depth=settings.chain.finality_depth,
        checkpoint=checkpoint(settings),
    )


def state_finding(own: DaemonSettings, name: str) -> Finding:
    """Return whether the database of a service can be opened."""
    try:
        open_database(own, name).close()
    except P2PTradeError as error:
        return Finding("state", str(error))
    return Finding(f"state in {own.state}" if own.database is None else "state in the database that is set")


def oracle_finding(url: str, market: Market, timeout_s: float = TIMEOUT_S) -> Finding:
    """Return whether an oracle of this market answers at an address."""

    def ask() -> bool:
        with OracleClient(url, timeout_s=timeout_s) as oracle:
            info = oracle.info()
        return (info.chain_id, info.settlement) == (market.client.chain_id, market.settlement.address)

    return peer_finding(f"oracle at {url}", ask)


def peer_finding(what: str, works_for_us: Callable[[], bool]) -> Finding:
    """Return whether a peer answers and works for this market."""
    try:
        return Finding(what, None if works_for_us() else "it works for another market")
    except P2PTradeError as error:
        return Finding(what, str(error))
