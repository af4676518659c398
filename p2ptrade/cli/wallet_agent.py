"""`p2ptrade wallet agent`: bid for one or many homes automatically."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import typer

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.keys import SigningKey
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.daemons import PortOption, open_database
from p2ptrade.cli.options import ConfigOption
from p2ptrade.cli.wallet_session import direct_channel, order_table
from p2ptrade.config import Settings, WalletSettings, checkpoint, load_settings, open_key
from p2ptrade.config.agent import load_agent_homes
from p2ptrade.domain.battery import Battery
from p2ptrade.domain.slot import slot_at, start_of
from p2ptrade.domain.units import SLOT_SECONDS, AccountId, EnergyWh, SlotNumber
from p2ptrade.errors import ConfigError
from p2ptrade.grid.profiles import Home, Week, load_homes
from p2ptrade.transport.clients import RelayClient
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.server import bind, make_app, run_service
from p2ptrade.wallet.agent import Agent
from p2ptrade.wallet.chain_view import MarketView
from p2ptrade.wallet.planning import NetProfile, PlannedHome
from p2ptrade.wallet.strategy import share_of
from p2ptrade.wallet.trader import Trader

_BEGAN_FILE: Final = "agent.json"
_SECONDS_PER_HOUR: Final = 3600


def run_agent(
    config: ConfigOption = None,
    port: PortOption = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the homes' places in the price range.")] = 0,
) -> None:
    """Bid for the homes listed in `wallet.accounts`, and open their orders, until stopped."""
    settings = load_settings(config)
    set_up_logs("agent", level=settings.log_level)
    own = settings.wallet
    listener = bind(own.host, own.port if port is None else port)
    market = connect_market(settings)
    keys = _keys_of_homes(settings, market)
    view = MarketView(market)
    first_slot = _first_slot(own.state, slot_at(view.now_s()))
    crash = checkpoint(settings)
    with ExitStack() as held:
        database = open_database(own, "wallet")
        lease = database.lease("agent")
        held.callback(lease.close)
        store = order_table(database, market)
        by_account = {account: key for account, (_, key) in keys.items()}
        trader = Trader(
            relay=held.enter_context(RelayClient(own.relay_url)),
            store=store,
            domain=market.auction_domain,
            relay_address=market.relay_stake.relay().relay,
            keys=by_account,
            checkpoint=crash,
        )
        direct = direct_channel(settings, market, database, store, by_account, crash)
        held.callback(direct.close)
        homes = {account: index for account, (index, _) in keys.items()}
        agent = Agent(
            chain=view,
            trader=trader,
            homes=_planned_homes(own, homes, first_slot, seed),
            windows=market.auction.windows(),
            direct=direct,
        )
        health = Health()
        app = make_app("agent", health=health, registry=agent.metrics.registry)
        run_service(app, listener=listener, health=health, step=agent.step, interval_s=own.interval_s)


def _keys_of_homes(settings: Settings, market: Market) -> dict[AccountId, tuple[int, SigningKey]]:
    """Return the number and the key of each home by its account.

    Raises:
        ConfigError: no file lists homes, or one of them has no account.
    """
    path = settings.wallet.accounts
    if path is None:
        raise ConfigError("wallet.accounts must name the file that lists the agent's homes and their keys")
    found: dict[AccountId, tuple[int, SigningKey]] = {}
    listed = load_agent_homes(path)
    keys = [open_key(settings, home.key, f"home-{home.index}") for home in listed]
    accounts = market.ledger.read_many("accountOf", [(key.address,) for key in keys])
    for home, key, account in zip(listed, keys, accounts, strict=True):
        if not account:
            raise ConfigError(f"{path}: home {home.index} with the address {key.address} is not admitted to the market")
        found[AccountId(account)] = (home.index, key)
    return found


def _planned_homes(
    own: WalletSettings, homes: dict[AccountId, int], first_slot: SlotNumber, seed: int
) -> list[PlannedHome]:
    profiles = load_homes(own.network)
    week = profiles.week(own.week)
    for index in homes.values():
        if index >= len(profiles.homes):
            raise ConfigError(f"there is no home {index}: {own.network} has {len(profiles.homes)}")
    return [
        PlannedHome(
            account=account,
            share=share_of(account, seed),
            battery=_battery(profiles.homes[index]),
            measured=_net_profile(week, index),
            first_slot=first_slot,
        )
        for account, index in sorted(homes.items())
    ]


def _net_profile(week: Week, index: int) -> NetProfile:
    """Return consumption less generation of a home by slot; the sample week repeats for ever."""
    net_wh = (week.consumption_wh[index] - week.pv_wh[index]).tolist()

    def net(slot: SlotNumber) -> int:
        return int(net_wh[(start_of(slot) - week.start_s) // SLOT_SECONDS % len(net_wh)])

    return net


def _battery(home: Home) -> Battery:
    power_wh = home.battery_power_w * SLOT_SECONDS // _SECONDS_PER_HOUR
    return Battery(EnergyWh(home.battery_wh), EnergyWh(power_wh))


def _first_slot(state: Path, present: SlotNumber) -> SlotNumber:
    """Return the slot in which this agent began, which a restarted one must know to plan the same."""
    file = state / _BEGAN_FILE
    if file.exists():
        return SlotNumber(json.loads(file.read_text(encoding="utf-8"))["first_slot"])
    state.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(".partial")
    partial.write_text(json.dumps({"first_slot": present}) + "\n", encoding="utf-8")
    partial.replace(file)
    return present
