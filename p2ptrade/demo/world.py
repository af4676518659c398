"""The world of a demo: a folder with settings for every daemon, keys from the seed, homes with accounts and credits.

Everything is made the way a real market is: `p2ptrade deploy`, then registrar, treasurer and retailer do their parts,
and each home pays in by its own key. The development mnemonic holds the roles; the keys of homes come from the seed.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tomli_w
from eth_hash.auto import keccak

from p2ptrade.chain.contracts.participant_registry import Admission
from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.chain.engine_command import free_port
from p2ptrade.chain.keys import SigningKey, write_keystore
from p2ptrade.chain.outbox import Outbox
from p2ptrade.config import DEV_ACCOUNTS, DEV_ORACLES, dev_key
from p2ptrade.demo.scenario import NETWORK, Scenario, Timeline
from p2ptrade.demo.stress import grown
from p2ptrade.domain.meter_point import meter_point_hash
from p2ptrade.domain.units import AccountId, AmountMicro, ZoneId
from p2ptrade.errors import ChainError
from p2ptrade.grid import Network, ZonePlan, load_network, load_tariff, propose_zones
from p2ptrade.grid.profiles import HomeProfiles, load_homes
from p2ptrade.office import service as office
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable

CHAIN_ID: Final = 1337
GATEWAY_ACCOUNT: Final = 20
HOMES_FILE: Final = "homes.toml"
METER_SALT: Final = "p2ptrade demonstration homes"
HOME_CREDITS_MICRO: Final = AmountMicro(100_000_000)
RETAILER_CREDITS_MICRO: Final = AmountMicro(50_000_000_000)
STAKE_MICRO: Final = AmountMicro(100_000_000)
POLL_S: Final = 0.05
# Nobody asks for a state further back than a few slots.
STATES_KEPT: Final = 64
# Keys of a demo guard nothing: their keystores are quick to open.
_SCRYPT_N: Final = 2


@dataclass(frozen=True, slots=True)
class Ports:
    """Where the daemons of a demo listen, all on this machine."""

    chain: int
    relay: int
    dso: int
    gateway: int
    agent: int
    oracles: tuple[int, ...]

    @classmethod
    def free(cls) -> "Ports":
        """Return ports that nobody listens on."""
        taken = [free_port() for _ in range(5 + len(DEV_ORACLES))]
        chain, relay, dso, gateway, agent, *oracles = taken
        return cls(chain, relay, dso, gateway, agent, tuple(oracles))


@dataclass(frozen=True)
class World:
    """Everything a demo is made of, before its first process starts."""

    scenario: Scenario
    timeline: Timeline
    folder: Path
    ports: Ports
    network: Network
    plan: ZonePlan
    profiles: HomeProfiles
    owners: tuple[SigningKey, ...]

    @classmethod
    def make(cls, scenario: Scenario, folder: Path) -> "World":
        """Return the world of a scenario, whose files are kept in `folder`.

        Raises:
            InputError: the scenario asks for what the data does not have.
        """
        network, profiles = load_network(NETWORK), load_homes(NETWORK)
        plan = propose_zones(network)
        if scenario.stress:
            profiles = grown(profiles, plan, scenario.seed)
        timeline = Timeline.of(scenario, profiles)
        count = scenario.homes or len(profiles.homes)
        owners = tuple(home_key(scenario.seed, number) for number in range(count))
        return cls(scenario, timeline, folder, Ports.free(), network, plan, profiles, owners)

    @property
    def chain_url(self) -> str:
        """Return where the chain answers."""
        return f"http://127.0.0.1:{self.ports.chain}"

    def url(self, port: int) -> str:
        """Return where the daemon on a port answers."""
        return f"http://127.0.0.1:{port}"

    @property
    def config(self) -> Path:
        """Return the settings that all daemons but the oracles share."""
        return self.folder / "p2ptrade.toml"

    def oracle_config(self, index: int) -> Path:
        """Return the settings of one oracle."""
        return self.folder / f"oracle-{index}.toml"

    def market(self) -> Market:
        """Return the deployed market."""
        return Market.connect(self.chain_url, Deployment.read(self.folder / "deployment"))

    def write_settings(self) -> None:
        """Write the settings of all daemons and the keystores of the homes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.scenario.stress:
            self.profiles.save(self._grown_homes)
        self.config.write_text(tomli_w.dumps(self._settings()), encoding="utf-8")
        for index, account in enumerate(DEV_ORACLES):
            oracle = {
                "key": {"dev_account": account},
                "state": f"oracle-{index}",
                "port": self.ports.oracles[index],
                "peers": [self.url(port) for port in self.ports.oracles],
                "index": index,
                "dso_url": self.url(self.ports.dso),
                "interval_s": POLL_S,
            }
            content = tomli_w.dumps({**self._common(), "oracle": oracle})
            self.oracle_config(index).write_text(content, encoding="utf-8")
        write_home_keys(self)

    @property
    def _grown_homes(self) -> Path:
        return self.folder / "homes.npz"

    def _common(self) -> dict[str, Any]:
        return {"log_level": "info", "chain": {"url": self.chain_url, "deployment": "deployment"}}

    def _settings(self) -> dict[str, Any]:
        def role(name: str) -> dict[str, int]:
            return {"dev_account": DEV_ACCOUNTS[name]}

        stress = self.scenario.stress
        names = str(self._grown_homes.resolve()) if stress else NETWORK
        sample = {"network": names, "week": self.scenario.week, "homes": len(self.owners)}
        oracles = [self.url(port) for port in self.ports.oracles]
        return {
            **self._common(),
            "engine": {
                "port": self.ports.chain,
                "chain_id": CHAIN_ID,
                "mining": "explicit",
                "state": "chain",
                "accounts": GATEWAY_ACCOUNT + 1,
                "states_kept": STATES_KEPT,
                "start_time_s": self.timeline.chain_start_s,
            },
            "deploy": {"key": {"dev_account": 0}, "holders": {"dev": True}},
            "office": {name: role(name) for name in ("registrar", "treasurer", "retailer")} | {"state": "office"},
            "relay": {
                "key": role("relay"),
                "state": "relay",
                "port": self.ports.relay,
                "dso_url": self.url(self.ports.dso),
                "interval_s": POLL_S,
            },
            "dso": {
                "key": role("dso"),
                "state": "dso",
                "port": self.ports.dso,
                "network": NETWORK,
                "week": self.scenario.week,
                "homes": names,
                "forecast": "announced" if stress else "yesterday",
                "meter_salt": METER_SALT,
                "interval_s": POLL_S,
            },
            "gateway": {
                "key": {"dev_account": GATEWAY_ACCOUNT},
                "state": "gateway",
                "port": self.ports.gateway,
                "oracle_urls": oracles,
                "dso_url": self.url(self.ports.dso),
                "meter_salt": METER_SALT,
                "interval_s": POLL_S,
                **sample,
            },
            "wallet": {
                "state": "wallet",
                "port": self.ports.agent,
                "relay_url": self.url(self.ports.relay),
                "oracle_urls": oracles,
                "accounts": HOMES_FILE,
                "interval_s": POLL_S,
                **sample,
            },
        }


