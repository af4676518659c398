"""Deploying a market: carried out step by step through a journal, and resumed where it stopped.

The journal is written before each act, so an interrupted deployment goes on and a finished one does nothing. It refuses
to go on under another plan, with other contracts or on another chain than it began with.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import rlp
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.abi import load
from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.authority import Authority, Role
from p2ptrade.chain.contracts.double_auction import DoubleAuction
from p2ptrade.chain.contracts.ledger import Ledger
from p2ptrade.chain.deployed import ADDRESSES_FILE, Deployment, require_code
from p2ptrade.chain.deployment_plan import Addresses, Step, steps
from p2ptrade.chain.function_roles import CONTRACT_ROLES, MOVERS
from p2ptrade.chain.journal import Journal
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.market_parameters import Plan
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.transaction import unsigned
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.errors import ChainError, ConfigError, TransactionRevertedError

JOURNAL_FILE: Final = "journal.jsonl"

Progress = Callable[[str, int, int], None]
"""Called with the name of a step, its number from 1, and how many there are."""


@dataclass(frozen=True)
class DeployedStep:
    """One transaction of a deployment that was carried out."""

    name: str
    transaction_hash: bytes
    gas_used: int
    was_there: bool


def deploy(
    client: ChainClient,
    key: SigningKey,
    plan: Plan,
    folder: Path,
    *,
    finality_depth: int = 0,
    progress: Progress = lambda name, number, count: None,
    checkpoint: Checkpoint = pass_by,
) -> tuple[Deployment, list[DeployedStep]]:
    """Deploy a market into `folder`, or go on with what is there; return it and what each step took.

    Raises:
        ConfigError: `folder` holds a deployment of another plan, chain or key.
        ChainError: a step reverts, or the deployer is left with a role.
    """
    journal = Journal.open(folder / JOURNAL_FILE)
    with Outbox(client, journal, key, finality_depth=finality_depth, checkpoint=checkpoint) as outbox:
        _begin_or_check(journal, client, key.address, plan)
        todo = steps(plan, key.address)
        addresses: dict[str, ChecksumAddress] = {}
        done = []
        for number, step in enumerate(todo, start=1):
            progress(step.name, number, len(todo))
            entry, was_there = _carry_out(outbox, step, addresses)
            done.append(DeployedStep(step.name, entry.transaction_hash, entry.gas_used or 0, was_there))
            if step.contract is not None:
                addresses[step.contract] = created_address(key.address, entry.nonce)
    deployment = Deployment(
        client.chain_id, _first_block(journal, client.chain_id, todo), key.address, addresses, _roles(plan, addresses)
    )
    require_code(client, deployment)
    _require_handed_over(client, deployment, plan)
    deployment.write(folder / ADDRESSES_FILE)
    return deployment, done


def created_address(sender: ChecksumAddress, nonce: int) -> ChecksumAddress:
    """Return the address of the contract that a transaction creates."""
    return to_checksum_address(keccak(rlp.encode([bytes.fromhex(sender[2:]), nonce]))[-20:])


def unconfirmed_rights(client: ChainClient, deployment: Deployment) -> list[str]:
    """Return in a few words each what the chain does not confirm of a deployment.

    That is roles, who moves cash, and which contract takes over the slots that the auction cleared.
    """
    contracts = deployment.contracts
    authority, ledger = Authority(client, contracts["Authority"]), Ledger(client, contracts["Ledger"])
    missing = [f"the role {role.name} of {who}" for role, who in deployment.roles if not authority.has_role(role, who)]
    movers = [name for name in MOVERS if name in contracts]
    missing += [f"that {name} moves cash" for name in movers if not ledger.is_mover(contracts[name])]
    if DoubleAuction(client, contracts["DoubleAuction"]).settlement() != contracts["Settlement"]:
        missing.append("that Settlement takes cleared slots over")
    return missing


def changed_contracts(folder: Path) -> list[str]:
    """Return the contracts that were deployed with other code than the artifacts of this package hold."""
    journal = Journal.open(folder / JOURNAL_FILE)
    chain_id = (journal.header or {}).get("chain_id", 0)
    changed = []
    for name in Deployment.read(folder).contracts:
        sent = journal.attempts(chain_id, name)
        if not sent or not unsigned(sent[-1].raw).data.startswith(load(name).bytecode):
            changed.append(name)
    return changed


def _carry_out(outbox: Outbox, step: Step, addresses: Addresses) -> tuple[Outgoing, bool]:
    """Return the transaction of a step, sent now or before."""
    before = outbox.find(step.name)
    if before is not None and before.is_mined and before.succeeded:
        return before, True
    to, data = step.make(addresses)
    try:
        outbox.submit(step.name, to, data)
        return outbox.wait(step.name), False
    except TransactionRevertedError as error:
        raise TransactionRevertedError(
            f"{step.name}: {error}", error_name=error.error_name, values=error.values
        ) from None


def _begin_or_check(journal: Journal, client: ChainClient, deployer: ChecksumAddress, plan: Plan) -> None:
    """Write the plan into a new journal, or check that the journal is about this plan.

    The first day of reputation is the day on which a deployment began, so it is not compared.
    """
    described: dict[str, Any] = json.loads(json.dumps(asdict(plan)))
    described.pop("first_day")
    header = {
        "plan": described,
        "chain_id": client.chain_id,
        "deployer": deployer,
        "contracts": {step.contract: _fingerprint(step.contract) for step in steps(plan, deployer) if step.contract},
    }
    if journal.header is None:
        journal.begin(header)
        return
    differing = sorted(_differences(journal.header, header))
    if differing:
        raise ConfigError(
            f"{journal.path.parent} holds another deployment (different: {', '.join(differing)}): "
            "use a new folder, or the configuration it was begun with"
        )


def _differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Return the places in which two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        keys = one.keys() | other.keys()
        return [
            place for key in keys for place in _differences(one.get(key), other.get(key), f"{path}.{key}".lstrip("."))
        ]
    return [] if one == other else [path]


def _fingerprint(contract: str) -> str:
    return hashlib.sha256(load(contract).bytecode).hexdigest()


def _first_block(journal: Journal, chain_id: int, todo: list[Step]) -> int:
    return min(entry.block_number or 0 for entry in journal.attempts(chain_id, todo[0].name))


def _roles(plan: Plan, addresses: Addresses) -> tuple[tuple[Role, ChecksumAddress], ...]:
    contracts = tuple((role, addresses[contract]) for contract, role in CONTRACT_ROLES if contract in addresses)
    return ((Role.ADMIN, plan.holders.admin), *plan.holders.of(), *contracts)


def _require_handed_over(client: ChainClient, deployment: Deployment, plan: Plan) -> None:
    missing = unconfirmed_rights(client, deployment)
    if missing:
        raise ChainError(f"the chain does not confirm {', '.join(missing)}")
    authority = Authority(client, deployment.contracts["Authority"])
    if plan.holders.admin != deployment.deployer and authority.has_role(Role.ADMIN, deployment.deployer):
        raise ChainError("the deployer still has the role ADMIN after handing over")
