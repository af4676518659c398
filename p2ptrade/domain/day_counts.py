"""The facts of a UTC day for reputation, from what the chain shows of its slots. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.reputation import DayCounts
from p2ptrade.domain.tariff import Deviation
from p2ptrade.domain.units import AccountId


@dataclass(frozen=True, slots=True)
class SlotFacts:
    """Who sealed an order that was cleared or voided in a slot, who of them never opened it, and what was settled."""

    sealed: frozenset[AccountId]
    unopened: frozenset[AccountId]
    settled: Sequence[MeteredAccount]


def counts_of_day(
    accounts: Iterable[AccountId], slots: Sequence[SlotFacts], deviation: Deviation
) -> dict[AccountId, DayCounts]:
    """Return the counts of the participants of a day; who sealed nothing all day is idle.

    A deal is good if its metered delivery is within the tolerance; an estimate is no metered delivery.
    """
    sealed: dict[AccountId, int] = {}
    unopened: dict[AccountId, int] = {}
    deals: dict[AccountId, int] = {}
    good: dict[AccountId, int] = {}
    for facts in slots:
        _count(sealed, facts.sealed)
        _count(unopened, facts.unopened)
        traded = [account for account in facts.settled if account.position is not None]
        _count(deals, (account.account for account in traded))
        _count(good, (account.account for account in traded if is_good(account, deviation)))
    return {
        account: DayCounts(
            good.get(account, 0),
            deals.get(account, 0),
            sealed.get(account, 0),
            unopened.get(account, 0),
            idle=account not in sealed,
        )
        for account in accounts
    }


def is_good(account: MeteredAccount, deviation: Deviation) -> bool:
    """Return whether a deal was delivered or taken as metered within the tolerance."""
    if account.estimated or account.position is None:
        return False
    return abs(account.imbalance_wh) <= deviation.tolerated(account.position.energy_wh)


def _count(counts: dict[AccountId, int], accounts: Iterable[AccountId]) -> None:
    for account in accounts:
        counts[account] = counts.get(account, 0) + 1
