"""What the guarantee owes for a period, from the chain alone: what was settled and corrected when the period closed.

A page or a correction that was reported in time and paid later does not count: so what is due never changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.guarantee import Guarantee
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.settled_slots import published_slots
from p2ptrade.domain.guarantee import gains_over
from p2ptrade.domain.slot import start_of
from p2ptrade.domain.units import AccountId, AmountMicro, SlotNumber


@dataclass(frozen=True, slots=True)
class PeriodRefunds:
    """What each account is due for a period, in micro-credits; `closed` says that it can no longer change."""

    period: int
    amounts: Mapping[AccountId, AmountMicro]
    closed: bool

    @property
    def total_micro(self) -> int:
        """Return what it comes to."""
        return sum(self.amounts.values())


def refunds_of_period(market: Market, guarantee: Guarantee, period: int, head: int) -> PeriodRefunds:
    """Return the refunds of a period as block `head` has them: all of them, or those of what is settled so far.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction.
    """
    rules, closes_at_s = guarantee.rules(), guarantee.closes_at_s(period)
    slots = rules.slots(period)
    closed = market.client.head(head).time_s > closes_at_s
    last = _block_at(market.client, closes_at_s, market.first_block, head) if closed else head
    first = _block_at(market.client, start_of(SlotNumber(slots.start)), market.first_block, head)
    published = published_slots(market, slots, first=first, last=last)
    gains = gains_over(each.settled for each in published)
    return PeriodRefunds(period, rules.refunds(gains), closed)


def _block_at(client: ChainClient, instant_s: int, first: int, last: int) -> int:
    """Return the last block from `first` to `last` that is not later than an instant, or `first` if all are."""
    while first < last:
        middle = (first + last + 1) // 2
        if client.head(middle).time_s <= instant_s:
            first = middle
        else:
            last = middle - 1
    return first
