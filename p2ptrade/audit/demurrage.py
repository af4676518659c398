"""Demurrage recomputed: at each look, what every account had then and before gives what it had to pay."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.audit.replay import Difference, differences
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.contracts.ledger import moved_entries
from p2ptrade.chain.deployed import Market
from p2ptrade.domain.demurrage import Demurrage, Seen
from p2ptrade.domain.units import AccountId, AmountMicro

_NO_CASH = AmountMicro(0)


@dataclass(frozen=True, slots=True)
class Look:
    """One collection on a UTC day: what each account had, what it was told to pay, and what moved out of it then."""

    day: int
    cash: Mapping[AccountId, AmountMicro]
    told: Sequence[tuple[AccountId, AmountMicro]]
    moved: Mapping[AccountId, int]


def demurrage_looks(market: Market, block: int) -> list[Look]:
    """Return all collections up to and with a block; none in a market without demurrage."""
    if market.demurrage is None:
        return []
    first = market.first_block
    records = [
        *market.ledger.events(("Moved", "Deposited", "Withdrawn"), first=first, last=block),
        *market.demurrage.events("Collected", first=first, last=block),
    ]
    return list(_looks(sorted(records, key=lambda record: (record.log.block_number, record.log.index))))


def check_demurrage(looks: Sequence[Look], rule: Demurrage) -> Iterator[Difference]:
    """Return what was collected otherwise than the rule says. Pure."""
    seen: dict[AccountId, Seen] = {}
    for look in looks:
        due: defaultdict[AccountId, int] = defaultdict(int)
        for account, _ in look.told:
            before = seen.get(account)
            if before is None or before.day != look.day:
                cash = look.cash.get(account, _NO_CASH)
                due[account] += rule.due(before, cash, look.day)
                seen[account] = Seen(look.day, AmountMicro(max(0, cash) - due[account]))
        told: defaultdict[AccountId, int] = defaultdict(int)
        for account, amount in look.told:
            told[account] += amount
        yield from differences(f"demurrage up to day {look.day} of account", due, told)
        yield from differences(f"cash moved for demurrage up to day {look.day} of account", due, look.moved)


def collected_micro(looks: Sequence[Look]) -> int:
    """Return all that was collected, in micro-credits."""
    return sum(amount for look in looks for _, amount in look.told)


def _looks(records: Sequence[EventRecord]) -> Iterator[Look]:
    """Return the collections with the cash before each; what moves comes after the event that says why."""
    cash: defaultdict[AccountId, int] = defaultdict(int)
    for at, record in enumerate(records):
        if record.name == "Collected":
            yield _look(record, {account: AmountMicro(held) for account, held in cash.items()}, records[at + 1 :])
        else:
            for account, amount in _entries(record):
                cash[account] += amount


def _look(record: EventRecord, cash: Mapping[AccountId, AmountMicro], later: Sequence[EventRecord]) -> Look:
    packed = bytes(record.values["accounts"])
    accounts = [AccountId(int.from_bytes(packed[at : at + 4], "big")) for at in range(0, len(packed), 4)]
    amounts = [AmountMicro(amount) for amount in record.values["amountsMicro"]]
    following = later[0] if later and later[0].name == "Moved" else None
    same = following is not None and following.log.transaction_hash == record.log.transaction_hash
    moved: defaultdict[AccountId, int] = defaultdict(int)
    for account, amount in _entries(following) if same and following is not None else ():
        if account in set(accounts):
            moved[account] -= amount
    return Look(record.values["day"], cash, list(zip(accounts, amounts, strict=True)), moved)


def _entries(record: EventRecord) -> list[tuple[AccountId, AmountMicro]]:
    """Return by how much an event of the ledger changed whose cash."""
    values = record.values
    if record.name == "Moved":
        return moved_entries(values["entries"])
    return [
        (
            AccountId(values["account"]),
            AmountMicro(values["amount"] if record.name == "Deposited" else -values["amount"]),
        )
    ]
