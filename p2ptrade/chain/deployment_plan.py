"""What is deployed, in which order, with which parameters, and which role may call which function.

A plan is data and pure functions: given the addresses so far, each step says what it sends. `deployment.py` carries it
out. Contracts get their links through constructors; what would be circular is wired at the end, by roles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from eth_typing import ChecksumAddress

from p2ptrade.chain.abi import load
from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.contracts.settlement import rules_struct
from p2ptrade.chain.function_roles import CONTRACT_ROLES, FUNCTION_ROLES
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.issuing import IssuingTerms
from p2ptrade.domain.participant import CLASSES
from p2ptrade.domain.settlement import ImbalanceRule, SettlementRules
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import MICRO_PER_CREDIT, AmountMicro, EnergyWh, PriceMicroPerKwh, SharePpm
from p2ptrade.errors import ConfigError

Addresses = Mapping[str, ChecksumAddress]
"""Address of each contract deployed so far, by name."""

DSO_ACCOUNT: Final = 2
CONGESTION_RENT_ACCOUNT: Final = 3
OPERATOR_ACCOUNT: Final = 4
RETAILER_ACCOUNT: Final = 5
BONDS_ACCOUNT: Final = 6
REWARDS_ACCOUNT: Final = 8
_DAY_S: Final = 86_400
# What is free of it where a market has it and says no more: what a home needs for some days.
NO_DEMURRAGE: Final = Demurrage(SharePpm(0), AmountMicro(10 * MICRO_PER_CREDIT))


@dataclass(frozen=True)
class Holders:
    """Who gets which role; `admin` acts with the time lock."""

    admin: ChecksumAddress
    registrar: ChecksumAddress
    treasurer: ChecksumAddress
    relay: ChecksumAddress
    dso: ChecksumAddress
    oracles: tuple[ChecksumAddress, ...]
    retailer: ChecksumAddress
    guardian: ChecksumAddress
    issuer: ChecksumAddress

    def of(self) -> tuple[tuple[Role, ChecksumAddress], ...]:
        """Return every role with its holder, the admin's apart."""
        return (
            (Role.REGISTRAR, self.registrar),
            (Role.TREASURER, self.treasurer),
            (Role.RELAY, self.relay),
            (Role.DSO, self.dso),
            *((Role.ORACLE, oracle) for oracle in self.oracles),
            (Role.RETAILER, self.retailer),
            (Role.GUARDIAN, self.guardian),
            (Role.ISSUER, self.issuer),
        )


