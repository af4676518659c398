"""`p2ptrade office`: what registrar, treasurer, retailer and relay operator do by hand."""

import csv
import json
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from eth_typing import ChecksumAddress
from eth_utils.address import is_address, to_checksum_address

from p2ptrade.chain.contracts.participant_registry import Admission
from p2ptrade.cli.office_guarantee import guarantee_app
from p2ptrade.cli.office_periods import check_office, demurrage, issue, rewards_app, run_office
from p2ptrade.cli.office_session import acting
from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.config import load_settings
from p2ptrade.domain.units import AmountMicro, ZoneId
from p2ptrade.errors import InputError
from p2ptrade.grid.tariffs import load_tariff
from p2ptrade.office import service

office_app = typer.Typer(help="What registrar, treasurer, retailer and relay operator do.", no_args_is_help=True)

office_app.command("issue")(issue)
office_app.command("demurrage")(demurrage)
office_app.command("run")(run_office)
office_app.command("check")(check_office)
office_app.add_typer(rewards_app, name="rewards")
office_app.add_typer(guarantee_app, name="guarantee")

COLUMNS: Final = ("owner", "zone", "capacity_kw", "meter_point", "gateway")
_SECONDS_PER_DAY: Final = 86_400


@office_app.command()
def admit(
    participants: Annotated[
        Path,
        typer.Argument(
            metavar="CSV", help=f"File with the columns {', '.join(COLUMNS)}; meter_point is a 32-byte hash."
        ),
    ],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Admit participants; who is admitted already keeps the account."""
    admissions = read_admissions(participants)
    with acting(config, "registrar") as (market, registrar):
        accounts = service.admit(market, registrar, admissions)
    if as_json:
        sys.stdout.write(json.dumps(accounts) + "\n")
    else:
        sys.stdout.write("".join(f"{account:>8}  {owner}\n" for owner, account in accounts.items()))


@office_app.command()
def credit(
    holder: Annotated[str, typer.Argument(help="Address that gets the credits.")],
    amount_micro: Annotated[int, typer.Option("--amount-micro", min=1, help="Money received, in micro-credits.")],
    reference: Annotated[str, typer.Option(help="Reference of the payment; each counts once.")],
    config: ConfigOption = None,
) -> None:
    """Record money that arrived, and give credits for it one to one."""
    deposit = service.Deposit(_address(holder, "holder"), AmountMicro(amount_micro), reference)
    with acting(config, "treasurer") as (market, treasurer):
        service.record_deposits(market, treasurer, [deposit])
        held = market.credits.balance(deposit.holder)
    sys.stdout.write(f"{deposit.holder} holds {held} micro-credits\n")


@office_app.command()
def tariff(
    days: Annotated[int, typer.Option(min=1, max=366, help="How many days from tomorrow on (UTC, chain time).")] = 7,
    config: ConfigOption = None,
) -> None:
    """Publish the retailer's prices of the coming days; what is published stays."""
    settings = load_settings(config)
    prices = load_tariff(settings.office.tariff or "default")
    with acting(config, "retailer") as (market, retailer):
        today = market.client.now_s() // _SECONDS_PER_DAY
        published = service.publish_tariff(market, retailer, prices, range(today + 1, today + 1 + days))
    sys.stdout.write(f"{len(published)} days published, {days - len(published)} were there already\n")


@office_app.command()
def stake(
    amount_micro: Annotated[int, typer.Option("--amount-micro", min=1, help="Stake in micro-credits.")],
    reference: Annotated[
        str, typer.Option(help="Name of this stake; asking again for the same does nothing.")
    ] = "first",
    config: ConfigOption = None,
) -> None:
    """Pay credits of the relay's key into its account and put them at stake, so that it may commit."""
    with acting(config, "relay") as (market, relay):
        account = market.relay_stake.relay().account
        for intent in service.pay_in(market, relay, account, AmountMicro(amount_micro), f"stake/{reference}"):
            relay.wait(intent)
        service.stake(market, relay, AmountMicro(amount_micro), reference)
        state = market.relay_stake.relay()
    sys.stdout.write(f"{state.relay} has {state.stake_micro} micro-credits at stake\n")


def read_admissions(path: Path) -> list[Admission]:
    """Return the participants that a CSV file lists.

    Raises:
        InputError: it cannot be read, lacks a column, or a value is wrong; the text names the line.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [column for column in COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(f"{path} lacks the columns {', '.join(missing)}")
            return [_admission(row, f"{path}, line {line}") for line, row in enumerate(reader, start=2)]
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no CSV file in UTF-8: {error}") from None


def _admission(row: dict[str, str | None], where: str) -> Admission:
    values = [row[column] or "" for column in COLUMNS]
    if not all(values):
        raise InputError(f"{where}: need a value in each of the columns {', '.join(COLUMNS)}")
    owner, zone_text, capacity_text, meter_point_text, gateway = values
    try:
        meter_point = bytes.fromhex(meter_point_text.removeprefix("0x"))
        zone, capacity_kw = int(zone_text), int(capacity_text)
    except ValueError as error:
        raise InputError(f"{where}: {error}") from None
    if len(meter_point) != 32 or not 0 <= zone < 32 or not 1 <= capacity_kw <= 255:
        raise InputError(f"{where}: need a meter point of 32 bytes, a zone of 0 to 31 and a capacity of 1 to 255 kW")
    return Admission(_address(owner, where), ZoneId(zone), capacity_kw, meter_point, _address(gateway, where))


def _address(text: str, where: str) -> ChecksumAddress:
    if not is_address(text):
        raise InputError(f"{where}: {text!r} is no address")
    return to_checksum_address(text)
