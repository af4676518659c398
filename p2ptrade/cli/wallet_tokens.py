"""`p2ptrade wallet tokens|retire|certificate`: delivered energy as tokens, and certificates made of them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from p2ptrade.chain.contracts.green_certificate import CertificateRecord
from p2ptrade.chain.deployed import Market
from p2ptrade.cli.checks import connect_market
from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.cli.wallet_session import Session, act_now, confirm, open_session
from p2ptrade.config import load_settings
from p2ptrade.domain.certificate import certificate_record
from p2ptrade.domain.slot import slot_at, start_of
from p2ptrade.domain.units import EnergyWh, SlotNumber
from p2ptrade.errors import InputError, RefusedError
from p2ptrade.wallet import human
from p2ptrade.wallet.tokens import Holding, for_certificate, holdings, in_parts

certificate_app = typer.Typer(help="Certificates of 1 MWh of retired energy tokens.", no_args_is_help=True)

FromOption = Annotated[str | None, typer.Option("--from", metavar="YYYY-MM-DD", help="First local day.")]
ToOption = Annotated[str | None, typer.Option("--to", metavar="YYYY-MM-DD", help="Last local day, itself included.")]
ClaimOption = Annotated[str, typer.Option(help="Who used the energy for what; it stays on the chain for good.")]
NumberArgument = Annotated[int, typer.Argument(min=1, help="Number of the certificate.")]
OutOption = Annotated[Path, typer.Option(metavar="FILE", help="Where to write the record.")]


def tokens(
    first: FromOption = None, last: ToOption = None, config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """List the energy tokens of the key by slot: what it holds, and what of it is retired."""
    with open_session(config) as session:
        found = _held(session, first, last)
        zone = human.zone_of(session.settings.wallet.time_zone)
    if as_json:
        sys.stdout.write(json.dumps([_document(each) for each in found]) + "\n")
        return
    for each in found:
        when = human.SlotTime(each.slot, zone).local
        sys.stdout.write(f"{each.slot}  {when}  {human.kwh(each.energy_wh):>14}  {_retired(each)}".rstrip() + "\n")
    held, retired = (sum(getattr(each, name) for each in found) for name in ("energy_wh", "retired_wh"))
    sys.stdout.write(f"{human.kwh(held)} held, {human.kwh(retired)} retired, of {len(found)} slots\n")


def retire(
    slots: Annotated[list[int], typer.Argument(metavar="SLOT...", min=0, help="Slots whose tokens are retired.")],
    claim: ClaimOption,
    energy: Annotated[
        str | None, typer.Option(help="How much in kWh, of a single slot; default: all that is held.")
    ] = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retire energy tokens for good, under a claim."""
    wanted = sorted({SlotNumber(slot) for slot in slots})
    if energy is not None and len(wanted) != 1:
        raise InputError("--energy is for one slot; without it, all that is held of each slot is retired")
    part = None if energy is None else human.energy_from_kwh(energy)
    with open_session(config) as session:
        held = {each.slot: each.energy_wh for each in _held(session, None, None)}
        chosen = {slot: part or held.get(slot, EnergyWh(0)) for slot in wanted}
        for slot, energy_wh in chosen.items():
            if not 0 < energy_wh <= held.get(slot, 0):
                raise RefusedError(
                    f"{session.key.address} holds {human.kwh(held.get(slot, 0))} of slot {slot}: "
                    "`p2ptrade wallet tokens` lists what there is"
                )
        total = human.kwh(sum(chosen.values()))
        confirm([f"retire {total} of {len(chosen)} slots for good", f"claim: {claim}"], yes=yes, dry_run=dry_run)
        token = session.market.energy_token
        data = token.retire_data(session.key.address, chosen, claim)
        sent = act_now(session.direct.outbox(session.account), "retire", token.address, data)
    _say(
        {"retired_wh": {str(slot): energy_wh for slot, energy_wh in chosen.items()}, "claim": claim},
        f"{total} retired",
        sent.transaction_hash,
        as_json=as_json,
    )


