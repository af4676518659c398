"""`p2ptrade gateway`: run a gateway, check that it could run, list what is missing in its readings."""

import json
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import asdict
from typing import Annotated

import typer

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.keys import SigningKey
from p2ptrade.cli.checks import Finding, connect_market, finish
from p2ptrade.cli.daemons import PortOption, open_database, oracle_finding, state_finding
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import GatewaySettings, Settings, checkpoint, load_settings, open_key
from p2ptrade.domain.meter_point import meter_point_hash
from p2ptrade.domain.reading import Quality
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import P2PTradeError, RefusedError
from p2ptrade.gateway.app import make_gateway_app
from p2ptrade.gateway.chain_view import AuctionView
from p2ptrade.gateway.gaps import find_gaps
from p2ptrade.gateway.homes import ServedHome, connect_homes
from p2ptrade.gateway.metrics import GatewayMetrics
from p2ptrade.gateway.peers import RemoteDso, RemoteOracle
from p2ptrade.gateway.service import Gateway
from p2ptrade.gateway.uplink import Uplink
from p2ptrade.grid.profiles import HomeProfiles, load_homes
from p2ptrade.store.gateway import GatewayTable
from p2ptrade.transport.clients import DsoClient, OracleClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.reading_messages import reading_message
from p2ptrade.transport.server import bind, run_service

gateway_app = typer.Typer(help="The gateway at the meters.", no_args_is_help=True)


@gateway_app.command("run")
def run_gateway(
    config: ConfigOption = None,
    port: PortOption = None,
) -> None:
    """Read the meters, sign and deliver readings, and steer the homes, until stopped (SIGTERM or Ctrl-C)."""
    settings = load_settings(config)
    set_up_logs("gateway")
    own = settings.gateway
    listener = bind(own.host, own.port if port is None else port)
    market = connect_market(settings)
    key = open_key(settings, own.key, "gateway")
    profiles = load_homes(own.network)
    served = _served(own, profiles, market, key)
    if not served:
        raise RefusedError(
            f"no admitted home of {own.network} has the gateway {key.address}: admit the homes first, and check "
            "gateway.key and gateway.meter_salt"
        )
    database = open_database(own, "gateway")
    table, metrics, crash = GatewayTable(database), GatewayMetrics(), checkpoint(settings)
    view = AuctionView(market.auction, market.first_block)
    with ExitStack() as open_clients:
        oracles = [open_clients.enter_context(OracleClient(url)) for url in own.oracle_urls]
        operator = None if own.dso_url is None else open_clients.enter_context(DsoClient(own.dso_url))
        lease = database.lease("gateway")
        open_clients.callback(lease.close)
        gateway = Gateway(
            chain=view,
            envelopes=None if operator is None else RemoteDso(operator),
            uplinks=[Uplink(RemoteOracle(oracle), table, metrics, crash) for oracle in oracles],
            store=table,
            signer=key,
            domain=market.reading_domain,
            connected=connect_homes(profiles, own.week, served, table.homes(), present=slot_at(view.now_s())),
            correction_window_s=market.settlement.correction_window_s(),
            metrics=metrics,
            checkpoint=crash,
        )
        health = Health()
        app = make_gateway_app(gateway, table, health)
        run_service(app, listener=listener, health=health, step=gateway.step, interval_s=own.interval_s)


@gateway_app.command("readings")
def show_readings(
    slot: Annotated[int, typer.Argument(min=0, help="Slot number.")],
    config: ConfigOption = None,
    account: Annotated[int | None, typer.Option(min=0, help="Only the reading of this account.")] = None,
) -> None:
    """Write the signed readings at the end of a slot, one JSON object a line; participants contest with them."""
    settings = load_settings(config)
    database = open_database(settings.gateway, "gateway")
    readings = GatewayTable(database).readings(SlotNumber(slot), SlotNumber(slot))
    database.close()
    for signed in readings:
        if account is None or signed.reading.account == account:
            sys.stdout.write(reading_message(signed).model_dump_json() + "\n")


@gateway_app.command("gaps")
def list_gaps(
    config: ConfigOption = None,
    first: Annotated[int, typer.Option(min=0, help="First slot number; default: the first with a reading.")] = 0,
    last: Annotated[int, typer.Option(min=0, help="Last slot number; default: the last with a reading.")] = 2**40,
    as_json: JsonOption = False,
) -> None:
    """List slots without a reading or with an estimated one, and readings that an oracle refused."""
    settings = load_settings(config)
    database = open_database(settings.gateway, "gateway")
    table = GatewayTable(database)
    gaps = find_gaps(table.readings(SlotNumber(first), SlotNumber(last)))
    refusals = table.refusals()
    database.close()
    if as_json:
        document = {
            "gaps": [{**asdict(gap), "quality": gap.quality.name.lower()} for gap in gaps],
            "refusals": [asdict(refusal) for refusal in refusals],
        }
        sys.stdout.write(json.dumps(document) + "\n")
        return
    for gap in gaps:
        word = "missing" if gap.quality is Quality.MISSING else f"{gap.quality.name.lower()} (estimated)"
        sys.stdout.write(f"account {gap.account}: slots {gap.first_slot} to {gap.last_slot} {word}\n")
    for each in refusals:
        sys.stdout.write(f"account {each.account}: reading {each.sequence} refused by {each.oracle}: {each.reason}\n")
    if not gaps and not refusals:
        sys.stdout.write("every slot has its measured reading, and no oracle refused one\n")


@gateway_app.command("check")
def check_gateway(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether a gateway with these settings could work; exit code 1 if not."""
    finish(_findings(load_settings(config)), as_json=as_json)


def _findings(settings: Settings) -> Iterator[Finding]:
    """Give what a gateway needs in the order in which it needs it; what cannot be asked is left out."""
    own = settings.gateway
    try:
        market = connect_market(settings)
    except P2PTradeError as error:
        yield Finding("chain and deployment", str(error))
        return
    yield Finding(f"chain {market.client.chain_id} with the registry at {market.registry.address}")
    try:
        key = open_key(settings, own.key, "gateway")
        served = _served(own, load_homes(own.network), market, key)
        wrong = None if served else "the registry names it for no home of the network"
        yield Finding(f"key {key.address} signs for {len(served)} homes", wrong)
    except P2PTradeError as error:
        yield Finding("key and homes", str(error))
    yield state_finding(own, "gateway")
    if not own.oracle_urls:
        yield Finding("oracles", "none is set: name them in gateway.oracle_urls")
    for url in own.oracle_urls:
        yield oracle_finding(url, market)


def _served(own: GatewaySettings, profiles: HomeProfiles, market: Market, key: SigningKey) -> list[ServedHome]:
    """Return the homes whose meter point is admitted with this gateway."""
    salt = own.meter_salt.get_secret_value().encode()
    points = [meter_point_hash(home.connection, salt) for home in profiles.homes[: own.homes]]
    accounts = market.registry.read_many("accountOfMeterPoint", [(point,) for point in points])
    admitted = [AccountId(account) for account in accounts if account]
    gateways = market.registry.gateways(admitted)
    states = market.ledger.accounts(admitted)
    return [
        ServedHome(index, AccountId(account), point, states[AccountId(account)].capacity_kw)
        for index, (account, point) in enumerate(zip(accounts, points, strict=True))
        if account and gateways.get(AccountId(account)) == key.address
    ]
