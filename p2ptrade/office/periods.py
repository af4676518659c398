"""What falls due when a day or a period is over, done by itself: credits, demurrage, rewards, refunds.

Every act is done once, whoever asks for it and however often, so this may be killed at any time.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.errors import RefusedError, TransactionRevertedError
from p2ptrade.office.demurrage import collect_demurrage
from p2ptrade.office.guarantee import GuaranteeDesk
from p2ptrade.office.issuing import Outcome, issue_credits
from p2ptrade.office.rewards import pay_rewards

_SECONDS_PER_DAY: Final = 86_400

_log = structlog.get_logger(__name__)


class OfficeMetrics:
    """Counters of the office, in a registry of their own."""

    def __init__(self) -> None:
        """Start at zero."""
        registry = self.registry = CollectorRegistry()
        self.issued = Counter(
            "p2ptrade_office_issued_micro", "Credits issued by the rules", ["rule"], registry=registry
        )
        self.not_issued = Gauge("p2ptrade_office_not_issued", "Issues that wait or are refused", registry=registry)
        self.looked_at = Counter("p2ptrade_office_demurrage_accounts", "Accounts looked at", registry=registry)
        self.periods = Counter("p2ptrade_office_periods_rewarded", "Periods of rewards paid", registry=registry)
        self.refunded = Counter("p2ptrade_office_refunded_micro", "Refunds of the guarantee", registry=registry)


@dataclass
class PeriodClerk:
    """Does what is due, with a key that may issue; the other acts are open to any key."""

    market: Market
    outbox: Outbox
    finality_depth: int = 0
    metrics: OfficeMetrics = field(default_factory=OfficeMetrics)
    checkpoint: Checkpoint = pass_by
    _day_done: int | None = None
    _troubles: dict[str, str] = field(default_factory=dict)
    _guarantee: GuaranteeDesk = field(init=False)

    def __post_init__(self) -> None:
        self._guarantee = GuaranteeDesk(self.market, self.outbox, self.finality_depth)

    def step(self) -> None:
        """Do what is due now; what the rules refuse is logged once and tried again.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        self.outbox.advance()  # what was sent and not looked up when this was killed
        today = self.market.client.now_s() // _SECONDS_PER_DAY
        if self._day_done != today and all([self._try("issue", self._issue), self._try("demurrage", self._look)]):
            self._day_done = today
        self._try("rewards", self._reward)
        self._try("guarantee", self._refund)

    def _try(self, what: str, act: Callable[[], None]) -> bool:
        """Return whether an act went well; whatever stands in the way of one must not stop the others."""
        self.checkpoint(f"office.before-{what}")
        try:
            act()
        except (RefusedError, TransactionRevertedError) as error:
            if self._troubles.get(what) != str(error):
                _log.warning("not done", what=what, reason=str(error))
            self._troubles[what] = str(error)
            return False
        self.checkpoint(f"office.after-{what}")
        self._troubles.pop(what, None)
        return True

    def _issue(self) -> None:
        found = issue_credits(self.market, self.outbox, finality_depth=self.finality_depth)
        for each in found:
            if each.outcome is Outcome.ISSUED:
                self.metrics.issued.labels(each.due.fact.rule.word).inc(each.due.amount_micro)
        rest = sum(each.outcome is not Outcome.ISSUED for each in found)
        self.metrics.not_issued.set(rest)
        if found:
            _log.info("credits issued", facts=len(found) - rest, left=rest)

    def _look(self) -> None:
        looked_at = collect_demurrage(self.market, self.outbox)
        self.metrics.looked_at.inc(len(looked_at))
        if looked_at:
            _log.info("demurrage collected", accounts=len(looked_at))

    def _reward(self) -> None:
        for paid in pay_rewards(self.market, self.outbox):
            self.metrics.periods.inc()
            _log.info("rewards paid", period=paid.period, accounts=len(paid.amounts))

    def _refund(self) -> None:
        for paid in self._guarantee.pay():
            self.metrics.refunded.inc(paid.total_micro)
            _log.info("guarantee paid", period=paid.period, accounts=len(paid.amounts), amount_micro=paid.total_micro)
