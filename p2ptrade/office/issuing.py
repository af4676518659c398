"""Issuing credits by the four rules: every fact of a day that is over gets what is due to it, once.

The contract lets each reason count once and holds every rule to its cap of the day; what does not fit today is
asked for again with the next call. A recipient whom the closed loop does not admit gets nothing and is named.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from eth_utils.address import to_checksum_address

from p2ptrade.chain.deployed import Market
from p2ptrade.chain.issuing_facts import IssuingChain
from p2ptrade.chain.outbox import Outbox
from p2ptrade.domain.issuing import Due, IssuingRule
from p2ptrade.domain.units import AmountMicro

_GAS_OF_ONE_ISSUE: Final = 250_000


class Outcome(StrEnum):
    """What became of an amount that is due."""

    ISSUED = "issued"
    OVER_THE_CAP = "waits: the cap of today is used up"
    NO_HOLDER = "refused: neither an admitted participant nor part of the platform"


@dataclass(frozen=True, slots=True)
class Issue:
    """An amount that was due and not issued before, and what became of it."""

    due: Due
    outcome: Outcome


def issue_credits(market: Market, issuer: Outbox, *, finality_depth: int = 0, dry_run: bool = False) -> list[Issue]:
    """Issue what is due and was not issued yet; return it, and what has to wait. A dry run only says what it would do.

    Raises:
        ChainUnreachableError: the node does not answer; the next call goes on.
        TransactionRevertedError: the key may not issue, or the credits are paused.
    """
    planned = _plan(market, max(0, market.client.head().number - finality_depth))
    if not dry_run:
        _send(market, issuer, [each.due for each in planned if each.outcome is Outcome.ISSUED])
    return planned


def _plan(market: Market, last_block: int) -> list[Issue]:
    """Return what is to be done about everything that is due and was not issued yet."""
    issued = market.credits.issued_reasons(first=market.first_block)
    dues = IssuingChain(market, last_block).dues()
    waiting = [due for due in dues if (due.fact.rule, due.fact.reason) not in issued]
    left = {rule: market.credits.issuable_today(rule) for rule in IssuingRule} if waiting else {}
    planned: list[Issue] = []
    for due in waiting:
        rule = due.fact.rule
        holder = to_checksum_address(due.fact.recipient)
        if not (market.credits.is_system_holder(holder) or market.registry.is_admitted(holder)):
            planned.append(Issue(due, Outcome.NO_HOLDER))
        elif due.amount_micro > left[rule]:
            planned.append(Issue(due, Outcome.OVER_THE_CAP))
        else:
            left[rule] = AmountMicro(left[rule] - due.amount_micro)
            planned.append(Issue(due, Outcome.ISSUED))
    return planned


def _send(market: Market, issuer: Outbox, dues: Sequence[Due]) -> None:
    credits_ = market.credits
    sent = []
    for due in dues:
        intent = f"issue/{due.fact.rule.word}/{due.fact.reason.hex()[:16]}"
        issuer.submit(intent, credits_.address, credits_.issue_data(due), gas_limit=_GAS_OF_ONE_ISSUE)
        sent.append(intent)
    for intent in sent:
        issuer.wait(intent)
