"""The sections of the settings: one per part of the platform, each name with its type, limits and default."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from p2ptrade.chain.engine_command import STATES_KEPT
from p2ptrade.chain.market_parameters import Parameters
from p2ptrade.domain.issuing import Terms
from p2ptrade.domain.meter_point import SALT_BYTES_MIN

# What a market is deployed with if the settings say nothing else.
_MARKET: Final = Parameters()


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


def _salt(value: SecretStr) -> SecretStr:
    if len(value.get_secret_value()) < SALT_BYTES_MIN:
        raise ValueError(f"must have at least {SALT_BYTES_MIN} characters")
    return value


Whole = Annotated[int, BeforeValidator(_no_bool), Field(ge=0)]
Share = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=1_000_000)]
Port = Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=65535)]
Seconds = Annotated[float, BeforeValidator(_no_bool), Field(gt=0)]
MeterSalt = Annotated[SecretStr, AfterValidator(_salt)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$")]
Url = Annotated[str, Field(pattern=r"^https?://[^\s/]+")]


class Section(BaseModel):
    """Base of all sections: frozen, and closed against unknown names."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class KeySettings(Section):
    """Where a private key comes from: a keystore with its password, or an account of a development chain."""

    keystore: Path | None = Field(default=None, description="V3 keystore file.")
    password_file: Path | None = Field(default=None, description="File whose first line is the password.")
    dev_account: Whole | None = Field(
        default=None, description="Account of the development mnemonic; never on a real chain."
    )

    @property
    def is_set(self) -> bool:
        """Return whether there is a key; without one a daemon runs dry."""
        return self.keystore is not None or self.dev_account is not None


class ChainSettings(Section):
    """The chain that all daemons work on."""

    url: Url = Field(default="http://127.0.0.1:8545", description="JSON-RPC address of a node.")
    deployment: Path = Field(default=Path("deployment"), description="Folder with addresses.json.")
    finality_depth: Whole = Field(
        default=0, description="Blocks on top that make a block final; 0 where blocks are final."
    )
    timeout_s: Seconds = 20.0


class EngineSettings(Section):
    """The embedded chain of `p2ptrade chain run`."""

    engine: Literal["anvil", "ganache"] = "anvil"
    host: str = "127.0.0.1"
    port: Port = 8545
    chain_id: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] = 1337
    mining: Literal["interval", "instant", "explicit"] = "interval"
    block_time_s: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] = 1
    state: Path | None = Field(default=Path("chain-state"), description="Folder of the state; without it, memory only.")
    accounts: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=1000)] = 20
    start_time_s: Whole | None = Field(default=None, description="Time stamp of the first block, in epoch seconds.")
    states_kept: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] = Field(
        default=STATES_KEPT, description="Of how many blocks anvil remembers the state, in memory."
    )
    ganache_config: Path | None = None


class HolderSettings(Section):
    """Who gets which role; a role that is not named goes to an account of the development mnemonic if `dev` is set."""

    dev: bool = Field(default=False, description="Fill missing roles with accounts of the development mnemonic.")
    admin: Address | None = None
    registrar: Address | None = None
    treasurer: Address | None = None
    relay: Address | None = None
    dso: Address | None = None
    oracles: tuple[Address, ...] = ()
    retailer: Address | None = None
    guardian: Address | None = None
    issuer: Address | None = None


class WindowSettings(Section):
    """Leads of a session before delivery, in seconds."""

    limits_lead_s: Whole = 3600
    gate_lead_s: Whole = 1800
    open_lead_s: Whole = 1200
    clear_lead_s: Whole = 600


class TermsSettings(Section):
    """What an issuing rule gives for a unit, and at most for all that happened on a UTC day, in micro-credits."""

    rate_micro: Whole
    cap_micro_per_day: Whole


def _terms(terms: Terms, unit: str) -> Any:
    held = TermsSettings(rate_micro=terms.rate_micro, cap_micro_per_day=terms.cap_micro_per_day)
    return Field(default=held, description=f"The unit is {unit}.")


