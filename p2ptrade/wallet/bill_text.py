"""A bill as documents: JSON and CSV for machines, text and HTML for people; every amount says its unit."""

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from html import escape
from typing import Any, Final

from p2ptrade.domain.slot import start_of
from p2ptrade.wallet import human
from p2ptrade.wallet.bill import Bill, BillDay, BillLine, BillSums

_LABELS: Final = (
    ("bought_micro", "Energy bought from neighbours"),
    ("charges_micro", "Network charges and market fee on it"),
    ("sold_micro", "Energy sold to neighbours"),
    ("from_retailer_micro", "Energy from the retailer"),
    ("to_retailer_micro", "Energy fed in to the retailer"),
    ("penalties_micro", "Penalties for deviation"),
    ("corrections_micro", "Corrections of earlier readings"),
)
_COLUMNS: Final = (
    "slot",
    "start_utc",
    "start_local",
    *BillSums.__slots__,
    "total_micro",
    "saving_micro",
    "price_half_micro_per_kwh",
    "retail_micro_per_kwh",
    "feed_in_micro_per_kwh",
    "provisional",
    "clearing_transaction",
    "settlement_transaction",
)
_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}th,td{padding:.25rem .5rem;text-align:right;"
    "border-bottom:1px solid #ccc}th:first-child,td:first-child{text-align:left}.provisional{font-style:italic}"
)


def bill_document(bill: Bill) -> dict[str, Any]:
    """Return the bill as a JSON object; energies in Wh, amounts in micro-credits, positive in your favour."""
    return {
        "account": bill.account,
        "time_zone": bill.zone.key,
        "provisional": bill.provisional,
        "sums": _sums(bill.sums),
        "days": [
            {
                "day": day.day.isoformat(),
                "slots": len(day.lines),
                "provisional": day.provisional,
                "sums": _sums(day.sums),
            }
            for day in bill.days
        ],
        "slots": [_row(bill, line) for line in bill.lines],
    }


def bill_csv(bill: Bill) -> str:
    """Return one row a slot, with a header."""
    text = io.StringIO()
    writer = csv.DictWriter(text, _COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(_row(bill, line) for line in bill.lines)
    return text.getvalue()


def bill_text(bill: Bill) -> str:
    """Return the bill as lines for a screen or a plain page."""
    lines = [f"Bill of account {bill.account}, {_period(bill)}", ""]
    for name, label in _LABELS:
        amount = getattr(bill.sums, name)
        if amount:
            lines.append(f"{label:<42}{human.credits_of(amount):>26}")
    word = "You get" if bill.sums.total_micro >= 0 else "You pay"
    lines += [
        f"{word:<42}{human.credits_of(abs(bill.sums.total_micro)):>26}",
        "",
        _comparison(bill),
        "",
        f"{'day':<12}{'bought':>14}{'sold':>14}{'metered in':>14}{'metered out':>14}{'total':>24}{'saved':>24}",
    ]
    lines += [_day_text(day) for day in bill.days]
    if bill.provisional:
        lines += ["", "* provisional: something of the day is estimated or not settled yet"]
    return "\n".join(lines) + "\n"


def bill_html(bill: Bill) -> str:
    """Return the bill as one page that needs nothing else."""
    sums = "".join(
        f"<tr><td>{escape(label)}</td><td>{human.credits_of(getattr(bill.sums, name))}</td></tr>"
        for name, label in _LABELS
        if getattr(bill.sums, name)
    )
    total = human.credits_of(abs(bill.sums.total_micro))
    word = "You get" if bill.sums.total_micro >= 0 else "You pay"
    days = "".join(_day_html(day) for day in bill.days)
    slots = "".join(_slot_html(bill, line) for line in bill.lines)
    note = "<p class=provisional>Lines in italics are provisional.</p>" if bill.provisional else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bill of account {bill.account}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Bill of account {bill.account}</h1><p>{escape(_period(bill))}</p>"
        f"<table>{sums}<tr><th>{word}</th><th>{total}</th></tr></table><p>{escape(_comparison(bill))}</p>{note}"
        "<h2>Days</h2><table><tr><th>Day</th><th>Bought</th><th>Sold</th><th>Metered in</th><th>Metered out</th>"
        f"<th>Total</th><th>Saved</th></tr>{days}</table><h2>Quarter hours</h2><table><tr><th>Start</th><th>Bought</th>"
        "<th>Sold</th><th>Price</th><th>Metered</th><th>Total</th><th>Saved</th><th>Proof</th></tr>"
        f"{slots}</table></body></html>\n"
    )


