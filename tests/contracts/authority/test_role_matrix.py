"""Who may call what, on a market deployed by the real plan: every state-changing function by every role.

Paths: given a deployed market, when a holder of a role calls a function,
  of its role          then the access manager lets it through (what comes after is the function's own business);
  of another role      then it is refused as unauthorised;
  of the admin         then the admin is refused until the time lock is over, and everybody else for good;
  open to everybody    then no role matters.
The table below is written by hand from the design's table of roles; a function that is not in it fails the test.
"""

from typing import Any, Final

import pytest

from p2ptrade.chain import abi
from p2ptrade.chain.contracts.authority import Role
from p2ptrade.chain.deployment_plan import steps
from p2ptrade.chain.market_parameters import Holders, Parameters, Plan
from p2ptrade.domain.demurrage import Demurrage
from p2ptrade.domain.units import AmountMicro, SharePpm
from p2ptrade.errors import TransactionRevertedError
from tests.support.chain import Chain, Contract, reverts

NOBODYS: Final = "nobody's"  # only the access manager itself may call it
OPEN: Final = "open"
MOVERS: Final = "movers of the ledger's own list"

A, REGISTRAR, TREASURER, DSO = Role.ADMIN, Role.REGISTRAR, Role.TREASURER, Role.DSO
RETAILER, GUARDIAN, MARKET = Role.RETAILER, Role.GUARDIAN, Role.MARKET

MATRIX: Final[dict[str, dict[str, Role | str | tuple[Role | str, ...]]]] = {
    "Authority": {
        **dict.fromkeys(
            ["labelRole", "grantRole", "revokeRole", "setRoleAdmin", "setRoleGuardian", "setGrantDelay"], A
        ),
        **dict.fromkeys(["setTargetAdminDelay", "setTargetFunctionRole", "setTargetClosed", "updateAuthority"], A),
        **dict.fromkeys(["schedule", "execute", "cancel", "consumeScheduledOp", "renounceRole", "multicall"], OPEN),
    },
    "Credits": {
        **dict.fromkeys(["approve", "permit", "transfer", "transferFrom", "redeem"], OPEN),
        **dict.fromkeys(["recordDeposit", "recordPayout"], TREASURER),
        **dict.fromkeys(["setIssuingTerms", "setSystemHolder", "setRegistry"], A),
        **dict.fromkeys(["pause", "unpause"], GUARDIAN),
        "issue": Role.ISSUER,
        "setAuthority": NOBODYS,
    },
    "Ledger": {
        **dict.fromkeys(["deposit", "depositWithPermit", "requestWithdrawal", "leaveMarket", "withdraw"], OPEN),
        **dict.fromkeys(["openAccount", "setAccount"], Role.REGISTRY),
        **dict.fromkeys(["move", "settle", "hold"], (MOVERS, MARKET)),
        **dict.fromkeys(["pause", "unpause"], GUARDIAN),
        "setReputationClasses": Role.SCORER,
        **dict.fromkeys(["setSystemOwner", "setMover"], A),
        "setAuthority": NOBODYS,
    },
    "ParticipantRegistry": {
        **dict.fromkeys(["admit", "admitMany", "suspend", "reinstate", "setConnection"], REGISTRAR),
        **dict.fromkeys(["pause", "unpause"], GUARDIAN),
        "setGateway": OPEN,  # guarded by ownership or the registrar's role, see below
        "setAuthority": NOBODYS,
    },
    "GridLimits": {**dict.fromkeys(["publish", "publishMany", "setTopology"], DSO), "setAuthority": NOBODYS},
    "Tariffs": {"publish": RETAILER, "setAuthority": NOBODYS},
    "RelayStake": {
        **dict.fromkeys(["stake", "requestUnstake", "unstake", "challenge", "answer", "slash"], OPEN),
        "appoint": A,
        "setAuthority": NOBODYS,
    },
    "DoubleAuction": {
        **dict.fromkeys(["commit", "seal", "open", "clear", "refund"], OPEN),
        **dict.fromkeys(["judgePage", "fillPage"], OPEN),
        "handOver": MARKET,
        **dict.fromkeys(["appointDso", "appointSettlement"], A),
        "setAuthority": NOBODYS,
    },
    "EnergyToken": {
        **dict.fromkeys(
            ["safeTransferFrom", "safeBatchTransferFrom", "setApprovalForAll", "retire", "retireFrom"], OPEN
        ),
        "mint": MARKET,
        "setAuthority": NOBODYS,
    },
    "Settlement": {
        **dict.fromkeys(["submitReport", "settlePage", "settleAtOnce", "settleCorrection", "mintCorrected"], OPEN),
        "contest": OPEN,
        "setRules": A,
        "setAuthority": NOBODYS,
    },
    "Reputation": {"postDay": OPEN, "setAuthority": NOBODYS},
    "GreenCertificate": dict.fromkeys(
        ["approve", "setApprovalForAll", "transferFrom", "safeTransferFrom", "gather", "issue", "retire"], OPEN
    ),
    "Rewards": {"pay": OPEN},
    "Demurrage": {"collect": OPEN},
    "Guarantee": {"pay": Role.ISSUER, "setAuthority": NOBODYS},
}
CASH_MOVERS: Final = ("DoubleAuction", "RelayStake", "Settlement", "Rewards", "Demurrage", "Guarantee")

