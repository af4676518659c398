"""`p2ptrade wallet contest|contests`: dispute how a slot was settled, and see what the oracles make of it."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from p2ptrade.cli.options import ConfigOption, DryRunOption, JsonOption, YesOption
from p2ptrade.cli.wallet_session import Session, act_now, confirm, open_session
from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.transport.clients import OracleClient
from p2ptrade.transport.reading_messages import readings_message, signed_reading
from p2ptrade.transport.schemas.metering import ReadingMessage, ReadingWord
from p2ptrade.wallet import human

ReadingOption = Annotated[
    Path | None,
    typer.Option(
        "--reading",
        metavar="FILE",
        help="The signed reading, as `p2ptrade gateway readings` writes it; default: the one that the oracles have.",
    ),
]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What an oracle answers: about a contest, or why it says nothing."""

    oracle: str
    standing: str
    reason: str


def contest(
    slot: Annotated[int, typer.Argument(min=0, help="Settled slot.")],
    config: ConfigOption = None,
    reading: ReadingOption = None,
    yes: YesOption = False,
    dry_run: DryRunOption = False,
    as_json: JsonOption = False,
) -> None:
    """Contest how this account was settled in a slot, with a signed reading; again: see what became of it."""
    with open_session(config) as session:
        number = SlotNumber(slot)
        signed = _from_oracles(session, number) if reading is None else _from_file(session, reading)
        _require_own(session, number, signed)
        if signed.digest not in _contested(session, number):
            _send(session, number, signed, yes=yes, dry_run=dry_run)
        refusals = _hand_in(session, signed)
        opinions = [*refusals, *_opinions(session, number, signed.digest)]
        _show([{"slot": number, "reading": signed.digest, "oracles": opinions}], as_json=as_json)


def contests(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """List the contests of this account, and what each oracle says of them."""
    with open_session(config) as session:
        records = _records(session)
        found: list[dict[str, Any]] = []
        for record in records:
            slot, digest = SlotNumber(record.values["slot"]), record.values["readingDigest"]
            found.append({"slot": slot, "reading": digest, "oracles": _opinions(session, slot, digest)})
        _show(found, as_json=as_json)


def _from_file(session: Session, path: Path) -> SignedReading:
    try:
        message = ReadingMessage.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, ValidationError) as error:
        raise InputError(
            f"{path} holds no signed reading, as `p2ptrade gateway readings` writes one: {_first_line(error)}"
        ) from None
    return signed_reading(message, session.market.reading_domain)


def _from_oracles(session: Session, slot: SlotNumber) -> SignedReading:
    """Return the account's reading at the end of a slot that an oracle has."""
    reasons: list[str] = []
    for url in _oracle_urls(session):
        try:
            with OracleClient(url) as oracle:
                listed = oracle.readings(slot)
        except PeerUnreachableError as error:
            reasons.append(str(error))
            continue
        own = [message for message in listed.readings if message.account == session.account] if listed else []
        if own:  # the last one is the one in use
            return signed_reading(own[-1], session.market.reading_domain)
        reasons.append(f"the oracle at {url} has no reading of this account at the end of slot {slot}")
    raise RefusedError("; ".join(reasons) + ": give the gateway's reading with --reading FILE")


def _require_own(session: Session, slot: SlotNumber, signed: SignedReading) -> None:
    reading = signed.reading
    if (reading.account, reading.slot) != (session.account, slot):
        raise InputError(
            f"the reading is of account {reading.account} at the end of slot {reading.slot}, "
            f"not of account {session.account} and slot {slot}"
        )


def _records(session: Session, slot: SlotNumber | None = None) -> list[Any]:
    """Return the account's contests on the chain."""
    where = {"account": session.account} if slot is None else {"slot": slot, "account": session.account}
    return session.market.settlement.events("Contested", first=session.market.first_block, where=where)


def _contested(session: Session, slot: SlotNumber) -> set[bytes]:
    return {bytes(record.values["readingDigest"]) for record in _records(session, slot)}


def _send(session: Session, slot: SlotNumber, signed: SignedReading, *, yes: bool, dry_run: bool) -> None:
    settlement, registers = session.market.settlement, signed.reading.registers
    quality = signed.reading.quality.name.lower()
    lines = [
        f"contest the settlement of slot {slot} for account {session.account}, at {settlement.address}",
        f"registers at its end: {human.kwh(registers.import_wh)} in, {human.kwh(registers.export_wh)} out, {quality}",
    ]
    confirm(lines, yes=yes, dry_run=dry_run)
    data = settlement.contest_data(slot, session.account, signed.digest)
    sent = act_now(session.direct.outbox(session.account), f"contest/{slot}", settlement.address, data)
    sys.stderr.write(f"contested in transaction 0x{sent.transaction_hash.hex()}\n")


def _hand_in(session: Session, signed: SignedReading) -> list[Opinion]:
    """Give the reading to every oracle that answers, and return the refusals."""
    refusals: list[Opinion] = []
    for url in _oracle_urls(session):
        try:
            with OracleClient(url) as oracle:
                (ack,) = oracle.contest(readings_message([signed])).acks
        except (PeerUnreachableError, InputError, RefusedError):
            continue  # it is asked for its opinion next, and says there why it has none
        if ack.outcome is ReadingWord.REFUSED:
            refusals.append(Opinion(url, "refuses the reading", ack.reason or "no reason given"))
    return refusals


def _opinions(session: Session, slot: SlotNumber, digest: bytes) -> list[Opinion]:
    """Return what each oracle says of a contest."""
    opinions: list[Opinion] = []
    for url in _oracle_urls(session):
        try:
            with OracleClient(url) as oracle:
                answer = oracle.contests(slot, session.account)
        except (PeerUnreachableError, InputError, RefusedError) as error:
            opinions.append(Opinion(url, "no answer", str(error)))
            continue
        found = next((each for each in answer.contests if each.digest == digest), None)
        if found is None:
            opinions.append(Opinion(url, "waiting", "it has not seen the contest on the chain yet"))
        else:
            opinions.append(Opinion(url, found.standing.value, found.reason))
    return opinions


def _oracle_urls(session: Session) -> tuple[str, ...]:
    urls = session.settings.wallet.oracle_urls
    if not urls:
        raise InputError("wallet.oracle_urls names no oracle to ask")
    return urls


def _show(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        documents = [
            each
            | {
                "reading": "0x" + each["reading"].hex(),
                "oracles": [
                    {"oracle": opinion.oracle, "standing": opinion.standing, "reason": opinion.reason}
                    for opinion in each["oracles"]
                ],
            }
            for each in found
        ]
        sys.stdout.write(json.dumps(documents) + "\n")
        return
    for each in found:
        sys.stdout.write(f"slot {each['slot']}, reading 0x{each['reading'].hex()}\n")
        for opinion in each["oracles"]:
            sys.stdout.write(f"  {opinion.oracle}  {opinion.standing}: {opinion.reason}\n")


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]
