"""Reputation replayed from events: the days that were posted, and the periods that were rewarded, in their order."""

from dataclasses import dataclass, field

from p2ptrade.chain.client import Log
from p2ptrade.chain.contracts.base import EventRecord
from p2ptrade.chain.deployed import Market
from p2ptrade.domain.reputation import ReputationCounts, unpack_day
from p2ptrade.domain.rewards import Ranking
from p2ptrade.domain.units import AccountId, AmountMicro


@dataclass(frozen=True, slots=True)
class PaidPeriod:
    """A period that was rewarded: who was paid what, and the ranking by the days posted until then."""

    period: int
    paid: tuple[tuple[AccountId, AmountMicro], ...]
    ranking: Ranking
    transaction: bytes


@dataclass(slots=True)
class ReputationHistory:
    """What the events up to a block say: counts, deals that were rewarded, days posted, periods paid."""

    counts: dict[AccountId, ReputationCounts] = field(default_factory=dict)
    deals_paid: dict[AccountId, int] = field(default_factory=dict)
    days: dict[int, bytes] = field(default_factory=dict)
    periods: list[PaidPeriod] = field(default_factory=list)

    @property
    def next_day(self) -> int:
        """Return the UTC day that is to be posted next, or zero if none has been."""
        return max(self.days, default=-1) + 1

    def ranking(self) -> Ranking:
        """Return the ranking that a payment would need now."""
        return Ranking.of(self.counts, self.deals_paid)


def reputation_history(market: Market, last_block: int) -> ReputationHistory:
    """Return the history up to and with `last_block`.

    Raises:
        ChainUnreachableError: the node does not answer.
        InputError: a day that was posted holds counts that cannot be.
    """
    first, history = market.first_block, ReputationHistory()
    records = [
        *market.registry.events("ParticipantAdmitted", first=first, last=last_block),
        *market.reputation.events("DayPosted", first=first, last=last_block),
        *market.rewards.events("PeriodPaid", first=first, last=last_block),
    ]
    for record in sorted(records, key=lambda record: _place(record.log)):
        _apply(history, record)
    return history


def _apply(history: ReputationHistory, record: EventRecord) -> None:
    values = record.values
    if record.name == "ParticipantAdmitted":
        history.counts[AccountId(values["account"])] = ReputationCounts()
    elif record.name == "DayPosted":
        history.days[values["day"]] = bytes(values["counts"])
        for account, counts in unpack_day(values["counts"]).items():
            so_far = history.counts.get(account, ReputationCounts())
            history.counts[account] = so_far.plus(counts, values["day"])
    else:
        history.periods.append(_paid(record, history.ranking()))
        history.deals_paid = {account: counts.deals for account, counts in history.counts.items()}


def _paid(record: EventRecord, ranking: Ranking) -> PaidPeriod:
    values, packed = record.values, bytes(record.values["accounts"])
    accounts = [AccountId(int.from_bytes(packed[at : at + 4], "big")) for at in range(0, len(packed), 4)]
    amounts = [AmountMicro(amount) for amount in values["amountsMicro"]]
    return PaidPeriod(
        values["period"], tuple(zip(accounts, amounts, strict=True)), ranking, record.log.transaction_hash
    )


def _place(log: Log) -> tuple[int, int]:
    return log.block_number, log.index
