"""What is deployed, in which order, with which parameters, and which role may call which function.

A plan is data and pure functions: given the addresses so far, each step says what it sends. `deployment.py` carries it
out. Contracts get their links through constructors; what would be circular is wired at the end, by roles.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eth_typing import ChecksumAddress

from p2ptrade.chain.abi import load
from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.contracts.settlement import rules_struct
from p2ptrade.chain.function_roles import CONTRACT_ROLES, FUNCTION_ROLES, MOVERS
from p2ptrade.chain.market_parameters import Holders, Parameters, Plan
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.issuing import IssuingTerms
from p2ptrade.domain.settlement import SystemAccount

Addresses = Mapping[str, ChecksumAddress]
"""Address of each contract deployed so far, by name."""


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
        *_guarantee(given, plan.first_day),
        Step("roles", lambda at: (at["Authority"], _multicall(_role_calls(plan, at)))),
        *_wiring(plan.holders),
        *_guarantee_owner(given, plan.holders),
        *_movers(given),
        *_issuing(given.issuing),
        Step("hand over", lambda at: (at["Authority"], _multicall(_hand_over(plan, deployer)))),
    ]


def _wiring(holders: Holders) -> list[Step]:
    """Return what the admin says once to the contracts themselves."""
    owners = (
        (SystemAccount.DSO, holders.dso),
        (SystemAccount.CONGESTION_RENT, holders.dso),
        (SystemAccount.OPERATOR, holders.relay),
        (SystemAccount.RETAILER, holders.retailer),
        (SystemAccount.BONDS, holders.treasurer),
        (SystemAccount.REWARDS, holders.treasurer),
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
        _call("settlement", "DoubleAuction", "appointSettlement", lambda at: (at["Settlement"],)),
        _call("relay", "RelayStake", "appoint", _fixed(holders.relay, SystemAccount.OPERATOR)),
    ]


def _demurrage(rule: Demurrage) -> list[Step]:
    """Return the creation of the demurrage in a market that has it."""
    return [
        _creation("Demurrage", lambda at: (at["Ledger"], rule.rate_ppm_per_day, rule.free_micro))
        for _ in range(rule.is_on)
    ]


def _guarantee(given: Parameters, first_day: int) -> list[Step]:
    """Return the creation of the guarantee in a market that has it."""
    days, most = given.guarantee_period_days, given.guarantee_most_micro
    return [
        _creation("Guarantee", lambda at: (at["Authority"], at["Ledger"], at["Settlement"], first_day, days, most))
        for _ in range(days > 0)
    ]


def _guarantee_owner(given: Parameters, holders: Holders) -> list[Step]:
    """Return what lets the treasurer pay into the guarantee account; nobody can in a market without it."""
    account = int(SystemAccount.GUARANTEE)
    name, owner = f"owner of account {account}", _fixed(account, holders.treasurer)
    return [_call(name, "Ledger", "setSystemOwner", owner) for _ in range(given.guarantee_period_days > 0)]


def _movers(given: Parameters) -> list[Step]:
    """Return what lets the market's contracts move cash."""
    options = {"Demurrage": given.demurrage.is_on, "Guarantee": given.guarantee_period_days > 0}
    movers = [name for name in MOVERS if options.get(name, True)]
    return [_call(f"{name} moves cash", "Ledger", "setMover", _mover(name)) for name in movers]


def _mover(name: str) -> Callable[[Addresses], tuple[Any, ...]]:
    return lambda at: (at[name], True)


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
        if contract not in at:
            continue
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
