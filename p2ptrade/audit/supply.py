"""The supply of credits, recomputed from events: deposits + issued by rule - redeemed, and nothing else makes credits.

Every issue is traced to the fact that it is for: registrations, minted energy tokens, signatures under settled reports,
proposed blocks. What was issued must be what the terms of that day give for it, once, within the cap.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_utils.address import to_checksum_address

from p2ptrade.audit.demurrage import check_demurrage, collected_micro, demurrage_looks
from p2ptrade.audit.replay import Difference, differences
from p2ptrade.chain.client import ZERO_ADDRESS
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.issuing_facts import IssuingChain
from p2ptrade.domain.issuing import Due, IssuingRule
from p2ptrade.domain.units import AmountMicro

CapsOn = Callable[[IssuingRule, int], Sequence[AmountMicro]]
"""Every cap of a rule that held at some time of a UTC day."""


@dataclass(frozen=True, slots=True)
class CreditsEvent:
    """An event of the credits with the UTC day of its block."""

    name: str
    values: Mapping[str, Any]
    day: int
    transaction: bytes


@dataclass(frozen=True, slots=True)
class StoredSupply:
    """What the contract says of the supply, in micro-credits."""

    total: int
    deposited: int
    redeemed: int
    issued: Mapping[IssuingRule, int]


@dataclass(frozen=True, slots=True)
class TracedIssue:
    """An issue of credits, and what is due for its reason; nothing if there is no such fact."""

    rule: IssuingRule
    recipient: str
    amount_micro: int
    transaction: bytes
    due: Due | None


@dataclass(frozen=True, slots=True)
class Supply:
    """The supply as the events give it, in micro-credits, and what does not agree.

    `demurrage` is what idle cash paid to the rewards account: credits that moved, and neither came nor went.
    """

    block_number: int
    deposited: int
    redeemed: int
    issues: tuple[TracedIssue, ...]
    stored_total: int
    differences: tuple[Difference, ...]
    demurrage: int = 0

    def issued_by(self, rule: IssuingRule) -> int:
        """Return what a rule issued, in micro-credits."""
        return sum(each.amount_micro for each in self.issues if each.rule is rule)

    @property
    def recomputed(self) -> int:
        """Return deposits + issued - redeemed."""
        return self.deposited + sum(each.amount_micro for each in self.issues) - self.redeemed


def audit_supply(market: Market) -> Supply:
    """Return the audit of all credits that ever came or went.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction.
    """
    block, credits_ = market.client.head().number, market.credits
    chain = IssuingChain(market, block)
    names = ("Transfer", "DepositRecorded", "Issued", "Redeemed")
    records = credits_.events(names, first=market.first_block, last=block)
    days = chain.days_of(records)
    supply = credits_.supply(block=block)
    stored = StoredSupply(
        supply.existing,
        supply.deposited,
        supply.redeemed,
        {rule: credits_.issued(rule, block=block) for rule in IssuingRule},
    )
    events = [_event(record, days) for record in records]
    found = judge_supply(block, events, stored, chain.dues(), chain.caps_on)
    if market.demurrage is None:
        return found
    looks = demurrage_looks(market, block)
    wrong = check_demurrage(looks, market.demurrage.rule())
    return replace(found, demurrage=collected_micro(looks), differences=(*found.differences, *wrong))


def judge_supply(
    block_number: int, events: Sequence[CreditsEvent], stored: StoredSupply, dues: Iterable[Due], caps_on: CapsOn
) -> Supply:
    """Return what the events say, held against what the contract says, what is due, and the caps. Pure."""
    due_for = {(due.fact.rule, due.fact.reason): due for due in dues}
    issues = [_traced(event, due_for) for event in events if event.name == "Issued"]
    deposited = sum(event.values["amount"] for event in events if event.name == "DepositRecorded")
    redeemed = sum(event.values["amount"] for event in events if event.name == "Redeemed")
    issued = {rule: sum(each.amount_micro for each in issues if each.rule is rule) for rule in IssuingRule}
    ours = {"deposited": deposited, "redeemed": redeemed, "in all": deposited + sum(issued.values()) - redeemed}
    theirs = {"deposited": stored.deposited, "redeemed": stored.redeemed, "in all": stored.total}
    found = [
        *differences("credits", ours, theirs),
        *differences("credits issued for", _by_word(issued), _by_word(stored.issued)),
        *_made_and_ended(events),
        *_issued_without_right(issues),
        *_beyond_caps(events, caps_on),
        *_used_twice(events),
    ]
    return Supply(block_number, deposited, redeemed, tuple(issues), stored.total, tuple(found))


def _event(record: EventRecord, days: Mapping[int, int]) -> CreditsEvent:
    return CreditsEvent(record.name, record.values, days[record.log.block_number], record.log.transaction_hash)


def _traced(event: CreditsEvent, due_for: Mapping[tuple[IssuingRule, bytes], Due]) -> TracedIssue:
    rule, values = IssuingRule(event.values["rule"]), event.values
    due = due_for.get((rule, bytes(values["reason"])))
    return TracedIssue(rule, to_checksum_address(values["to"]), values["amount"], event.transaction, due)


def _by_word(amounts: Mapping[IssuingRule, int]) -> dict[str, int]:
    return {rule.word: amount for rule, amount in amounts.items()}


def _made_and_ended(events: Iterable[CreditsEvent]) -> list[Difference]:
    """Compare what came from and went to nowhere, by transaction and holder, with what the reasons given for it say."""
    made, ended, said_made, said_ended = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for event in events:
        values, transaction = event.values, f"in 0x{event.transaction.hex()}"
        if event.name == "Transfer":
            sender, receiver = to_checksum_address(values["from"]), to_checksum_address(values["to"])
            made[f"{receiver} {transaction}"] += values["value"] if sender == ZERO_ADDRESS else 0
            ended[f"{sender} {transaction}"] += values["value"] if receiver == ZERO_ADDRESS else 0
        elif event.name == "Redeemed":
            said_ended[f"{to_checksum_address(values['holder'])} {transaction}"] += values["amount"]
        else:
            said_made[f"{to_checksum_address(values['to'])} {transaction}"] += values["amount"]
    return differences("credits made for", said_made, made) + differences("credits ended of", said_ended, ended)


def _issued_without_right(issues: Iterable[TracedIssue]) -> Iterator[Difference]:
    """Compare every issue with what is due for its fact: to whom, how much, once."""
    seen: set[tuple[IssuingRule, bytes]] = set()
    for each in issues:
        what = f"credits issued for {each.rule.word} to {each.recipient} in 0x{each.transaction.hex()}"
        due = each.due
        right = 0
        if due is not None and due.fact.recipient == each.recipient and (each.rule, due.fact.reason) not in seen:
            right = due.amount_micro
            seen.add((each.rule, due.fact.reason))
        if right != each.amount_micro:
            yield Difference(what, right, each.amount_micro)


def _beyond_caps(events: Iterable[CreditsEvent], caps_on: CapsOn) -> Iterator[Difference]:
    """Find the days on which a rule issued more than the largest cap that it had on that day."""
    issued: defaultdict[tuple[IssuingRule, int], int] = defaultdict(int)
    for event in events:
        if event.name == "Issued":
            issued[IssuingRule(event.values["rule"]), event.day] += event.values["amount"]
    for (rule, day), amount in issued.items():
        cap = max(caps_on(rule, day))
        if amount > cap:
            yield Difference(f"credits issued for {rule.word} on day {day}, beyond the cap", cap, amount)


def _used_twice(events: Iterable[CreditsEvent]) -> Iterator[Difference]:
    """Find references of deposits that were credited more than once."""
    references = Counter(bytes(event.values["ref"]) for event in events if event.name == "DepositRecorded")
    for reference, times in references.items():
        if times > 1:
            yield Difference(f"deposits with the reference 0x{reference.hex()}", 1, times)
