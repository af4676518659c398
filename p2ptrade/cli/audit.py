"""`p2ptrade audit`: recompute the books from the chain's events and say whether they close."""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, astuple
from typing import Final

import typer

from p2ptrade.audit.books import Books, audit_books
from p2ptrade.audit.delays import PaymentDelays, payment_delays
from p2ptrade.audit.guarantee import GuaranteeAudit, audit_guarantee
from p2ptrade.audit.replay import Difference
from p2ptrade.audit.reputation import ReputationAudit, audit_reputation
from p2ptrade.audit.supply import Supply, TracedIssue, audit_supply
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.office_guarantee import guarantee_of
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import load_settings
from p2ptrade.domain.issuing import IssuingRule
from p2ptrade.domain.units import SharePpm
from p2ptrade.errors import BooksDoNotCloseError

_MOST: Final = SharePpm(950_000)

audit_app = typer.Typer(help="Recompute the books from the chain's events.", no_args_is_help=True)


@audit_app.callback()
def audit() -> None:
    """Recompute the books from the chain's events."""


@audit_app.command("books")
def books(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Prove that every credit and every Wh is accounted for; exit code 1 with the differences if not."""
    found = audit_books(connect_market(load_settings(config)))
    sys.stdout.write(json.dumps(books_document(found)) + "\n" if as_json else _sentences(found))
    require_closed(found)


@audit_app.command("supply")
def supply(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute the supply of credits and trace every issue to its fact; exit code 1 with what does not agree."""
    found = audit_supply(connect_market(load_settings(config)))
    sys.stdout.write(json.dumps(supply_document(found)) + "\n" if as_json else _supply_table(found))
    _require_none(found.differences, "the supply of credits does not follow from the events")


def supply_document(found: Supply) -> dict[str, object]:
    """Return the result of an audit of the supply as JSON."""
    return {
        "block_number": found.block_number,
        "deposited_micro": found.deposited,
        "issued_micro": {rule.word: found.issued_by(rule) for rule in IssuingRule},
        "redeemed_micro": found.redeemed,
        "recomputed_supply_micro": found.recomputed,
        "stored_supply_micro": found.stored_total,
        "demurrage_micro": found.demurrage,
        "issues": [_issue_document(each) for each in found.issues],
        "differences": [str(difference) for difference in found.differences],
    }


def _issue_document(each: TracedIssue) -> dict[str, object]:
    fact = None if each.due is None else each.due.fact
    return {
        "rule": each.rule.word,
        "recipient": each.recipient,
        "amount_micro": each.amount_micro,
        "transaction": "0x" + each.transaction.hex(),
        "fact": None if fact is None else {"day": fact.day, "units": fact.units, "reason": "0x" + fact.reason.hex()},
    }


def _supply_table(found: Supply) -> str:
    rows = [("deposits recorded", found.deposited)]
    rows += [(f"issued: {rule.word}", found.issued_by(rule)) for rule in IssuingRule]
    rows += [("redeemed", -found.redeemed), ("recomputed", found.recomputed), ("stored", found.stored_total)]
    table = "".join(f"{name:<24}{amount:>22}\n" for name, amount in rows)
    return (
        f"block {found.block_number}, in micro-credits\n{table}{len(found.issues)} issues traced to their facts, "
        f"{found.demurrage} of demurrage to idle cash; {len(found.differences)} differences\n"
    )


@audit_app.command("reputation")
def reputation(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute everybody's reputation and all rewards from the events; exit code 1 with what does not agree."""
    found = audit_reputation(connect_market(load_settings(config)))
    sys.stdout.write(json.dumps(reputation_document(found)) + "\n" if as_json else _reputation_table(found))
    _require_none(found.differences, "reputation and rewards do not follow from the events")


def reputation_document(found: ReputationAudit) -> dict[str, object]:
    """Return the result of an audit of the reputation as JSON."""
    return {
        "block_number": found.block_number,
        "days": len(found.history.days),
        "accounts": [
            {"account": account, "score_ppm": held.score_ppm, "class": held.reputation_class, **asdict(held)}
            | {"may_stand": held.may_stand(found.history.next_day)}
            for account, held in sorted(found.history.counts.items())
        ],
        "periods": [{"period": each.period, "paid_micro": dict(each.paid)} for each in found.history.periods],
        "differences": [str(difference) for difference in found.differences],
    }


def _reputation_table(found: ReputationAudit) -> str:
    next_day = found.history.next_day
    heads = ("account", "score", "class", "good", "deals", "taken part", "unopened", "idle days", "may stand")
    rows = [
        (account, held.score_ppm, held.reputation_class, *astuple(held)[:-1], _yes(held.may_stand(next_day)))
        for account, held in sorted(found.history.counts.items())
    ]
    table = "".join("".join(f"{cell:>11}" for cell in row) + "\n" for row in (heads, *rows))
    days, periods = len(found.history.days), len(found.history.periods)
    return (
        f"block {found.block_number}\n{table}{days} days and {periods} periods of rewards computed again; "
        f"{len(found.differences)} differences\n"
    )


@audit_app.command("guarantee")
def guarantee(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Recompute every refund of the guarantee from the events; exit code 1 with what does not agree."""
    market = connect_market(load_settings(config))
    found = audit_guarantee(market, guarantee_of(market))
    sys.stdout.write(json.dumps(guarantee_document(found)) + "\n" if as_json else _guarantee_sentence(found))
    _require_none(found.differences, "the refunds do not follow from the events")


def guarantee_document(found: GuaranteeAudit) -> dict[str, object]:
    """Return the result of an audit of the guarantee as JSON."""
    return {
        "block_number": found.block_number,
        "periods": [
            {"period": each.period, "complete": each.complete, "refunds_micro": dict(each.told)}
            for each in found.periods
        ],
        "closed_and_not_paid": found.waiting,
        "differences": [str(difference) for difference in found.differences],
    }


def _guarantee_sentence(found: GuaranteeAudit) -> str:
    refunded, periods = sum(sum(each.told.values()) for each in found.periods), len(found.periods)
    return (
        f"block {found.block_number}: {refunded} micro-credits refunded for {periods} periods, computed again; "
        f"{found.waiting} periods are closed and not paid; {len(found.differences)} differences\n"
    )


def _yes(holds: bool) -> str:
    return "yes" if holds else "no"


@audit_app.command("delays")
def delays(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Measure how long after its end, when the meters were read, each slot was paid."""
    found = payment_delays(connect_market(load_settings(config)))
    sys.stdout.write(json.dumps(delays_document(found)) + "\n" if as_json else _delays_sentence(found))


def delays_document(found: PaymentDelays) -> dict[str, object]:
    """Return the delays as JSON."""
    slots = [
        {"slot": each.slot, "delay_s": each.seconds, "transaction": "0x" + each.transaction.hex()}
        for each in found.slots
    ]
    if not slots:
        return {"block_number": found.block_number, "slots": slots}
    return {
        "block_number": found.block_number,
        "slots": slots,
        "median_s": found.median_s,
        "p95_s": found.kept_by_s(_MOST),
        "longest_s": found.longest_s,
    }


def _delays_sentence(found: PaymentDelays) -> str:
    if not found.slots:
        return f"block {found.block_number}: no slot has been settled yet\n"
    return (
        f"block {found.block_number}: {len(found.slots)} slots paid; from reading to payment {found.median_s} s in the "
        f"median, {found.kept_by_s(_MOST)} s for 95 of 100, {found.longest_s} s at the longest\n"
    )


def _require_none(found: Sequence[Difference], what: str) -> None:
    if found:
        more = f" and {len(found) - 5} more" if len(found) > 5 else ""
        raise BooksDoNotCloseError(f"{what}: {'; '.join(map(str, found[:5]))}{more}")


def books_document(found: Books) -> dict[str, object]:
    """Return the result of an audit as JSON."""
    return {
        "block_number": found.block_number,
        "clearings": len(found.clearings),
        "settlements": len(found.settlements),
        "money_difference_micro": found.money_difference_micro,
        "energy_difference_wh": found.energy_difference_wh,
        "differences": [str(difference) for difference in (*found.money, *found.energy)],
    }


def require_closed(found: Books) -> None:
    """Let closed books pass.

    Raises:
        BooksDoNotCloseError: with the first differences.
    """
    _require_none([*found.money, *found.energy], "the books do not close")


def _sentences(found: Books) -> str:
    return (
        f"block {found.block_number}: {len(found.clearings)} clearings and {len(found.settlements)} settlements "
        f"computed again; {found.money_difference_micro} micro-credits and {found.energy_difference_wh} Wh are not "
        "accounted for\n"
    )
