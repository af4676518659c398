"""What an auditor reads from the chain: every event that moves money or energy, and the balances the contracts state.

All of it is read at one block, so that events and balances belong together.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any, Final

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.audit.replay import ZERO_ADDRESS, CashMoved, CreditsTransferred, TokensTransferred
from p2ptrade.chain import abi
from p2ptrade.chain.client import ChainClient, Log
from p2ptrade.chain.contracts.ledger import moved_entries
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber

AUDITED: Final = ("Credits", "Ledger", "DoubleAuction", "Settlement", "EnergyToken", "Tariffs")
_LAST_SYSTEM_ACCOUNT: Final = int(SystemAccount.GUARANTEE)
_FIRST_PARTICIPANT: Final = 16


@dataclass(frozen=True, slots=True)
class ChainEvent:
    """A decoded event with where it stands on the chain."""

    contract: str
    name: str
    values: Mapping[str, Any]
    log: Log


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything read, at block `block_number`."""

    block_number: int
    ledger: ChecksumAddress
    debt_limit_micro: int
    events: tuple[ChainEvent, ...]
    cash: Mapping[AccountId, int]
    credits: Mapping[str, int]
    credits_supply_micro: int
    tokens: Mapping[tuple[SlotNumber, str], int]

    def named(self, contract: str, name: str) -> Iterator[ChainEvent]:
        """Return the events of one name, in their order on the chain."""
        return (event for event in self.events if event.contract == contract and event.name == name)

    def cash_events(self) -> Iterator[CashMoved]:
        """Return what moved cash in the ledger."""
        return (moved for _, moved in self.cash_events_with_origin())

    def cash_events_with_origin(self) -> Iterator[tuple[ChainEvent, CashMoved]]:
        """Return what moved cash in the ledger, each with the event that says so."""
        for event in self.events:
            if event.contract == "Ledger" and (moved := _as_cash(event)) is not None:
                yield event, moved

    def moved_in(self, transactions: Set[bytes]) -> list[tuple[AccountId, AmountMicro]]:
        """Return the movements of cash in some transactions."""
        moved = (event for event in self.named("Ledger", "Moved") if event.log.transaction_hash in transactions)
        return [entry for event in moved for entry in moved_entries(event.values["entries"])]

    def at_debt_limit(self, transactions: Set[bytes]) -> frozenset[AccountId]:
        """Return the accounts that were at the limit of their debt after some transactions."""
        cash: defaultdict[AccountId, int] = defaultdict(int)
        found: set[AccountId] = set()
        for event, moved in self.cash_events_with_origin():
            for account, delta in moved.deltas:
                cash[account] += delta
                if event.log.transaction_hash in transactions and cash[account] <= -self.debt_limit_micro:
                    found.add(account)
        return frozenset(found)

    def credits_events(self) -> Iterator[CreditsTransferred]:
        """Return the transfers of credits, issuing and redeeming among them."""
        for event in self.named("Credits", "Transfer"):
            yield CreditsTransferred(*_transfer(event.values))

    def token_events(self) -> Iterator[TokensTransferred]:
        """Return the transfers of energy tokens, minting and retiring among them."""
        for event in self.named("EnergyToken", "TransferSingle"):
            sender, receiver, _ = _transfer({**event.values, "value": 0})
            yield TokensTransferred(SlotNumber(event.values["id"]), sender, receiver, event.values["value"])
        for event in self.named("EnergyToken", "TransferBatch"):
            sender, receiver, _ = _transfer({**event.values, "value": 0})
            for slot, energy in zip(event.values["ids"], event.values["values"], strict=True):
                yield TokensTransferred(SlotNumber(slot), sender, receiver, energy)


