"""`p2ptrade oracle`: run an oracle of the quorum, or check that it could run."""

from contextlib import ExitStack

import typer

from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.keys import SigningKey
from p2ptrade.cli.checks import Finding, connect_market, finish
from p2ptrade.cli.daemons import PortOption, open_database, open_outbox, oracle_finding, state_finding
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import OracleSettings, Settings, checkpoint, load_settings, open_key
from p2ptrade.domain.slot import slot_at
from p2ptrade.errors import ConfigError, P2PTradeError
from p2ptrade.oracle.app import make_oracle_app
from p2ptrade.oracle.chain_view import MarketView
from p2ptrade.oracle.contests import Contests
from p2ptrade.oracle.desk import Desk
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.metrics import OracleMetrics
from p2ptrade.oracle.peers import RemoteEnvelopes, RemoteOracle
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.reputation import DayPoster
from p2ptrade.oracle.service import Oracle
from p2ptrade.store.oracle import OracleTable
from p2ptrade.transport.clients import DsoClient, OracleClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.schemas.metering import OracleInfo
from p2ptrade.transport.server import bind, run_service

PEER_TIMEOUT_S = 3.0

oracle_app = typer.Typer(help="An oracle of the quorum that settles.", no_args_is_help=True)


@oracle_app.command("run")
def run_oracle(
    config: ConfigOption = None,
    port: PortOption = None,
) -> None:
    """Take readings, agree with the other oracles, and settle slots, until stopped. Without a key: sign nothing."""
    settings = load_settings(config)
    set_up_logs("oracle", level=settings.log_level)
    own = settings.oracle
    place = _place(own)
    listener = bind(own.host, own.port if port is None else port)
    market = connect_market(settings)
    key = open_key(settings, own.key, "oracle") if own.key.is_set else None
    database = open_database(own, "oracle")
    with ExitStack() as stack:
        outbox = None if key is None else stack.enter_context(open_outbox(settings, market, database, key))
        view, metrics = MarketView(market), OracleMetrics()
        store = OracleTable(database, f"{market.client.chain_id}:{market.settlement.address}")
        desk = Desk(view, store, market.reading_domain, metrics, checkpoint(settings))
        peers = [
            RemoteOracle(stack.enter_context(OracleClient(url, timeout_s=PEER_TIMEOUT_S)), market.reading_domain)
            for number, url in enumerate(own.peers)
            if number != own.index
        ]
        operator = None if own.dso_url is None else stack.enter_context(DsoClient(own.dso_url))
        drafter = Drafter(
            chain=view,
            store=store,
            desk=desk,
            contests=Contests(view, store, desk, peers),
            peers=peers,
            reading_timeout_s=own.reading_timeout_s,
            correction_window_s=market.settlement.correction_window_s(),
            envelopes=None if operator is None else RemoteEnvelopes(operator),
        )
        oracle = Oracle(
            chain=view,
            store=store,
            desk=desk,
            drafter=drafter,
            peers=peers,
            domain=market.settlement_domain,
            place=place,
            outbox=outbox,
            signer=key,
            metrics=metrics,
            days=DayPoster(
                market=market,
                view=view,
                peers=peers,
                place=place,
                domain=market.reputation_domain,
                quorum=market.reputation.quorum(),
                outbox=outbox,
                signer=key,
            ),
            checkpoint=checkpoint(settings),
        )
        health = Health()
        app = make_oracle_app(desk, oracle, store, market.reading_domain, _info(market, key), health)
        run_service(app, listener=listener, health=health, step=oracle.step, interval_s=own.interval_s)


@oracle_app.command("check")
def check_oracle(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether an oracle with these settings could work; exit code 1 if not."""
    finish(_findings(load_settings(config)), as_json=as_json)


def _findings(settings: Settings) -> list[Finding]:
    """Return what an oracle needs in the order in which it needs it; what cannot be asked is left out."""
    try:
        market = connect_market(settings)
    except P2PTradeError as error:
        return [Finding("chain and deployment", str(error))]
    findings = [Finding(f"chain {market.client.chain_id} with the settlement at {market.settlement.address}")]
    if settings.oracle.key.is_set:
        findings.append(_key_finding(settings, market))
    else:
        findings.append(Finding("no key: it will compute reports, and sign and send nothing"))
    findings.append(state_finding(settings.oracle, "oracle"))
    try:
        _place(settings.oracle)
    except ConfigError as error:
        findings.append(Finding("place among the peers", str(error)))
    others = [url for number, url in enumerate(settings.oracle.peers) if number != settings.oracle.index]
    return findings + [oracle_finding(url, market, PEER_TIMEOUT_S) for url in others]


def _key_finding(settings: Settings, market: Market) -> Finding:
    try:
        key = open_key(settings, settings.oracle.key, "oracle")
    except P2PTradeError as error:
        return Finding("key", str(error))
    wrong = None if market.authority.has_role(Role.ORACLE, key.address) else "it does not hold the role ORACLE"
    return Finding(f"key {key.address} may sign reports", wrong)


def _place(own: OracleSettings) -> Place:
    """Return the oracle's place in the turns.

    Raises:
        ConfigError: the index names none of the peers.
    """
    if own.peers and own.index >= len(own.peers):
        raise ConfigError(f"oracle.index is {own.index}, but oracle.peers lists {len(own.peers)}, counted from 0")
    return Place(own.index, max(len(own.peers), 1), own.takeover_s)


def _info(market: Market, key: SigningKey | None) -> OracleInfo:
    return OracleInfo(
        chain_id=market.client.chain_id,
        settlement=market.settlement.address,
        oracle=None if key is None else key.address,
        quorum=market.settlement.rules(slot_at(market.client.now_s())).quorum,
    )