DENIED: Final = {
    "AccessManagedUnauthorized",
    "AccessManagerUnauthorizedAccount",
    "AccessManagerUnauthorizedConsume",
    "AccessManagerUnauthorizedCall",
    "LedgerNotAMover",
    "NotTheSettlement",
}
TIME_LOCKED: Final = "AccessManagerNotScheduled"
Deployed = tuple[dict[str, Contract], dict[Role | str, list[str]]]


@pytest.fixture(scope="module")
def deployed(session_chain: Chain, session_platform: object) -> Deployed:
    """Deploy a market by the plan of `p2ptrade deploy`; return its contracts, and who holds which role."""
    chain = session_chain
    holder = {role: chain.address(f"deployed {role.name}") for role in Role}
    oracles = tuple(chain.address(f"deployed oracle {number}") for number in range(4))
    holders = Holders(
        holder[Role.ADMIN], holder[Role.REGISTRAR], holder[Role.TREASURER], holder[Role.RELAY], holder[Role.DSO],
        oracles, holder[Role.RETAILER], holder[Role.GUARDIAN], holder[Role.ISSUER],
    )  # fmt: skip
    deployer = chain.address("deployer of the plan")
    demurrage = Demurrage(SharePpm(1_000), AmountMicro(10_000_000))
    with_all_options = Parameters(demurrage=demurrage, guarantee_period_days=30)
    plan = Plan(with_all_options, holders, first_day=chain.now_s() // 86_400)
    addresses: dict[str, Any] = {}
    for step in steps(plan, deployer):
        to, data = step.make(addresses)
        receipt = chain.send(to, data, sender=deployer)
        if step.contract is not None:
            addresses[step.contract] = receipt.raw.contract_address
    contracts = {name: Contract(chain, address, abi.load(name)) for name, address in addresses.items()}
    callers: dict[Role | str, list[str]] = {role: [holder[role]] for role in Role if role < Role.MARKET}
    callers[Role.ISSUER] = [holder[Role.ISSUER]]
    callers[Role.ORACLE] = list(oracles)
    callers[Role.MARKET] = [addresses["Settlement"]]
    callers[MOVERS] = [addresses[name] for name in CASH_MOVERS if name != "Settlement"]
    callers[Role.REGISTRY] = [addresses["ParticipantRegistry"]]
    callers[Role.SCORER] = [addresses["Reputation"]]
    callers["the deployer"] = [deployer]
    callers["a stranger"] = [chain.address("stranger")]
    return contracts, callers


def state_changing(contract: Contract) -> dict[str, abi.Function]:
    views = {entry["name"] for entry in raw_abi(contract) if entry.get("stateMutability") in ("view", "pure")}
    return {name: f for name, f in contract.abi.functions.items() if "(" not in name and name not in views}


def raw_abi(contract: Contract) -> list[dict[str, Any]]:
    import json
    from importlib import resources

    file = resources.files("p2ptrade.chain") / "artifacts" / f"{contract.abi.name}.json"
    entries: list[dict[str, Any]] = json.loads(file.read_text())["abi"]
    return [entry for entry in entries if entry["type"] == "function"]


def empty_value(kind: str) -> Any:
    """Return the zero of an ABI type."""
    if kind.endswith("]"):
        inner, _, count = kind[:-1].rpartition("[")
        return [empty_value(inner) for _ in range(int(count or 0))]
    if kind.startswith("("):
        return tuple(empty_value(part) for part in split_tuple(kind[1:-1]))
    if kind == "address":
        return "0x" + "00" * 20
    if kind == "bool":
        return False
    if kind == "string":
        return ""
    if kind.startswith("bytes"):
        return bytes(int(kind[5:] or 0))
    return 0


def split_tuple(inside: str) -> list[str]:
    parts, depth, current = [], 0, ""
    for sign in inside:
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            parts.append(current)
            current = ""
        else:
            current += sign
    return [*parts, current] if current else parts


def what_happens(contract: Contract, function: abi.Function, caller: str) -> str:
    """Return the name of the error that a call with empty arguments ends with, or nothing."""
    values = [empty_value(kind) for kind in function.inputs.types]
    try:
        contract.chain.eth_call(contract.address, function.call_data(*values), sender=caller)
    except TransactionRevertedError as error:
        return error.error_name
    return ""


def verdict(error_name: str) -> str:
    if error_name in DENIED:
        return "denied"
    return "time lock" if error_name == TIME_LOCKED else "let through"


def expected(needed: Role | str | tuple[Role | str, ...], caller: Role | str) -> str:
    if isinstance(needed, tuple):
        return "let through" if caller in needed else "denied"
    if needed == OPEN:
        return "let through"
    if needed is not NOBODYS and needed == caller:
        return "time lock" if caller is Role.ADMIN else "let through"
    return "denied"


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_every_function_is_in_the_matrix(deployed: Deployed, name: str) -> None:
    contracts, _ = deployed

    assert set(contracts) == set(MATRIX)
    assert set(state_changing(contracts[name])) <= set(MATRIX[name])


@pytest.mark.parametrize("name", sorted(MATRIX))
def test_every_role_may_do_what_the_design_says_and_nothing_else(deployed: Deployed, name: str) -> None:
    contracts, callers = deployed
    contract = contracts[name]
    wrong = []
    for function_name, function in state_changing(contract).items():
        needed = MATRIX[name][function_name]
        for caller, addresses in callers.items():
            for address in addresses:
                error_name = what_happens(contract, function, address)
                if verdict(error_name) != expected(needed, caller) and (function_name, error_name) not in MANAGERS_OWN:
                    wrong.append(f"{caller!s} calling {name}.{function_name}: {error_name or 'success'}")

    assert wrong == []


# The manager's functions for everybody check the caller against what it asks for, with errors of the same family.
MANAGERS_OWN: Final = {
    ("schedule", "AccessManagerUnauthorizedCall"),
    ("execute", "AccessManagerUnauthorizedCall"),
    ("cancel", "AccessManagerNotScheduled"),
    ("consumeScheduledOp", "AccessManagerUnauthorizedConsume"),
}


@pytest.mark.parametrize("function", ["stake", "requestUnstake", "unstake"])
def test_only_the_relay_moves_its_stake(deployed: Deployed, function: str) -> None:
    contracts, callers = deployed
    for caller, addresses in callers.items():
        if caller is not Role.RELAY:
            with reverts("NotTheRelay", caller=addresses[0]):
                arguments = [empty_value(kind) for kind in contracts["RelayStake"].abi.function(function).inputs.types]
                contracts["RelayStake"].call(function, *arguments, sender=addresses[0])


def test_only_the_relay_commits(deployed: Deployed) -> None:
    contracts, callers = deployed
    slot = contracts["DoubleAuction"].chain.now_s() // 900 + 10
    refusals = set()
    for caller, addresses in callers.items():
        if caller is not Role.RELAY:
            with pytest.raises(TransactionRevertedError) as refused:
                contracts["DoubleAuction"].call("commit", slot, b"r" * 32, 1, sender=addresses[0])
            refusals.add(refused.value.error_name)

    assert len(refusals) == 1
    assert "Relay" in refusals.pop()


def test_the_deployer_is_left_with_nothing(deployed: Deployed) -> None:
    contracts, callers = deployed
    authority, deployer = contracts["Authority"], callers["the deployer"][0]

    assert [role for role in Role if authority.call("hasRole", int(role), deployer)[0]] == []


def test_the_admin_acts_after_two_days_in_which_everybody_can_see_what_comes(deployed: Deployed, chain: Chain) -> None:
    contracts, callers = deployed
    authority, credits_, admin = contracts["Authority"], contracts["Credits"], callers[Role.ADMIN][0]
    data = credits_.data("setIssuingTerms", 1, 1_000_000, 5_000_000)

    authority.send("schedule", credits_, data, 0, sender=admin)
    with reverts("AccessManagerNotReady"):
        credits_.send("setIssuingTerms", 1, 1_000_000, 5_000_000, sender=admin)
    chain.warp_to(chain.now_s() + 2 * 86_400)
    credits_.send("setIssuingTerms", 1, 1_000_000, 5_000_000, sender=admin)

    assert credits_.call("issuingCap", 1) == 5_000_000


def test_contracts_that_move_money_hold_no_role_of_people(deployed: Deployed) -> None:
    contracts, _ = deployed
    allowed = {"ParticipantRegistry": {Role.REGISTRY}, "Reputation": {Role.SCORER}, "Settlement": {Role.MARKET}}
    for name, contract in contracts.items():
        held = {role for role in Role if contracts["Authority"].call("hasRole", int(role), contract)[0]}
        assert held == allowed.get(name, set()), name
        assert contracts["Ledger"].call("isMover", contract) == (name in CASH_MOVERS), name