def _period(bill: Bill) -> str:
    if not bill.days:
        return "no slot of this account in the period"
    first, last = bill.days[0].day, bill.days[-1].day
    days = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
    return f"{days}, times of {bill.zone.key}"


def _comparison(bill: Bill) -> str:
    saved = bill.sums.saving_micro
    word = "less well" if saved < 0 else "better"
    without = human.credits_of(bill.sums.without_market_micro)
    return f"With the retailer alone it would have been {without}: you did {human.credits_of(abs(saved))} {word}."


def _sums(sums: BillSums) -> dict[str, int]:
    return {**asdict(sums), "total_micro": sums.total_micro, "saving_micro": sums.saving_micro}


def _row(bill: Bill, line: BillLine) -> dict[str, Any]:
    start_s = start_of(line.slot)
    return {
        "slot": line.slot,
        "start_utc": datetime.fromtimestamp(start_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "start_local": datetime.fromtimestamp(start_s, bill.zone).isoformat(),
        **_sums(line.sums),
        "price_half_micro_per_kwh": line.price_half_micro_per_kwh,
        "retail_micro_per_kwh": line.retail_micro_per_kwh,
        "feed_in_micro_per_kwh": line.feed_in_micro_per_kwh,
        "provisional": line.provisional,
        "clearing_transaction": line.clearing_transaction,
        "settlement_transaction": line.settlement_transaction,
    }


def _day_text(day: BillDay) -> str:
    sums = day.sums
    energies = (sums.bought_wh, sums.sold_wh, sums.withdrawn_wh, sums.injected_wh)
    amounts = (sums.total_micro, sums.saving_micro)
    mark = "*" if day.provisional else ""
    cells = "".join(f"{human.kwh(energy):>14}" for energy in energies)
    return f"{day.day.isoformat() + mark:<12}{cells}" + "".join(f"{human.credits_of(each):>24}" for each in amounts)


def _day_html(day: BillDay) -> str:
    sums = day.sums
    energies = (sums.bought_wh, sums.sold_wh, sums.withdrawn_wh, sums.injected_wh)
    cells = [day.day.isoformat(), *map(human.kwh, energies)]
    cells += [human.credits_of(sums.total_micro), human.credits_of(sums.saving_micro)]
    return _row_html(cells, provisional=day.provisional)


def _slot_html(bill: Bill, line: BillLine) -> str:
    sums = line.sums
    start = datetime.fromtimestamp(start_of(line.slot), bill.zone).strftime("%Y-%m-%d %H:%M %Z")
    price = line.price_half_micro_per_kwh
    proofs = [each[:14] + "…" for each in (line.clearing_transaction, line.settlement_transaction) if each]
    cells = [
        start,
        human.kwh(sums.bought_wh),
        human.kwh(sums.sold_wh),
        "" if price is None else human.cents_per_kwh(price, half=True),
        human.kwh(sums.withdrawn_wh - sums.injected_wh),
        human.credits_of(sums.total_micro),
        human.credits_of(sums.saving_micro),
        " ".join(proofs) + (f" ({line.provisional})" if line.provisional else ""),
    ]
    return _row_html(cells, provisional=line.provisional is not None)


def _row_html(cells: list[str], *, provisional: bool) -> str:
    opening = "<tr class=provisional>" if provisional else "<tr>"
    return opening + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