def read_evidence(client: ChainClient, addresses: Mapping[str, ChecksumAddress], first_block: int = 0) -> Evidence:
    """Return the evidence of the contracts at `addresses` (by contract name) since `first_block`.

    Raises:
        ChainUnreachableError: the node does not answer.
    """
    head = client.head()
    contracts = {address: name for name, address in addresses.items() if name in AUDITED}
    logs = client.logs(contracts, first=first_block, last=head.number)
    events = tuple(event for log in logs if (event := _decode(contracts[log.address], log)) is not None)
    debt_limit = _call(client, "Ledger", addresses["Ledger"], "debtLimit", (), head.number)
    partial = Evidence(head.number, addresses["Ledger"], debt_limit, events, {}, {}, 0, {})
    holders = {address for transfer in partial.credits_events() for address in (transfer.sender, transfer.receiver)}
    held = {
        (transfer.slot, holder)
        for transfer in partial.token_events()
        for holder in (transfer.sender, transfer.receiver)
        if holder != ZERO_ADDRESS
    }
    return Evidence(
        head.number,
        addresses["Ledger"],
        debt_limit,
        events,
        _cash(client, addresses["Ledger"], head.number),
        _credits(client, addresses["Credits"], holders - {ZERO_ADDRESS}, head.number),
        _call(client, "Credits", addresses["Credits"], "totalSupply", (), head.number),
        _tokens(client, addresses["EnergyToken"], held, head.number),
    )


def _decode(contract: str, log: Log) -> ChainEvent | None:
    """Return the event that a log is; None for one that is not in the contract's interface."""
    for event in abi.load(contract).events.values():
        if log.topics and event.topic == log.topics[0]:
            return ChainEvent(contract, event.name, event.decode(log.topics, log.data), log)
    return None


def _as_cash(event: ChainEvent) -> CashMoved | None:
    values = event.values
    if event.name == "Moved":
        return CashMoved(tuple(moved_entries(values["entries"])))
    if event.name in ("Deposited", "Withdrawn"):
        amount = AmountMicro(values["amount"] if event.name == "Deposited" else -values["amount"])
        return CashMoved(((AccountId(values["account"]), amount),), amount)
    return None


def _transfer(values: Mapping[str, Any]) -> tuple[str, str, AmountMicro]:
    sender, receiver = (to_checksum_address(values[end]) for end in ("from", "to"))
    return (
        ZERO_ADDRESS if int(sender, 16) == 0 else sender,
        ZERO_ADDRESS if int(receiver, 16) == 0 else receiver,
        AmountMicro(values["value"]),
    )


def _cash(client: ChainClient, ledger: ChecksumAddress, block: int) -> dict[AccountId, int]:
    last = _call(client, "Ledger", ledger, "lastAccount", (), block)
    accounts = [*range(1, _LAST_SYSTEM_ACCOUNT + 1), *range(_FIRST_PARTICIPANT, last + 1)]
    found = _call_each(client, "Ledger", ledger, "cashOf", [(account,) for account in accounts], block)
    return {AccountId(account): cash for account, cash in zip(accounts, found, strict=True)}


def _credits(client: ChainClient, credits_: ChecksumAddress, holders: Iterable[str], block: int) -> dict[str, int]:
    listed = sorted(holders)
    found = _call_each(client, "Credits", credits_, "balanceOf", [(holder,) for holder in listed], block)
    return dict(zip(listed, found, strict=True))


def _tokens(
    client: ChainClient, token: ChecksumAddress, held: Iterable[tuple[SlotNumber, str]], block: int
) -> dict[tuple[SlotNumber, str], int]:
    listed = sorted(held)
    found = _call_each(client, "EnergyToken", token, "balanceOf", [(holder, slot) for slot, holder in listed], block)
    return dict(zip(listed, found, strict=True))


def _call(
    client: ChainClient, contract: str, to: ChecksumAddress, name: str, values: tuple[Any, ...], block: int
) -> int:
    return _call_each(client, contract, to, name, [values], block)[0]


def _call_each(
    client: ChainClient, contract: str, to: ChecksumAddress, name: str, calls: list[tuple[Any, ...]], block: int
) -> list[int]:
    """Return the one number that each call answers, asked in batches."""
    function = abi.load(contract).function(name)
    answers: list[int] = []
    for start in range(0, len(calls), 500):
        batch = [(to, function.call_data(*values)) for values in calls[start : start + 500]]
        answers += [function.outputs.decode(answer)[0] for answer in client.call_many(batch, block=block)]
    return answers