class IssuingSettings(Section):
    """The rules by which credits are issued without a deposit, all off by default; a rate or cap of 0 turns one off.

    What is issued can be redeemed: whoever turns a rule on puts the money for it aside.
    """

    registration: TermsSettings = _terms(_MARKET.issuing.registration, "a first registration")
    clean_energy: TermsSettings = _terms(_MARKET.issuing.clean_energy, "a kWh bought, delivered and metered")
    oracle_work: TermsSettings = _terms(_MARKET.issuing.oracle_work, "a signed report that settled a slot")
    validator_work: TermsSettings = _terms(
        _MARKET.issuing.validator_work, "a block, where its header names who proposed it"
    )


class DeploySettings(Section):
    """What `p2ptrade deploy` deploys; amounts in micro-credits, prices per kWh, times in seconds."""

    key: KeySettings = KeySettings()
    holders: HolderSettings = HolderSettings()
    windows: WindowSettings = WindowSettings()
    admin_delay_s: Whole = _MARKET.admin_delay_s
    settle_within_s: Whole = _MARKET.settle_within_s
    correction_window_s: Whole = _MARKET.correction_window_s
    withdrawal_delay_s: Whole = _MARKET.withdrawal_delay_s
    tariff_notice_s: Whole = _MARKET.tariff_notice_s
    debt_limit_micro: Whole = _MARKET.debt_limit_micro
    reserve_micro: Whole = _MARKET.reserve_micro
    relay_stake_micro: Whole = _MARKET.relay_stake_micro
    challenge_bond_micro: Whole = _MARKET.challenge_bond_micro
    claim_time_s: Whole = _MARKET.claim_time_s
    answer_time_s: Whole = _MARKET.answer_time_s
    reward_period_days: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] = _MARKET.reward_period_days
    reward_places: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] = _MARKET.reward_places
    reward_subsidy_micro: Whole = _MARKET.reward_subsidy_micro
    issuing: IssuingSettings = IssuingSettings()
    demurrage_ppm_per_day: Share = Field(
        default=_MARKET.demurrage.rate_ppm_per_day,
        description="What a day takes of idle cash above the free amount; 0 for a market without demurrage.",
    )
    demurrage_free_micro: Whole = _MARKET.demurrage.free_micro
    guarantee_period_days: Annotated[int, BeforeValidator(_no_bool), Field(ge=0, le=366)] = Field(
        default=_MARKET.guarantee_period_days,
        description="Days over which nobody pays more than the retailer alone would cost; 0 for no guarantee.",
    )
    guarantee_most_micro: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, lt=2**63)] = Field(
        default=_MARKET.guarantee_most_micro,
        description="What the guarantee refunds an account at most for a period.",
    )
    quorum: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=255)] = _MARKET.rules.quorum
    tolerance_wh: Whole = _MARKET.rules.deviation.tolerance
    tolerance_ppm: Share = _MARKET.rules.deviation.tolerance_share
    deviation_micro_per_kwh: Whole = Field(
        default=_MARKET.rules.deviation.penalty,
        description="Penalty beyond the tolerance; it falls on what an order did not trade, too.",
    )
    breach_micro_per_kwh: Whole = _MARKET.rules.breach_micro_per_kwh
    imbalance_rule: Literal["own_deviation", "matched_sides", "one_price"] = "own_deviation"
    feeder_cap_wh: Whole = _MARKET.rules.feeder_cap_wh
    delivery_cap_wh: Whole = _MARKET.rules.delivery_cap_wh


class DaemonSettings(Section):
    """What every daemon has: a place for its state, an address to listen on, a pace."""

    state: Path = Path("state")
    database: SecretStr | None = Field(
        default=None,
        description="URL of a PostgreSQL database of its own (postgresql+psycopg://...), instead of a file in `state`.",
    )
    host: str = "127.0.0.1"
    port: Port = 0
    interval_s: Seconds = 1.0


class ServiceSettings(DaemonSettings):
    """A daemon with one key."""

    key: KeySettings = KeySettings()


