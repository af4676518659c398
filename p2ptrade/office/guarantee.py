"""Paying what the guarantee owes for periods that can no longer change, in a market that has one."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from p2ptrade.chain.contracts.guarantee import Guarantee
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.guarantee_facts import PeriodRefunds, refunds_of_period
from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import RefusedError, TransactionRevertedError

REFUNDS_AT_ONCE: Final = 500

_Refunds = list[tuple[AccountId, AmountMicro]]


@dataclass
class GuaranteeDesk:
    """Computes and pays refunds with the key of the issuer; what a period is due is computed once and kept."""

    market: Market
    caller: Outbox
    finality_depth: int = 0
    _due: PeriodRefunds | None = None

    def pay(self) -> list[PeriodRefunds]:
        """Pay every period that is closed and not paid yet; return what was due for them.

        Raises:
            RefusedError: the guarantee account does not hold what a period is due; nothing of it was paid now.
            ChainUnreachableError: the node does not answer; the next call goes on.
        """
        guarantee = self.market.guarantee
        paid: list[PeriodRefunds] = []
        while guarantee is not None and (due := self._next_due(guarantee)) is not None:
            try:
                self._pay(guarantee, due)
            except TransactionRevertedError as error:
                if error.error_name != "GuaranteeWrongPeriod":  # which says that another process was faster
                    raise
                continue
            paid.append(due)
        return paid

    def _next_due(self, guarantee: Guarantee) -> PeriodRefunds | None:
        """Return what the next period is due, if it is closed for good."""
        period = guarantee.next_period()
        head = max(self.market.first_block, self.market.client.head().number - self.finality_depth)
        if self.market.client.head(head).time_s <= guarantee.closes_at_s(period):
            return None
        if self._due is None or self._due.period != period:
            self._due = refunds_of_period(self.market, guarantee, period, head)
        return self._due

    def _pay(self, guarantee: Guarantee, due: PeriodRefunds) -> None:
        done = guarantee.last_account()
        left = [(account, amount) for account, amount in due.amounts.items() if account > done]
        needed = sum(amount for _, amount in left)
        held = self.market.ledger.cash(AccountId(SystemAccount.GUARANTEE))
        if held < needed:
            raise RefusedError(
                f"period {due.period} refunds {needed} micro-credits, but the guarantee account holds {held}: "
                "the treasurer pays in, `p2ptrade office guarantee fund`"
            )
        for refunds, is_last in _lists(left):
            intent = f"guarantee/{due.period}/{refunds[0][0] if refunds else 'nobody'}"
            self.caller.submit(intent, guarantee.address, guarantee.pay_data(due.period, refunds, is_last=is_last))
            self.caller.wait(intent)


def _lists(refunds: _Refunds) -> Iterator[tuple[_Refunds, bool]]:
    """Return the lists in which refunds are paid, each with whether it is the last; a period without any has one."""
    for start in range(0, max(1, len(refunds)), REFUNDS_AT_ONCE):
        some = refunds[start : start + REFUNDS_AT_ONCE]
        yield some, start + REFUNDS_AT_ONCE >= len(refunds)
