"""`p2ptrade office issue|demurrage|rewards|run|check`: what is due when a day or a period is over."""

import json
import sys
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Annotated

import typer

from p2ptrade.chain.contracts.authority import Role
from p2ptrade.cli.checks import Finding, connect_market, finish
from p2ptrade.cli.daemons import PortOption, state_finding
from p2ptrade.cli.office_session import acting
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption
from p2ptrade.config import Settings, checkpoint, load_settings, open_key
from p2ptrade.domain.settlement import SystemAccount
from p2ptrade.domain.units import AccountId, AmountMicro
from p2ptrade.errors import P2PTradeError, RefusedError
from p2ptrade.office import service
from p2ptrade.office.demurrage import collect_demurrage
from p2ptrade.office.issuing import Issue, Outcome, issue_credits
from p2ptrade.office.periods import PeriodClerk
from p2ptrade.office.rewards import pay_rewards
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.logs import set_up_logs
from p2ptrade.transport.server import bind, make_app, run_service

rewards_app = typer.Typer(help="Reward the best by reputation at the end of a period.", no_args_is_help=True)


def issue(config: ConfigOption = None, dry_run: DryRunOption = False, as_json: JsonOption = False) -> None:
    """Issue credits by the four rules for all days that are over, each fact once."""
    with acting(config, "issuer") as (market, issuer):
        depth = load_settings(config).chain.finality_depth
        found = issue_credits(market, issuer, finality_depth=depth, dry_run=dry_run)
    if as_json:
        sys.stdout.write(json.dumps([_issue_document(each) for each in found]) + "\n")
        return
    for each in found:
        fact, amount = each.due.fact, each.due.amount_micro
        sys.stdout.write(f"{_day(fact.day)}  {fact.rule.word:<14}  {fact.recipient}  {amount:>12}  {each.outcome}\n")
    total = sum(each.due.amount_micro for each in found if each.outcome is Outcome.ISSUED)
    sys.stdout.write(f"{total} micro-credits {'would be ' if dry_run else ''}issued\n")


def demurrage(config: ConfigOption = None) -> None:
    """Collect demurrage of all participants for the days since they were last looked at, in a market that has it."""
    with acting(config, "issuer") as (market, caller):
        if market.demurrage is None:
            raise RefusedError("this market has no demurrage: deploy.demurrage_ppm_per_day was 0 when it was deployed")
        looked_at = collect_demurrage(market, caller)
    sys.stdout.write(f"{len(looked_at)} accounts looked at\n")


def run_office(
    config: ConfigOption = None,
    port: PortOption = None,
) -> None:
    """Issue credits, collect demurrage, pay rewards and refunds whenever something is due, until stopped."""
    settings = load_settings(config)
    set_up_logs("office", level=settings.log_level)
    own = settings.office
    listener = bind(own.host, own.port if port is None else port)
    with acting(config, "issuer") as (market, outbox):
        clerk = PeriodClerk(market, outbox, settings.chain.finality_depth, checkpoint=checkpoint(settings))
        health = Health()
        app = make_app("office", health=health, registry=clerk.metrics.registry)
        run_service(app, listener=listener, health=health, step=clerk.step, interval_s=own.interval_s)


def check_office(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say whether `office run` with these settings could work; exit code 1 if not."""
    finish(_findings(load_settings(config)), as_json=as_json)


def _findings(settings: Settings) -> Iterator[Finding]:
    """Return what the office needs in the order in which it needs it; what cannot be asked is left out."""
    try:
        market = connect_market(settings)
    except P2PTradeError as error:
        yield Finding("chain and deployment", str(error))
        return
    yield Finding(f"chain {market.client.chain_id} with the credits at {market.credits.address}")
    try:
        key = open_key(settings, settings.office.issuer, "office.issuer")
        is_issuer = market.authority.has_role(Role.ISSUER, key.address)
        yield Finding(f"key {key.address} may issue", None if is_issuer else "it has not the role ISSUER")
    except P2PTradeError as error:
        yield Finding("key", str(error))
    yield state_finding(settings.office, "issuer")
    held, rules = market.ledger.cash(AccountId(SystemAccount.REWARDS)), market.rewards.rules()
    most = sum(rules.amounts(rules.places))
    short = f"it holds {held} micro-credits, a period may pay {most}: `p2ptrade office rewards fund`"
    yield Finding("the rewards account can pay a period", short if held < most else None)


@rewards_app.command("pay")
def pay(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Pay the rewards of every period that is over, by the ranking that the contract checks."""
    with acting(config, "issuer") as (market, caller):
        paid = pay_rewards(market, caller)
        next_period, rules = market.rewards.next_period(), market.rewards.rules()
    if as_json:
        sys.stdout.write(
            json.dumps([{"period": each.period, "paid_micro": dict(each.amounts)} for each in paid]) + "\n"
        )
        return
    for each in paid:
        sys.stdout.write(f"period {each.period} paid {len(each.amounts)} accounts\n")
        sys.stdout.write("".join(f"{account:>8}  {amount:>12}\n" for account, amount in each.amounts))
    sys.stdout.write(
        f"period {next_period} can be paid when the reputation of {_day(rules.end_day(next_period) - 1)} is posted\n"
    )


@rewards_app.command("fund")
def fund(
    amount_micro: Annotated[int, typer.Option("--amount-micro", min=1, help="Amount in micro-credits.")],
    reference: Annotated[str, typer.Option(help="Name of this payment; asking again for the same does nothing.")],
    config: ConfigOption = None,
) -> None:
    """Pay credits that the treasurer holds into the rewards account."""
    with acting(config, "treasurer") as (market, treasurer):
        account = AccountId(SystemAccount.REWARDS)
        for intent in service.pay_in(market, treasurer, account, AmountMicro(amount_micro), f"rewards/{reference}"):
            treasurer.wait(intent)
        held = market.ledger.cash(account)
    sys.stdout.write(f"the rewards account holds {held} micro-credits\n")


def _issue_document(each: Issue) -> dict[str, object]:
    fact = each.due.fact
    return {
        "day": _day(fact.day),
        "rule": fact.rule.word,
        "recipient": fact.recipient,
        "units": fact.units,
        "amount_micro": each.due.amount_micro,
        "reason": "0x" + fact.reason.hex(),
        "outcome": each.outcome.name.lower(),
    }


def _day(day: int) -> str:
    return (date(1970, 1, 1) + timedelta(days=day)).isoformat()