class RelaySettings(ServiceSettings):
    """The relay: takes seals and openings, clears slots."""

    state: Path = Path("relay-state")
    port: Port = 8600
    dso_url: Url = "http://127.0.0.1:8610"
    commit_lead_s: Whole = Field(
        default=30, description="How long before gate closure a slot is committed, in seconds."
    )
    page_orders: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=1000)] = Field(
        default=1000,
        description="Sealed orders in a page of a long book. After a change, slots committed before it lapse.",
    )


class DsoSettings(ServiceSettings):
    """The grid operator: publishes limits, checks results, signs verdicts."""

    state: Path = Path("dso-state")
    port: Port = 8610
    network: str = Field(default="simbench-lv-rural3", description="Name of a shipped network, or the path of a file.")
    week: str = Field(default="summer", description="Sample week whose profiles are the forecast.")
    homes: str | None = Field(
        default=None, description="Homes whose profiles are the forecast, a name or a file; default: the network's."
    )
    forecast: Literal["yesterday", "announced"] = Field(
        default="yesterday",
        description="What a connection is expected to do: what it did a day ago, or what it announces, give or take.",
    )
    tariff: Path | None = Field(default=None, description="Tariff file with the charges; default: the shipped one.")
    ahead_slots: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=192)] = 8
    samples: Annotated[int, BeforeValidator(_no_bool), Field(ge=1, le=10_000)] = 200
    meter_salt: MeterSalt | None = Field(
        default=None,
        description="Secret that registrar, gateway and DSO share; without it, participants are at the connections "
        "in the order of their admission.",
    )


class OracleSettings(ServiceSettings):
    """One oracle of the quorum: takes readings, signs reports, settles slots."""

    state: Path = Path("oracle-state")
    port: Port = 8620
    peers: tuple[Url, ...] = Field(
        default=(), description="All oracles in the order of their turns, this one included."
    )
    index: Whole = Field(default=0, description="Which of the peers this one is.")
    reading_timeout_s: Seconds = Field(
        default=900.0, description="How long after the end of a slot readings are waited for, in seconds."
    )
    takeover_s: Seconds = Field(
        default=60.0, description="How long each oracle leaves the turn to the one before it, in seconds."
    )
    dso_url: Url | None = Field(default=None, description="Grid operator's service, for the envelopes of a slot.")


class GatewaySettings(ServiceSettings):
    """The gateway: reads meters, signs readings, applies envelopes."""

    state: Path = Path("gateway-state")
    port: Port = 8630
    oracle_urls: tuple[Url, ...] = ()
    dso_url: Url | None = "http://127.0.0.1:8610"
    network: str = "simbench-lv-rural3"
    week: str = "summer"
    homes: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] | None = None
    meter_salt: MeterSalt = Field(
        default=SecretStr("p2ptrade sample homes"),
        description="Secret that registrar, gateway and DSO share: meter points are on the chain as hashes of it.",
    )


class WalletSettings(ServiceSettings):
    """The wallet, and the agent that bids for homes by itself."""

    state: Path = Path("wallet-state")
    relay_url: Url = "http://127.0.0.1:8600"
    oracle_urls: tuple[Url, ...] = ()
    network: str = "simbench-lv-rural3"
    week: str = "summer"
    homes: Annotated[int, BeforeValidator(_no_bool), Field(ge=1)] | None = None
    accounts: Path | None = Field(default=None, description="File that lists the homes of an agent and their keys.")
    time_zone: str = "Europe/Berlin"


class OfficeSettings(DaemonSettings):
    """The keys of the consortium's people, for the commands of `p2ptrade office`; `office run` acts as issuer."""

    registrar: KeySettings = KeySettings()
    treasurer: KeySettings = KeySettings()
    retailer: KeySettings = KeySettings()
    issuer: KeySettings = KeySettings()
    state: Path = Path("office-state")
    port: Port = 8640
    interval_s: Seconds = 30.0
    tariff: Path | None = Field(default=None, description="Tariff file to publish; default: the shipped one.")