@certificate_app.command("issue")
def issue_certificate(
    slots: Annotated[
        list[int] | None,
        typer.Argument(metavar="[SLOT...]", min=0, help="Slots to take tokens of; default: the largest holdings."),
    ] = None,
    config: ConfigOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Retire tokens of exactly 1 MWh and make a certificate of them."""
    with open_session(config) as session:
        held = [each for each in _held(session, None, None) if not slots or each.slot in slots]
        market, outbox = session.market, session.direct.outbox(session.account)
        certificates, token = market.green_certificate, market.energy_token
        gathered_wh = certificates.gathered(session.key.address)
        parts = list(in_parts(for_certificate(held, gathered_wh)))
        energy = human.kwh(sum(sum(part.values()) for part in parts))
        confirm(
            [f"retire {energy} of {sum(map(len, parts))} slots for good, for a certificate"], yes=yes, dry_run=dry_run
        )
        # The contract retires tokens of its caller only, so the approval may stay.
        if not token.is_approved(session.key.address, certificates.address):
            approval = token.approve_data(certificates.address)
            act_now(outbox, "approve-certificates", token.address, approval)
        for part in parts[:-1]:
            act_now(outbox, "certificate", certificates.address, certificates.part_data(part, last=False))
        sent = act_now(outbox, "certificate", certificates.address, certificates.part_data(parts[-1], last=True))
        number = certificates.number_made_in(sent.transaction_hash)
        slots_of_it = len(_find(market, number).energy_wh)
    _say(
        {"certificate": number, "slots": slots_of_it},
        f"certificate {number} of {slots_of_it} slots made",
        sent.transaction_hash,
        as_json=as_json,
    )


@certificate_app.command("show")
def show_certificate(number: NumberArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show a certificate, anybody's: whose it is, of which slots, and what it was used up for."""
    settings = load_settings(config)
    market = connect_market(settings)
    found = _find(market, number)
    if as_json:
        sys.stdout.write(json.dumps(_record(market, found)) + "\n")
        return
    zone = human.zone_of(settings.wallet.time_zone)
    lines = [
        f"  {slot}  {human.SlotTime(slot, zone).local}  {human.kwh(energy_wh):>14}"
        for slot, energy_wh in sorted(found.energy_wh.items())
    ]
    total = human.kwh(sum(found.energy_wh.values()))
    use = "not used up" if found.claim is None else f"used up: {found.claim}"
    sys.stdout.write(
        f"certificate {number} of {found.holder}, {use}\n"
        f"{total} of {len(lines)} slots, made in 0x{found.transaction_hash.hex()}\n"
        + "".join(f"{line}\n" for line in lines)
    )


@certificate_app.command("export")
def export_certificate(number: NumberArgument, out: OutOption, config: ConfigOption = None) -> None:
    """Write a certificate as a JSON record with the fields of EnergyTag's scheme."""
    market = connect_market(load_settings(config))
    record = _record(market, _find(market, number))
    try:
        out.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise InputError(f"{out} cannot be written: {error.strerror}") from None
    sys.stdout.write(f"certificate {number} written to {out}\n")


@certificate_app.command("retire")
def retire_certificate(
    number: NumberArgument,
    claim: ClaimOption,
    config: ConfigOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Use a certificate up under a claim, once and for good."""
    with open_session(config) as session:
        confirm([f"use certificate {number} up for good", f"claim: {claim}"], yes=yes, dry_run=dry_run)
        certificates = session.market.green_certificate
        outbox = session.direct.outbox(session.account)
        data = certificates.retire_data(number, claim)
        sent = act_now(outbox, "retire-certificate", certificates.address, data)
    _say(
        {"certificate": number, "claim": claim},
        f"certificate {number} used up",
        sent.transaction_hash,
        as_json=as_json,
    )


def _held(session: Session, first: str | None, last: str | None) -> list[Holding]:
    zone = human.zone_of(session.settings.wallet.time_zone)
    first_slot = None if first is None else slot_at(human.instant_from(first, zone))
    last_slot = None if last is None else SlotNumber(slot_at(human.instant_from(human.next_day(last), zone)) - 1)
    return holdings(session.market, session.key.address, first_slot, last_slot)


def _find(market: Market, number: int) -> CertificateRecord:
    found = market.green_certificate.certificate(number, first=market.first_block)
    if found is None:
        raise RefusedError(f"there is no certificate {number} in this market")
    return found


def _record(market: Market, found: CertificateRecord) -> dict[str, Any]:
    roots = market.settlement.readings_roots(first=market.first_block)
    return certificate_record(
        found.number,
        found.holder,
        found.energy_wh,
        chain_id=market.client.chain_id,
        contract=market.green_certificate.address,
        transaction="0x" + found.transaction_hash.hex(),
        claim=found.claim,
        readings_roots={slot: "0x" + roots[slot].hex() for slot in found.energy_wh if slot in roots},
    )


def _document(each: Holding) -> dict[str, int]:
    return {
        "slot": each.slot,
        "start_s": start_of(each.slot),
        "energy_wh": each.energy_wh,
        "retired_wh": each.retired_wh,
    }


def _retired(each: Holding) -> str:
    return f"{human.kwh(each.retired_wh)} retired" if each.retired_wh else ""


def _say(result: dict[str, Any], sentence: str, transaction: bytes, *, as_json: bool) -> None:
    shown = "0x" + transaction.hex()
    if as_json:
        sys.stdout.write(json.dumps(result | {"transaction": shown}) + "\n")
    else:
        sys.stdout.write(f"{sentence} in transaction {shown}\n")
