"""`p2ptrade dso`: run the grid operator's daemon, or check that it could run."""

from contextlib import ExitStack
from dataclasses import replace

import typer

from p2ptrade.chain.contracts.authority import Role
from p2ptrade.cli.checks import Finding, connect_market, finish
from p2ptrade.cli.daemons import PortOption, open_database, open_outbox, state_finding
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import DsoSettings, Settings, checkpoint, load_settings, open_key
from p2ptrade.dso.app import make_dso_app
from p2ptrade.dso.chain_view import MarketView
from p2ptrade.dso.desk import VerdictDesk
from p2ptrade.dso.forecast import AnnouncedForecast, YesterdayForecast
from p2ptrade.dso.operator import GridModel
from p2ptrade.dso.ports import Forecaster
from p2ptrade.dso.service import Publisher
from p2ptrade.errors import P2PTradeError
from p2ptrade.grid import DEFAULT_RULES, load_homes, load_network, load_tariff, propose_zones, topology_hash
from p2ptrade.store.dso import DsoTable
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.schemas.grid import DsoInfo
from p2ptrade.transport.server import bind, run_service

dso_app = typer.Typer(help="The grid operator's daemon.", no_args_is_help=True)


@dso_app.command("run")
def run_dso(
    config: ConfigOption = None,
    port: PortOption = None,
) -> None:
    """Publish limits, check results and sign verdicts, until stopped. Without a key it runs dry and signs nothing."""
    settings = load_settings(config)
    set_up_logs("dso", level=settings.log_level)
    own = settings.dso
    listener = bind(own.host, own.port if port is None else port)
    market = connect_market(settings)
    key = open_key(settings, own.key, "dso") if own.key.is_set else None
    database = open_database(own, "dso")
    model, forecaster = grid_model(own), forecaster_of(own)
    salt = None if own.meter_salt is None else own.meter_salt.get_secret_value().encode()
    view = MarketView(market, tuple(each.id for each in model.network.connections), salt)
    windows = market.auction.windows()
    with ExitStack() as stack:
        outbox = None if key is None else stack.enter_context(open_outbox(settings, market, database, key))
        publisher = Publisher(view, forecaster, model, windows, own.ahead_slots, outbox, checkpoint(settings))
        desk = VerdictDesk(
            chain=view,
            forecaster=forecaster,
            model=model,
            log=DsoTable(database, f"{market.client.chain_id}:{market.auction.address}"),
            domain=market.auction_domain,
            windows=windows,
            key=key,
            checkpoint=checkpoint(settings),
        )
        info = DsoInfo(
            chain_id=market.client.chain_id,
            auction=market.auction.address,
            dso=None if key is None else key.address,
            topology_hash=topology_hash(model.network),
            zones=model.plan.zones,
        )
        health = Health()
        app = make_dso_app(desk, info, health)
        run_service(app, listener=listener, health=health, step=publisher.step, interval_s=own.interval_s)


@dso_app.command("check")
def check_dso(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether a grid operator's daemon with these settings could work; exit code 1 if not."""
    finish(_findings(load_settings(config)), as_json=as_json)


def grid_model(settings: DsoSettings) -> GridModel:
    """Return the network, its zones, the charges and the rules that the settings name."""
    network = load_network(settings.network)
    tariff = load_tariff(settings.tariff or "default")
    rules = replace(DEFAULT_RULES, samples=settings.samples)
    return GridModel(network, propose_zones(network), tariff.charges, rules)


def forecaster_of(settings: DsoSettings) -> Forecaster:
    """Return the forecast that the settings name."""
    profiles = load_homes(settings.homes or settings.network)
    week = profiles.week(settings.week)
    return YesterdayForecast(week) if settings.forecast == "yesterday" else AnnouncedForecast(week, profiles.homes)


def _findings(settings: Settings) -> list[Finding]:
    """Return what the daemon needs, each with what is wrong about it, in the order in which it needs it."""
    own = settings.dso
    findings: list[Finding] = []
    try:
        model = grid_model(own)
        findings.append(Finding(f"network {model.network.name} with {model.plan.zones} zones"))
        forecaster_of(own)
        findings.append(Finding(f"forecast from the week {own.week}"))
        market = connect_market(settings)
        findings.append(Finding(f"chain {market.client.chain_id} with the auction at {market.auction.address}"))
        findings.append(state_finding(own, "dso"))
        if not own.key.is_set:
            findings.append(Finding("no key: it would run dry and sign nothing"))
            return findings
        key = open_key(settings, own.key, "dso")
        signs = market.auction.dso() == key.address
        findings.append(
            Finding(f"key {key.address} signs verdicts", None if signs else "the auction names another key")
        )
        publishes = market.authority.has_role(Role.DSO, key.address)
        findings.append(
            Finding(f"key {key.address} publishes limits", None if publishes else "it does not have the role DSO")
        )
    except P2PTradeError as error:
        findings.append(Finding("the rest", str(error)))
    return findings
