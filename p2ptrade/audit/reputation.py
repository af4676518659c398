"""Reputation and rewards, recomputed: each posted day from the facts of its slots, each score from the posted days.

A day's counts are what its books, voids and settled pages show, unopened orders and idle days included. Counts, scores
and classes of all participants follow from the posted days, and who was rewarded from the scores at that time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.audit.replay import Difference, differences
from p2ptrade.chain.day_facts import counts_on_chain, day_slots
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.reputation_history import PaidPeriod, ReputationHistory, reputation_history
from p2ptrade.domain.reputation import DayCounts, ReputationCounts, unpack_day
from p2ptrade.domain.rewards import RewardRules
from p2ptrade.domain.units import AccountId

_SECONDS_PER_DAY: Final = 86_400
_FIELDS: Final = ("good", "deals", "taken_part", "unopened", "idle_days", "last_idle_day")


@dataclass(frozen=True, slots=True)
class StoredReputation:
    """What the contracts say of an account: counts, score in ppm, class, class in the ledger, candidacy."""

    counts: ReputationCounts
    score_ppm: int
    reputation_class: int
    class_in_ledger: int
    may_stand: bool


@dataclass(frozen=True, slots=True)
class ReputationAudit:
    """What an audit found, at one block."""

    block_number: int
    history: ReputationHistory
    differences: tuple[Difference, ...]


def audit_reputation(market: Market) -> ReputationAudit:
    """Return the audit of everybody's reputation and of all rewards.

    Raises:
        ChainUnreachableError: the node does not answer.
        ChainError: the node has lost a transaction.
    """
    block = market.client.head().number
    history = reputation_history(market, block)
    found = [
        *check_stored(history.counts, history.next_day, _stored(market, list(history.counts), block)),
        *check_days(history.days, _recomputed_days(market, history, block)),
        *check_rewards(history.periods, market.rewards.rules()),
    ]
    return ReputationAudit(block, history, tuple(found))


def check_stored(
    replayed: Mapping[AccountId, ReputationCounts], next_day: int, stored: Mapping[AccountId, StoredReputation]
) -> Iterator[Difference]:
    """Compare what the posted days add up to with what the contracts say, for every account. Pure."""
    for account in sorted({*replayed, *stored}):
        ours, theirs = replayed.get(account, ReputationCounts()), stored.get(account)
        if theirs is None:
            yield Difference(f"reputation of account {account}", 1, 0)
            continue
        what = f"reputation of account {account}:"
        yield from differences(what, _numbers(ours), _numbers(theirs.counts))
        yield from differences(
            what,
            {
                "score": ours.score_ppm,
                "class": ours.reputation_class,
                "class in the ledger": ours.reputation_class,
                "may stand": ours.may_stand(next_day),
            },
            {
                "score": theirs.score_ppm,
                "class": theirs.reputation_class,
                "class in the ledger": theirs.class_in_ledger,
                "may stand": theirs.may_stand,
            },
        )


def check_days(posted: Mapping[int, bytes], recomputed: Mapping[int, bytes]) -> Iterator[Difference]:
    """Compare the counts of each day with those that its slots show. Pure."""
    for day, packed in posted.items():
        theirs, ours = unpack_day(packed), unpack_day(recomputed[day])
        for account in sorted({*theirs, *ours}):
            what = f"day {day}, account {account}:"
            yield from differences(what, _of_day(ours.get(account), day), _of_day(theirs.get(account), day))


def check_rewards(periods: Sequence[PaidPeriod], rules: RewardRules) -> Iterator[Difference]:
    """Compare what each period paid with what its ranking gives. Pure."""
    for number, period in enumerate(periods):
        if period.period != number:
            yield Difference("period of rewards", number, period.period)
        active = period.ranking.active
        due = dict(zip(active, rules.amounts(len(active)), strict=False))
        yield from differences(f"period {period.period}: reward of account", due, dict(period.paid))


def _numbers(counts: ReputationCounts) -> dict[str, int]:
    return {name: getattr(counts, name) for name in _FIELDS}


def _of_day(counts: DayCounts | None, day: int) -> dict[str, int]:
    """Return the counts of one day, all zero for an account that is not in it."""
    return _numbers(ReputationCounts() if counts is None else ReputationCounts().plus(counts, day))


def _stored(market: Market, accounts: list[AccountId], block: int) -> dict[AccountId, StoredReputation]:
    asked = [(account,) for account in accounts]
    reputation, states = market.reputation, market.ledger.accounts(accounts, block=block)
    counts = reputation.read_many("countsOf", asked, block=block)
    scores = reputation.read_many("scoreOf", asked, block=block)
    classes = reputation.read_many("classOf", asked, block=block)
    candidates = reputation.read_many("mayStand", asked, block=block)
    return {
        account: StoredReputation(ReputationCounts(*each), score, class_, states[account].reputation_class, stands)
        for account, each, score, class_, stands in zip(accounts, counts, scores, classes, candidates, strict=True)
    }


def _recomputed_days(market: Market, history: ReputationHistory, block: int) -> dict[int, bytes]:
    """Return the counts of every posted day as its slots show them."""
    admitted = market.registry.events("ParticipantAdmitted", first=market.first_block, last=block)
    times = {head.number: head.time_s for head in market.client.heads({each.log.block_number for each in admitted})}
    since_s = {AccountId(each.values["account"]): times[each.log.block_number] for each in admitted}
    first_priced = market.tariffs.first_priced_slot(first=market.first_block)
    days: dict[int, bytes] = {}
    for day in history.days:
        accounts = [account for account, since in since_s.items() if since <= day * _SECONDS_PER_DAY]
        slots = day_slots(day, first_priced)
        days[day] = counts_on_chain(market, accounts, slots) if accounts and slots else b""
    return days
