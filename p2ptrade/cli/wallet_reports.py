"""`p2ptrade wallet bill|proof`: what an account traded and paid, and the proof of what was metered."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from eth_abi.abi import encode
from eth_hash.auto import keccak

from p2ptrade.cli.options import ConfigOption, JsonOption
from p2ptrade.cli.wallet_session import Session, open_session
from p2ptrade.domain.merkle import verify_proof
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.transport.clients import OracleClient
from p2ptrade.transport.schemas.metering import ReadingProof
from p2ptrade.wallet import human
from p2ptrade.wallet.bill import Bill, make_bill
from p2ptrade.wallet.bill_page import bill_html
from p2ptrade.wallet.bill_source import read_bill_lines, read_refunds
from p2ptrade.wallet.bill_text import bill_csv, bill_document, bill_text

_PDF_LINES: Final = 62
FileOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Write it there.")]


def bill(
    first: Annotated[str, typer.Option("--from", metavar="YYYY-MM-DD", help="First local day.")],
    last: Annotated[str, typer.Option("--to", metavar="YYYY-MM-DD", help="Last local day, itself included.")],
    config: ConfigOption = None,
    csv: FileOption = None,
    html: FileOption = None,
    pdf: FileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make the bill of some days: what was bought, sold and metered, at what price, and what it saved."""
    with open_session(config) as session:
        made = _bill(session, first, last)
    if csv is not None:
        csv.write_text(bill_csv(made), encoding="utf-8")
    if html is not None:
        html.write_text(bill_html(made), encoding="utf-8")
    if pdf is not None:
        _write_pdf(bill_text(made), pdf)
    if as_json:
        sys.stdout.write(json.dumps(bill_document(made)) + "\n")
    elif not (csv or html or pdf):
        sys.stdout.write(bill_text(made))


def proof(
    slot: Annotated[int, typer.Argument(min=0, help="Slot number.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Get the proof of this account's reading in a settled slot, and check it against the root on the chain."""
    with open_session(config) as session:
        number = SlotNumber(slot)
        reports = session.market.settlement.events(
            "ReportSubmitted", first=session.market.first_block, where={"slot": number}
        )
        if not reports:
            raise RefusedError(f"no report of slot {slot} is on the chain yet")
        roots = {record.values["version"]: record.values["readingsRoot"] for record in reports}
        found = _ask_oracles(session, number)
        root = roots.get(found.version)
        holds = root == found.readings_root and verify_proof(leaf_of(found), found.proof, found.readings_root)
        if not holds:
            raise RefusedError(
                f"the oracle's proof does not lead to the root on the chain for slot {slot}: ask another"
            )
        _show_proof(found, as_json=as_json)


def leaf_of(reading: ReadingProof) -> bytes:
    """Return the leaf of a reading: keccak256 twice over its ABI encoding, as contracts hash leaves."""
    types = ["uint64", "uint32", "uint64", "uint64", "int32", "uint8"]
    values = [
        reading.slot,
        reading.account,
        reading.import_wh,
        reading.export_wh,
        reading.metered_wh,
        reading.quality,
    ]
    return keccak(keccak(encode(types, values)))


def _bill(session: Session, first: str, last: str) -> Bill:
    zone = human.zone_of(session.settings.wallet.time_zone)
    from_s = human.instant_from(first, zone)
    # The last day ends where the next local day begins, 23, 24 or 25 hours later.
    until_s = human.instant_from(human.next_day(last), zone)
    if until_s <= from_s:
        raise InputError(f"--to {last} is before --from {first}")
    lines = read_bill_lines(session.market, session.account, slot_at(from_s), SlotNumber(slot_at(until_s) - 1))
    days = [datetime.fromtimestamp(instant_s, zone).date() for instant_s in (from_s, until_s - 1)]
    return make_bill(session.account, zone, lines, read_refunds(session.market, session.account, *days))


def _ask_oracles(session: Session, slot: SlotNumber) -> ReadingProof:
    """Return the first proof that an oracle gives."""
    urls = session.settings.wallet.oracle_urls
    if not urls:
        raise InputError("wallet.oracle_urls names no oracle to ask")
    reasons: list[str] = []
    for url in urls:
        try:
            with OracleClient(url) as oracle:
                found = oracle.reading_proof(slot, session.account)
        except PeerUnreachableError as error:
            reasons.append(str(error))
            continue
        if found is not None:
            return found
        reasons.append(f"the oracle at {url} has no report of slot {slot}")
    raise RefusedError("; ".join(reasons))


def _show_proof(found: ReadingProof, *, as_json: bool) -> None:
    document: dict[str, Any] = found.model_dump(mode="json") | {"leaf": "0x" + leaf_of(found).hex(), "holds": True}
    if as_json:
        sys.stdout.write(json.dumps(document) + "\n")
        return
    direction = "withdrawn" if found.metered_wh >= 0 else "injected"
    sys.stdout.write(
        f"slot {found.slot}, account {found.account}: {human.kwh(abs(found.metered_wh))} {direction}\n"
        f"registers at its end: {human.kwh(found.import_wh)} in, {human.kwh(found.export_wh)} out\n"
        f"proven by {len(found.proof)} hashes against the root on the chain, 0x{found.readings_root.hex()}\n"
    )


def _write_pdf(text: str, path: Path) -> None:
    """Write lines as pages of a PDF."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib.backends.backend_pdf import PdfPages
    from matplotlib.figure import Figure

    lines = text.splitlines()
    with PdfPages(path, metadata={"Title": lines[0], "CreationDate": None}) as pages:
        for start in range(0, len(lines), _PDF_LINES):
            page = Figure(figsize=(11.69, 8.27))
            page.text(0.04, 0.96, "\n".join(lines[start : start + _PDF_LINES]), family="monospace", size=7.5, va="top")
            pages.savefig(page)