def _falling(first: int, last: int) -> tuple[int, ...]:
    """Return one number per reputation class, from `first` for newcomers down to `last` for the best."""
    return tuple(first - (first - last) * step // (CLASSES - 1) for step in range(CLASSES))


@dataclass(frozen=True)
class Parameters:
    """The numbers of a market; amounts in micro-credits, times in seconds, energy in Wh."""

    windows: Windows = field(default_factory=Windows)
    settle_within_s: int = 7 * _DAY_S
    correction_window_s: int = 30 * _DAY_S
    withdrawal_delay_s: int = 4 * 3600
    tariff_notice_s: int = 3600
    admin_delay_s: int = 2 * _DAY_S
    debt_limit_micro: int = 50 * MICRO_PER_CREDIT
    reserve_micro: int = 2 * MICRO_PER_CREDIT
    bonds_micro: tuple[int, ...] = _falling(500_000, 150_000)
    collateral_micro_per_kwh: tuple[int, ...] = _falling(50_000, 15_000)
    relay_stake_micro: int = 100 * MICRO_PER_CREDIT
    challenge_bond_micro: int = MICRO_PER_CREDIT
    claim_time_s: int = _DAY_S
    answer_time_s: int = _DAY_S
    reward_period_days: int = 30
    reward_places: int = 10
    reward_subsidy_micro: int = 100 * MICRO_PER_CREDIT
    issuing: IssuingTerms = field(default_factory=IssuingTerms)
    demurrage: Demurrage = NO_DEMURRAGE
    rules: SettlementRules = field(
        default_factory=lambda: SettlementRules(
            deviation=Deviation(PriceMicroPerKwh(1_000), EnergyWh(50), SharePpm(100_000)),
            breach_micro_per_kwh=PriceMicroPerKwh(200_000),
            imbalance_rule=ImbalanceRule.OWN_DEVIATION,
            quorum=3,
            feeder_cap_wh=EnergyWh(1_000_000),
            delivery_cap_wh=EnergyWh(1_000_000),
        )
    )

    def __post_init__(self) -> None:
        if len(self.bonds_micro) != CLASSES or len(self.collateral_micro_per_kwh) != CLASSES:
            raise ConfigError(f"bonds and collateral need one number for each of the {CLASSES} reputation classes")
        if max(self.bonds_micro) > self.reserve_micro:
            raise ConfigError(
                f"the largest bond, {max(self.bonds_micro)} micro-credits, must be within the reserve that stays in "
                f"an active account, {self.reserve_micro}"
            )
        if self.demurrage.is_on and self.demurrage.free_micro < self.reserve_micro:
            raise ConfigError(
                f"demurrage must leave the reserve of an active account, {self.reserve_micro} micro-credits, "
                f"not only {self.demurrage.free_micro}"
            )


@dataclass(frozen=True)
class Plan:
    """One market to be deployed: its parameters, the holders of its roles, and the first day of reputation."""

    parameters: Parameters
    holders: Holders
    first_day: int


@dataclass(frozen=True)
class Step:
    """One transaction of a deployment; `contract` is the name of what it creates, if it does."""

    name: str
    make: Callable[[Addresses], tuple[ChecksumAddress | None, bytes]]
    contract: str | None = None


def steps(plan: Plan, deployer: ChecksumAddress) -> list[Step]:
    """Return the transactions of a deployment, in order."""
    given = plan.parameters
    leads = given.windows
    windows = (leads.limits_lead_s, leads.gate_lead_s, leads.open_lead_s, leads.clear_lead_s, given.settle_within_s)
    bonds, collateral = list(given.bonds_micro), list(given.collateral_micro_per_kwh)
    return [
        _creation("Authority", lambda at: (deployer,)),
        _creation("Credits", lambda at: (at["Authority"],)),
        _creation(
            "Ledger",
            lambda at: (
                at["Authority"],
                at["Credits"],
                given.withdrawal_delay_s,
                given.debt_limit_micro,
                given.reserve_micro,
            ),
        ),
        _creation("ParticipantRegistry", lambda at: (at["Authority"], at["Ledger"])),
        _creation("GridLimits", lambda at: (at["Authority"], leads.limits_lead_s)),
        _creation("Tariffs", lambda at: (at["Authority"], given.tariff_notice_s)),
        _creation(
            "RelayStake",
            lambda at: (
                at["Authority"],
                at["Ledger"],
                given.relay_stake_micro,
                given.challenge_bond_micro,
                given.claim_time_s,
                given.answer_time_s,
            ),
        ),
        _creation(
            "DoubleAuction",
            lambda at: (
                at["Authority"],
                at["Ledger"],
                at["GridLimits"],
                at["RelayStake"],
                windows,
                bonds,
                collateral,
            ),
        ),
        _creation("EnergyToken", lambda at: (at["Authority"], "urn:p2ptrade:energy:{id}")),
        _creation(
            "Settlement",
            lambda at: (
                at["Authority"],
                at["Ledger"],
                at["DoubleAuction"],
                at["Tariffs"],
                at["EnergyToken"],
                given.correction_window_s,
                rules_struct(given.rules),
            ),
        ),
        _creation("Reputation", lambda at: (at["Authority"], at["Ledger"], plan.first_day, given.rules.quorum)),
        _creation("GreenCertificate", lambda at: (at["EnergyToken"],)),
        _creation(
            "Rewards",
            lambda at: (
                at["Ledger"],
                at["Reputation"],
                plan.first_day,
                given.reward_period_days,
                given.reward_places,
                given.reward_subsidy_micro,
            ),
        ),
        *_demurrage(given.demurrage),
        Step("roles", lambda at: (at["Authority"], _multicall(_role_calls(plan, at)))),
        *_wiring(plan.holders),
        *_issuing(given.issuing),
        Step("hand over", lambda at: (at["Authority"], _multicall(_hand_over(plan, deployer)))),
    ]


def _wiring(holders: Holders) -> list[Step]:
    """Return what the admin says once to the contracts themselves."""
    owners = (
        (DSO_ACCOUNT, holders.dso),
        (CONGESTION_RENT_ACCOUNT, holders.dso),
        (OPERATOR_ACCOUNT, holders.relay),
        (RETAILER_ACCOUNT, holders.retailer),
        (BONDS_ACCOUNT, holders.treasurer),
        (REWARDS_ACCOUNT, holders.treasurer),
    )
    outside = dict.fromkeys((holders.treasurer, holders.dso, holders.relay, holders.retailer, *holders.oracles))
    return [
        _call("closed loop", "Credits", "setRegistry", lambda at: (at["ParticipantRegistry"],)),
        _call("ledger holds credits", "Credits", "setSystemHolder", lambda at: (at["Ledger"], True)),
        *(_call(f"{holder} holds credits", "Credits", "setSystemHolder", _fixed(holder, True)) for holder in outside),
        *(
            _call(f"owner of account {account}", "Ledger", "setSystemOwner", _fixed(account, owner))
            for account, owner in owners
        ),
        _call("verdicts", "DoubleAuction", "appointDso", _fixed(holders.dso)),
        _call("relay", "RelayStake", "appoint", _fixed(holders.relay, OPERATOR_ACCOUNT)),
    ]


def _demurrage(rule: Demurrage) -> list[Step]:
    """Return the creation of the demurrage in a market that has it."""
    return [
        _creation("Demurrage", lambda at: (at["Ledger"], rule.rate_ppm_per_day, rule.free_micro))
        for _ in range(rule.is_on)
    ]


def _issuing(terms: IssuingTerms) -> list[Step]:
    """Return the terms of the issuing rules that give anything; the others give nothing as they are."""
    return [
        _call(
            f"terms of {rule.word}",
            "Credits",
            "setIssuingTerms",
            _fixed(int(rule), held.rate_micro, held.cap_micro_per_day),
        )
        for rule, held in terms.items()
        if held.gives
    ]


def _role_calls(plan: Plan, at: Addresses) -> list[bytes]:
    """Return the calls to the access manager that say who may do what."""
    authority = load("Authority")
    calls = []
    for contract, role, functions in FUNCTION_ROLES:
        selectors = [load(contract).function(name).selector for name in functions]
        calls.append(authority.function("setTargetFunctionRole").call_data(at[contract], selectors, int(role)))
    granted = [*((role, at[contract]) for contract, role in CONTRACT_ROLES if contract in at), *plan.holders.of()]
    return calls + [authority.function("grantRole").call_data(int(role), holder, 0) for role, holder in granted]


def _hand_over(plan: Plan, deployer: ChecksumAddress) -> list[bytes]:
    """Return the calls after which the deployer has no role left and the admin acts with the time lock."""
    authority = load("Authority")
    admin, delay = plan.holders.admin, plan.parameters.admin_delay_s
    calls = [authority.function("grantRole").call_data(int(Role.ADMIN), admin, delay)]
    if admin != deployer:
        calls.append(authority.function("renounceRole").call_data(int(Role.ADMIN), deployer))
    return calls


def _multicall(calls: Sequence[bytes]) -> bytes:
    return load("Authority").function("multicall").call_data(list(calls))


def _fixed(*values: Any) -> Callable[[Addresses], tuple[Any, ...]]:
    """Return arguments that need no address."""
    return lambda _: values


def _creation(contract: str, arguments: Callable[[Addresses], tuple[Any, ...]]) -> Step:
    def make(at: Addresses) -> tuple[None, bytes]:
        artifact = load(contract)
        return None, artifact.bytecode + artifact.constructor.encode(arguments(at))

    return Step(contract, make, contract)


def _call(name: str, contract: str, function: str, arguments: Callable[[Addresses], tuple[Any, ...]]) -> Step:
    def make(at: Addresses) -> tuple[ChecksumAddress, bytes]:
        return at[contract], load(contract).function(function).call_data(*arguments(at))

    return Step(name, make)
