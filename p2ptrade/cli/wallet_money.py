"""`p2ptrade wallet register|deposit|balance|withdraw|ledger`: an account and its money."""

import csv
import io
import json
import secrets
import sys
from typing import Annotated, Any

import typer
from eth_typing import ChecksumAddress
from eth_utils.address import is_address, to_checksum_address

from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.cli.wallet_session import Session, act_now, confirm, open_session
from p2ptrade.config import load_settings, open_key
from p2ptrade.domain.meter_point import meter_point_hash
from p2ptrade.errors import InputError, RefusedError
from p2ptrade.office.service import pay_in
from p2ptrade.wallet import human
from p2ptrade.wallet.statement import Movement, movements

AmountArgument = Annotated[str, typer.Argument(help="Amount in credits, as 12.5.")]


def register(
    meter: Annotated[str, typer.Option(help="Identification of the meter point, as on the meter or the bill.")],
    meter_salt: Annotated[str, typer.Option(help="Secret shared with registrar and gateway, 16 characters or more.")],
    gateway: Annotated[str, typer.Option(help="Address of the gateway key that signs the readings.")],
    zone: Annotated[int, typer.Option(min=0, max=31, help="Zone of the connection.")] = 0,
    capacity_kw: Annotated[int, typer.Option(min=1, max=255, help="Capacity of the connection in kW.")] = 30,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the application that the registrar admits with `p2ptrade office admit`; say so if it is done already."""
    settings = load_settings(config)
    market = connect_market(settings)
    owner = open_key(settings, settings.wallet.key, "wallet").address
    account = market.ledger.account_of(owner)
    if account is not None:
        sys.stdout.write(f'{{"account": {account}}}\n' if as_json else f"{owner} is admitted: account {account}\n")
        return
    application = {
        "owner": owner,
        "zone": zone,
        "capacity_kw": capacity_kw,
        "meter_point": "0x" + meter_point_hash(meter, meter_salt.encode()).hex(),
        "gateway": _address(gateway),
    }
    if as_json:
        sys.stdout.write(json.dumps(application) + "\n")
        return
    table = io.StringIO()
    writer = csv.DictWriter(table, list(application), lineterminator="\n")
    writer.writeheader()
    writer.writerow(application)
    sys.stdout.write(table.getvalue())
    sys.stderr.write("give this to the registrar, who admits it with `p2ptrade office admit FILE`\n")


def deposit(
    amount: AmountArgument,
    config: ConfigOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Move credits of the key into its account, where they cover orders."""
    amount_micro = human.amount_from_credits(amount)
    with open_session(config) as session:
        held = session.market.credits.balance(session.key.address)
        if held < amount_micro:
            raise RefusedError(
                f"{session.key.address} holds {human.credits_of(held)}, less than {human.credits_of(amount_micro)}: "
                "pay in at the treasurer first"
            )
        confirm(
            [f"deposit {human.credits_of(amount_micro)} into account {session.account}", _where(session)],
            yes=yes,
            dry_run=dry_run,
        )
        outbox = session.direct.outbox(session.account)
        for intent in pay_in(session.market, outbox, session.account, amount_micro, f"wallet-{secrets.token_hex(8)}"):
            outbox.wait(intent)
        _show_balance(session, as_json=as_json)


def balance(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show what the key holds and what its account holds."""
    with open_session(config) as session:
        _show_balance(session, as_json=as_json)


def withdraw(
    amount: Annotated[
        str | None, typer.Argument(help="Amount in credits; without it, an announced one is paid.")
    ] = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Take money out in two steps: announce an amount, and after the waiting time call again without one."""
    with open_session(config) as session:
        ledger, outbox = session.market.ledger, session.direct.outbox(session.account)
        if amount is None:
            announced, available_at_s = ledger.read("withdrawalOf", session.account)
            if not announced:
                raise RefusedError("no withdrawal is announced: `p2ptrade wallet withdraw AMOUNT` announces one")
            wait_s = available_at_s - session.view.now_s()
            if wait_s > 0:
                raise RefusedError(
                    f"the withdrawal of {human.credits_of(announced)} can be paid in {human.duration(wait_s)}"
                )
            confirm([f"pay out up to {human.credits_of(announced)}", _where(session)], yes=yes, dry_run=dry_run)
            act_now(outbox, "withdraw", ledger.address, ledger.call_data("withdraw", session.account))
        else:
            amount_micro = human.amount_from_credits(amount)
            lines = [f"announce a withdrawal of {human.credits_of(amount_micro)}; it replaces an earlier one"]
            confirm([*lines, _where(session)], yes=yes, dry_run=dry_run)
            data = ledger.call_data("requestWithdrawal", session.account, amount_micro)
            act_now(outbox, "announce", ledger.address, data)
        _show_balance(session, as_json=as_json)


def show_ledger(
    config: ConfigOption = None,
    last: Annotated[int, typer.Option(min=1, help="How many movements to show.")] = 50,
    as_json: JsonOption = False,
) -> None:
    """List the movements of the account's cash, each with its transaction."""
    with open_session(config) as session:
        found = movements(session.market, session.account)[-last:]
        zone = human.zone_of(session.settings.wallet.time_zone)
        times = {each.block_number: session.market.client.head(each.block_number).time_s for each in found}
        if as_json:
            sys.stdout.write(json.dumps([_movement(each, times[each.block_number]) for each in found]) + "\n")
            return
        for each in found:
            when = human.moment(times[each.block_number], zone)
            change = f"{'+' if each.amount_micro >= 0 else ''}{human.credits_of(each.amount_micro)}"
            rest = f"{human.credits_of(each.cash_after_micro):>26}  {each.reason}  0x{each.transaction_hash.hex()}"
            sys.stdout.write(f"{when}  {change:>24}  {rest}\n")


def _show_balance(session: Session, *, as_json: bool) -> None:
    market = session.market
    announced, available_at_s = market.ledger.read("withdrawalOf", session.account)
    state = market.ledger.accounts([session.account])[session.account]
    found: dict[str, Any] = {
        "account": session.account,
        "address": session.key.address,
        "status": state.status.name.lower(),
        "zone": state.zone,
        "credits_micro": market.credits.balance(session.key.address),
        "cash_micro": state.cash_micro,
        "announced_withdrawal_micro": announced,
        "withdrawal_available_at_s": available_at_s,
    }
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    sys.stdout.write(
        f"account {session.account} ({found['status']}, zone {state.zone}) of {session.key.address}\n"
        f"cash for orders  {human.credits_of(state.cash_micro)}\n"
        f"in the wallet    {human.credits_of(found['credits_micro'])}\n"
    )
    if announced:
        zone = human.zone_of(session.settings.wallet.time_zone)
        when = human.moment(available_at_s, zone)
        sys.stdout.write(f"withdrawal of {human.credits_of(announced)} announced, payable from {when}\n")


def _movement(each: Movement, time_s: int) -> dict[str, Any]:
    return {
        "time_s": time_s,
        "block_number": each.block_number,
        "transaction": "0x" + each.transaction_hash.hex(),
        "reason": each.reason,
        "amount_micro": each.amount_micro,
        "cash_after_micro": each.cash_after_micro,
    }


def _where(session: Session) -> str:
    market = session.market
    return f"ledger {market.ledger.address} on chain {market.client.chain_id} at {market.client.rpc.url}"


def _address(text: str) -> ChecksumAddress:
    if not is_address(text):
        raise InputError(f"{text!r} is no address")
    return to_checksum_address(text)
