"""Paying the rewards of periods that are over, each with one call that anybody may send."""

from dataclasses import dataclass

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.reputation_history import reputation_history
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import ChainUnreachableError, RefusedError, TransactionRevertedError


@dataclass(frozen=True, slots=True)
class Paid:
    """What a period paid, best first, in micro-credits."""

    period: int
    amounts: tuple[tuple[AccountId, AmountMicro], ...]


@dataclass(frozen=True, slots=True)
class _Due:
    """A period that can be paid: what it pays, and all participants in the order that the contract asks for."""

    paid: Paid
    listed: tuple[AccountId, ...]


def pay_rewards(market: Market, caller: Outbox) -> list[Paid]:
    """Pay every period that is over and whose days all have their reputation posted; return what was paid.

    Raises:
        RefusedError: the rewards account does not hold enough.
        ChainUnreachableError: the node does not answer, or lags behind itself; the next call goes on.
    """
    done: list[Paid] = []
    while (due := _next_due(market)) is not None:
        rewards, intent = market.rewards, f"rewards/{due.paid.period}"
        try:
            caller.submit(intent, rewards.address, rewards.pay_data(due.paid.period, due.listed))
            caller.wait(intent)
        except TransactionRevertedError as error:
            if error.error_name != "RewardsWrongPeriod":  # which says that somebody else was faster
                raise
            continue
        done.append(due.paid)
    return done


def _next_due(market: Market) -> _Due | None:
    """Return the next period if it can be paid now."""
    rewards, block = market.rewards, market.client.head().number
    period, rules = rewards.next_period(block=block), rewards.rules()
    if market.reputation.next_day(block=block) < rules.end_day(period):
        return None
    history = reputation_history(market, block)
    if len(history.periods) != period:
        raise ChainUnreachableError("the node shows the state of a block whose events it does not have yet")
    ranking = history.ranking()
    amounts = rules.amounts(len(ranking.active))
    held = market.ledger.cash(AccountId(SystemAccount.REWARDS), block=block)
    if held < sum(amounts):
        raise RefusedError(
            f"period {period} pays {sum(amounts)} micro-credits, but the rewards account holds {held}: "
            "the treasurer pays in, `p2ptrade office rewards fund`"
        )
    return _Due(Paid(period, tuple(zip(ranking.active, amounts, strict=False))), ranking.listed)
