"""What the wallet's commands share: the market, the key in use, the table of own orders, the way past the relay."""

import secrets
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer
from eth_typing import ChecksumAddress

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.daemons import open_database, open_outbox
from p2ptrade.config import Settings, checkpoint, load_settings, open_key
from p2ptrade.domain.checkpoint import Checkpoint
from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.domain.units import AccountId
from p2ptrade.errors import ConfigError, RefusedError, TransactionRevertedError
from p2ptrade.store import Database
from p2ptrade.store.wallet import WalletTable
from p2ptrade.transport.clients import RelayClient
from p2ptrade.wallet.chain_view import MarketView
from p2ptrade.wallet.direct import DirectChannel
from p2ptrade.wallet.trader import Trader


def order_table(database: Database, market: Market) -> WalletTable:
    """Return the own orders of a market."""
    return WalletTable(database, f"{market.client.chain_id}:{market.auction.address}")


def direct_channel(
    settings: Settings,
    market: Market,
    database: Database,
    store: WalletTable,
    keys: Mapping[AccountId, SigningKey],
    crash: Checkpoint,
) -> DirectChannel:
    """Return the way past the relay for some keys."""

    return DirectChannel(market.auction, store, keys, lambda key: open_outbox(settings, market, database, key))


@dataclass(frozen=True)
class Session:
    """A command's connection: settings, market, key and account, orders."""

    settings: Settings
    market: Market
    view: MarketView
    key: SigningKey
    account: AccountId
    database: Database
    store: WalletTable
    relay: RelayClient
    trader: Trader
    direct: DirectChannel


@contextmanager
def open_session(config: Path | None) -> Iterator[Session]:
    """Give the session of the account whose key the settings name.

    Raises:
        RefusedError: the key has no account in the market.
    """
    settings = load_settings(config)
    market = connect_market(settings)
    key = open_key(settings, settings.wallet.key, "wallet")
    account = market.ledger.account_of(key.address)
    if account is None:
        raise RefusedError(
            f"{key.address} has no account in this market: `p2ptrade wallet register` says how to get one"
        )
    database = open_database(settings.wallet, "wallet")
    store = order_table(database, market)
    crash = checkpoint(settings)
    direct = direct_channel(settings, market, database, store, {account: key}, crash)
    try:
        with RelayClient(settings.wallet.relay_url) as relay:
            relay_address = market.relay_stake.relay().relay
            trader = Trader(relay, store, market.auction_domain, relay_address, {account: key}, crash)
            yield Session(settings, market, MarketView(market), key, account, database, store, relay, trader, direct)
    finally:
        direct.close()
        database.close()


def confirm(lines: Sequence[str], *, yes: bool, dry_run: bool) -> None:
    """Show what is about to be signed and ask; end the command if it is a dry run or the answer is no.

    Raises:
        ConfigError: there is no terminal to ask at, and `--yes` was not given.
    """
    sys.stderr.write("".join(f"  {line}\n" for line in lines))
    if dry_run:
        sys.stderr.write("dry run: nothing was signed or sent\n")
        raise typer.Exit(0)
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConfigError("nobody can be asked without a terminal: look at the lines above and give --yes")
    typer.confirm("Go ahead?", abort=True, err=True)


def act_now(outbox: Outbox, name: str, to: ChecksumAddress, data: bytes) -> Outgoing:
    """Send one transaction for something that is meant to happen now, and return it when it is in a block.

    Raises:
        RefusedError: the contract says no.
    """
    intent = f"wallet/{name}/{secrets.token_hex(8)}"
    try:
        outbox.submit(intent, to, data)
        return outbox.wait(intent)
    except TransactionRevertedError as error:
        raise RefusedError(str(error)) from None
