"""`p2ptrade relay`: run the market operator's relay, or check that it could run."""

import sys
from typing import Annotated

import typer

from p2ptrade.chain.deployed import Market
from p2ptrade.cli.checks import Finding, connect_market, finish
from p2ptrade.cli.daemons import PortOption, open_database, open_outbox, peer_finding, state_finding
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import Settings, checkpoint, load_settings, open_key
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import P2PTradeError
from p2ptrade.relay.app import make_relay_app
from p2ptrade.relay.chain_view import AuctionView
from p2ptrade.relay.desk import Desk
from p2ptrade.relay.resume import fill_rest
from p2ptrade.relay.service import Relay
from p2ptrade.store.relay import RelayTable
from p2ptrade.transport.clients import DsoClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.schemas.market import RelayInfo
from p2ptrade.transport.server import bind, run_service

relay_app = typer.Typer(help="The market operator's relay.", no_args_is_help=True)


@relay_app.command("run")
def run_relay(
    config: ConfigOption = None,
    port: PortOption = None,
) -> None:
    """Take seals, commit to them, and clear slots, until stopped (SIGTERM or Ctrl-C)."""
    settings = load_settings(config)
    set_up_logs("relay", level=settings.log_level)
    own = settings.relay
    listener = bind(own.host, own.port if port is None else port)
    market = connect_market(settings)
    key = open_key(settings, own.key, "relay")
    database = open_database(own, "relay")
    with (
        open_outbox(settings, market, database, key) as outbox,
        DsoClient(own.dso_url) as operator,
    ):
        view = _view(market)
        windows, domain = market.auction.windows(), market.auction_domain
        store = RelayTable(database, f"{market.client.chain_id}:{market.auction.address}")
        crash = checkpoint(settings)
        desk = Desk(
            chain=view,
            store=store,
            key=key,
            domain=domain,
            windows=windows,
            commit_lead_s=own.commit_lead_s,
            chunk_seals=own.page_orders,
            checkpoint=crash,
        )
        relay = Relay(
            chain=view,
            store=store,
            outbox=outbox,
            operator=operator,
            domain=domain,
            windows=windows,
            commit_lead_s=own.commit_lead_s,
            chunk_seals=own.page_orders,
            checkpoint=crash,
        )
        info = RelayInfo(chain_id=market.client.chain_id, auction=market.auction.address, relay=key.address)
        health = Health()
        app = make_relay_app(desk, relay, info, health)
        run_service(app, listener=listener, health=health, step=relay.step, interval_s=own.interval_s)


@relay_app.command("resume")
def resume_slot(
    slot: Annotated[int, typer.Argument(min=0, max=2**64 - 1, help="Slot number.")],
    config: ConfigOption = None,
) -> None:
    """Fill the pages of a slot that was accepted and left unfinished; anybody may, with any key as the relay's."""
    settings = load_settings(config)
    market = connect_market(settings)
    key = open_key(settings, settings.relay.key, "relay")
    with open_outbox(settings, market, open_database(settings.relay, "relay"), key) as outbox:
        pages = fill_rest(SlotNumber(slot), _view(market), outbox)
    left = f"is cleared: {pages} {'page was' if pages == 1 else 'pages were'} left" if pages else "was cleared already"
    sys.stdout.write(f"slot {slot} {left}\n")


@relay_app.command("check")
def check_relay(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether a relay with these settings could work; exit code 1 if not."""
    finish(_findings(load_settings(config)), as_json=as_json)


def _view(market: Market) -> AuctionView:
    return AuctionView(
        market.client, market.auction, market.ledger, market.grid_limits, market.relay_stake, market.first_block
    )


def _findings(settings: Settings) -> list[Finding]:
    """Return what a relay needs in the order in which it needs it; what cannot be asked is left out."""
    try:
        market = connect_market(settings)
    except P2PTradeError as error:
        return [Finding("chain and deployment", str(error))]
    findings = [Finding(f"chain {market.client.chain_id} with the auction at {market.auction.address}")]
    try:
        key = open_key(settings, settings.relay.key, "relay")
        may_commit = market.relay_stake.may_commit(key.address)
        wrong = None if may_commit else "it is not the appointed relay, or its stake does not suffice"
        findings.append(Finding(f"key {key.address} may commit", wrong))
    except P2PTradeError as error:
        findings.append(Finding("key", str(error)))
    findings.append(state_finding(settings.relay, "relay"))
    findings.append(_operator_finding(settings, market))
    return findings


def _operator_finding(settings: Settings, market: Market) -> Finding:
    def ask() -> bool:
        with DsoClient(settings.relay.dso_url) as operator:
            info = operator.info()
        return (info.chain_id, info.auction) == (market.client.chain_id, market.auction.address)

    return peer_finding(f"grid operator at {settings.relay.dso_url}", ask)