def home_key(seed: int, number: int) -> SigningKey:
    """Return the key of a home of a demo: the same for the same seed, so that the day can be repeated."""
    return SigningKey.from_secret(keccak(f"p2ptrade demo home|{seed}|{number}".encode()))


def deploy(world: World) -> None:
    """Deploy the market with the command that everybody uses.

    Raises:
        ChainError: it failed; the text has what it said.
    """
    command = [sys.executable, "-m", "p2ptrade", "deploy", "--yes", "--config", str(world.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise ChainError(f"`p2ptrade deploy` failed: {done.stderr.strip()}")


def publish_tariffs(world: World, market: Market) -> None:
    """Let the retailer publish the prices of the days around the demo, in time for the first of them."""
    with _offices(world, market) as at:
        days = range(world.timeline.eve, world.timeline.eve + 3)
        office.publish_tariff(market, at("retailer"), load_tariff(), days)


def settle_in(world: World, market: Market) -> Mapping[AccountId, int]:
    """Admit the homes, give everybody credits and pay them in; return which account is which home."""
    with _offices(world, market) as at:
        admissions = [_admission(world, number) for number in range(len(world.owners))]
        accounts = office.admit(market, at("registrar"), admissions)
        office.record_deposits(market, at("treasurer"), _deposits(world))
        _pay_in(world, market, accounts, at)
        office.stake(market, at("relay"), STAKE_MICRO, "demo")
    return {accounts[key.address]: number for number, key in enumerate(world.owners)}


def _admission(world: World, number: int) -> Admission:
    connection = world.network.connections[number]
    return Admission(
        owner=world.owners[number].address,
        zone=ZoneId(world.plan.connection_zone[number]),
        capacity_kw=-(-int(connection.capacity_w) // 1000),
        meter_point=meter_point_hash(world.profiles.homes[number].connection, METER_SALT.encode()),
        gateway=dev_key(GATEWAY_ACCOUNT).address,
    )


def _deposits(world: World) -> Iterator[office.Deposit]:
    for number, key in enumerate(world.owners):
        yield office.Deposit(key.address, HOME_CREDITS_MICRO, f"bank transfer of home {number}")
    yield office.Deposit(
        dev_key(DEV_ACCOUNTS["retailer"]).address, RETAILER_CREDITS_MICRO, "bank transfer of the retailer"
    )
    yield office.Deposit(dev_key(DEV_ACCOUNTS["relay"]).address, STAKE_MICRO, "bank transfer of the relay")


def _pay_in(
    world: World, market: Market, accounts: Mapping[Any, AccountId], at: "Callable[[str | SigningKey], Outbox]"
) -> None:
    """Let homes, retailer and relay pay their credits in, all at once, each by its own key."""
    from p2ptrade.domain.settlement import SystemAccount

    payments = [(at(key), accounts[key.address], HOME_CREDITS_MICRO) for key in world.owners]
    payments.append((at("retailer"), AccountId(SystemAccount.RETAILER), RETAILER_CREDITS_MICRO))
    payments.append((at("relay"), market.relay_stake.relay().account, STAKE_MICRO))
    sent = [(holder, office.pay_in(market, holder, account, amount, "demo")) for holder, account, amount in payments]
    for holder, intents in sent:
        for intent in intents:
            holder.wait(intent)


@contextmanager
def _offices(world: World, market: Market) -> Iterator["Callable[[str | SigningKey], Outbox]"]:
    """Give a function that opens the outbox of a role or key once; all are closed at the end."""
    database = Database.open(world.folder / "office" / "office.sqlite")
    outboxes: dict[str, Outbox] = {}
    with ExitStack() as stack:

        def at(who: str | SigningKey) -> Outbox:
            key = dev_key(DEV_ACCOUNTS[who]) if isinstance(who, str) else who
            if key.address not in outboxes:
                outboxes[key.address] = stack.enter_context(Outbox(market.client, OutboxTable(database), key))
            return outboxes[key.address]

        yield at


def write_home_keys(world: World) -> None:
    """Write what the wallet agent needs: a keystore for each home, and the file that lists them."""
    folder = world.folder / "keys"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "password").write_text("demo\n", encoding="utf-8")
    homes = []
    for number, key in enumerate(world.owners):
        write_keystore(folder / f"home-{number}.json", key, "demo", scrypt_n=_SCRYPT_N)
        names = {"keystore": f"keys/home-{number}.json", "password_file": "keys/password"}
        homes.append({"index": number, "key": names})
    (world.folder / HOMES_FILE).write_text(tomli_w.dumps({"home": homes}), encoding="utf-8")
