"""`p2ptrade office guarantee check|fund|pay`: refunds to who paid more than with the retailer alone."""

import json
import sys
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

import typer

from p2ptrade.chain.contracts.guarantee import Guarantee
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.guarantee_facts import PeriodRefunds, refunds_of_period
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.office_session import acting
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import load_settings
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import RefusedError
from p2ptrade.office import service
from p2ptrade.office.guarantee import GuaranteeDesk

guarantee_app = typer.Typer(help="Refund who paid more than with the retailer alone.", no_args_is_help=True)
_ACCOUNT = AccountId(SystemAccount.GUARANTEE)


def guarantee_of(market: Market) -> Guarantee:
    """Return the guarantee of a market.

    Raises:
        RefusedError: it has none.
    """
    if market.guarantee is None:
        raise RefusedError("this market has no guarantee: deploy.guarantee_period_days was 0 when it was deployed")
    return market.guarantee


@guarantee_app.command("check")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say what the next period is due, so far or for good, and whether the account holds it; exit code 1 if not."""
    market = connect_market(load_settings(config))
    guarantee = guarantee_of(market)
    due = refunds_of_period(market, guarantee, guarantee.next_period(), market.client.head().number)
    held = market.ledger.cash(_ACCOUNT)
    days, closes = guarantee.rules().days(due.period), guarantee.closes_at_s(due.period)
    if as_json:
        document = _document(due) | {
            "first_day": _day(days.start),
            "last_day": _day(days.stop - 1),
            "closes_at_s": closes,
            "closed": due.closed,
            "total_micro": due.total_micro,
            "held_micro": held,
        }
        sys.stdout.write(json.dumps(document) + "\n")
    else:
        until = datetime.fromtimestamp(closes, UTC).strftime("%Y-%m-%d %H:%M UTC")
        state = "is closed" if due.closed else f"can change until {until}; so far:"
        sys.stdout.write(f"period {due.period}, {_day(days.start)} to {_day(days.stop - 1)} (UTC), {state}\n")
        sys.stdout.write(_table(due))
        sys.stdout.write(f"{due.total_micro} micro-credits to be refunded, the guarantee account holds {held}\n")
    raise typer.Exit(1 if held < due.total_micro else 0)


@guarantee_app.command("pay")
def pay(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Pay the refunds of every period that can no longer change."""
    with acting(config, "issuer") as (market, issuer):
        guarantee_of(market)
        paid = GuaranteeDesk(market, issuer, load_settings(config).chain.finality_depth).pay()
    if as_json:
        sys.stdout.write(json.dumps([_document(each) for each in paid]) + "\n")
        return
    for each in paid:
        sys.stdout.write(f"period {each.period} refunded {len(each.amounts)} accounts\n{_table(each)}")
    if not paid:
        sys.stdout.write("no period is due: the next one can still change\n")


@guarantee_app.command("fund")
def fund(
    amount_micro: Annotated[int, typer.Option("--amount-micro", min=1, help="Amount in micro-credits.")],
    reference: Annotated[str, typer.Option(help="Name of this payment; asking again for the same does nothing.")],
    config: ConfigOption = None,
) -> None:
    """Pay credits that the treasurer holds into the guarantee account."""
    with acting(config, "treasurer") as (market, treasurer):
        guarantee_of(market)
        name = f"guarantee/{reference}"
        for intent in service.pay_in(market, treasurer, _ACCOUNT, AmountMicro(amount_micro), name):
            treasurer.wait(intent)
        held = market.ledger.cash(_ACCOUNT)
    sys.stdout.write(f"the guarantee account holds {held} micro-credits\n")


def _document(refunds: PeriodRefunds) -> dict[str, object]:
    return {"period": refunds.period, "refunds_micro": dict(refunds.amounts)}


def _table(refunds: PeriodRefunds) -> str:
    return "".join(f"{account:>8}  {amount:>12}\n" for account, amount in refunds.amounts.items())


def _day(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
