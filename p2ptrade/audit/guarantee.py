"""The guarantee recomputed: for every period that was paid, what each account was due, was told to get, and got."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.audit.replay import Difference, differences
from p2ptrade.chain.contracts.guarantee import Guarantee, GuaranteePayment
from p2ptrade.chain.contracts.ledger import moved_entries
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.guarantee_facts import refunds_of_period
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId


@dataclass(frozen=True, slots=True)
class PaidRefunds:
    """A period that was paid, or begun to be: what was due, what the lists said, and what cash moved with them."""

    period: int
    due: Mapping[AccountId, int]
    told: Mapping[AccountId, int]
    moved: Mapping[AccountId, int]
    complete: bool


@dataclass(frozen=True, slots=True)
class GuaranteeAudit:
    """What an audit found, at one block; `waiting` periods are closed and not paid yet."""

    block_number: int
    periods: tuple[PaidRefunds, ...]
    waiting: int
    differences: tuple[Difference, ...]


def audit_guarantee(market: Market, guarantee: Guarantee) -> GuaranteeAudit:
    """Return the audit of all that was refunded.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction.
    """
    head = market.client.head()
    lists: defaultdict[int, list[GuaranteePayment]] = defaultdict(list)
    for payment in guarantee.payments(first=market.first_block, last=head.number):
        lists[payment.period].append(payment)
    moves = _moves(market, [each for payments in lists.values() for each in payments], head.number)
    periods = tuple(
        PaidRefunds(
            period,
            refunds_of_period(market, guarantee, period, head.number).amounts,
            _sums(entry for each in payments for entry in each.refunds),
            moves[period],
            payments[-1].is_last,
        )
        for period, payments in lists.items()
    )
    done = sum(each.complete for each in periods)
    waiting = 0
    while guarantee.closes_at_s(done + waiting) < head.time_s:
        waiting += 1
    return GuaranteeAudit(head.number, periods, waiting, tuple(check_refunds(periods)))


def check_refunds(periods: Sequence[PaidRefunds]) -> Iterator[Difference]:
    """Return what was refunded otherwise than the guarantee says. Pure.

    Of a period that is being paid only the accounts are due that its lists have passed.
    """
    for number, paid in enumerate(periods):
        if paid.period != number:
            yield Difference("period of the guarantee", number, paid.period)
        passed = max(paid.told, default=AccountId(0))
        due = {account: amount for account, amount in paid.due.items() if paid.complete or account <= passed}
        yield from differences(f"period {paid.period}: refund of account", due, paid.told)
        fund = {AccountId(SystemAccount.GUARANTEE): -sum(due.values())}
        yield from differences(f"period {paid.period}: cash moved for account", {**due, **fund}, paid.moved)


def _moves(market: Market, payments: Sequence[GuaranteePayment], block: int) -> dict[int, dict[AccountId, int]]:
    """Return what moved in the transactions of payments, by period."""
    period_of = {each.record.log.transaction_hash: each.period for each in payments}
    entries: defaultdict[int, list[tuple[AccountId, int]]] = defaultdict(list)
    for record in market.ledger.events("Moved", first=market.first_block, last=block) if period_of else ():
        if (period := period_of.get(record.log.transaction_hash)) is not None:
            entries[period] += moved_entries(record.values["entries"])
    return {each.period: _sums(entries[each.period]) for each in payments}


def _sums(entries: Iterable[tuple[AccountId, int]]) -> dict[AccountId, int]:
    sums: defaultdict[AccountId, int] = defaultdict(int)
    for account, amount in entries:
        sums[account] += amount
    return dict(sums)
