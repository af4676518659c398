"""A bill as one page for people: what is to be paid, what was saved, the days, and every quarter hour with its proof.

Units stand in the headings. Amounts are shown to 0.0001 credits and rounded half up; CSV and JSON have every digit.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from html import escape
from typing import Final

from p2ptrade.domain.slot import end_of, start_of
from p2ptrade.domain.units import MICRO_PER_CREDIT, WH_PER_KWH
from p2ptrade.wallet import human
from p2ptrade.wallet.bill import Bill, BillDay, BillLine
from p2ptrade.wallet.bill_text import HOURS, LABELS, comparison, period, refund_text

_SHOWN: Final = Decimal("0.0001")
_NOTHING: Final = "–"
_DAY_HEADINGS: Final = (
    "Day",
    "Bought, kWh",
    "Sold, kWh",
    "From grid, kWh",
    "To grid, kWh",
    "Total, credits",
    "Saved, credits",
)
_SLOT_HEADINGS: Final = (
    "Time",
    "Bought, kWh",
    "Sold, kWh",
    "Price, ct/kWh",
    "From grid, kWh",
    "To grid, kWh",
    "Total, credits",
    "Saved, credits",
    "Proof",
)
_STYLE: Final = """
:root{color-scheme:light}
body{font:16px/1.5 system-ui,sans-serif;color:#1c2733;max-width:68rem;margin:2rem auto;padding:0 1rem}
h1{margin:0;font-size:1.6rem}h2{margin:2.5rem 0 .5rem;font-size:1.2rem}h3{margin:1.5rem 0 .25rem;font-size:1rem}
.quiet{color:#5b6875}.result{background:#f1f5f9;border-radius:.5rem;padding:1rem 1.25rem;margin:1.25rem 0}
.result strong{font-size:1.6rem}.result p{margin:.25rem 0 0}
.note{background:#fdf3d7;border-left:4px solid #d99a00;padding:.5rem .75rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
th,td{padding:.2rem .6rem;text-align:right;border-bottom:1px solid #dde3e9;white-space:nowrap;vertical-align:top}
th{font-weight:600;color:#5b6875;font-size:.85rem;white-space:normal;vertical-align:bottom}
th:first-child,td:first-child{text-align:left}tr.sum td{font-weight:600;border-top:2px solid #1c2733}
tr.provisional td{background:#fdf3d7}.items{width:auto;min-width:28rem}.why,.proof{font-size:.8rem;color:#5b6875}
.proof{font-family:ui-monospace,monospace}abbr{text-decoration:none}
@media print{body{margin:0;font-size:11px}tr{break-inside:avoid}}
"""


def bill_html(bill: Bill) -> str:
    """Return the bill as one page that needs nothing else."""
    total = bill.sums.total_micro
    result = f"You {'get' if total > 0 else 'pay'} {human.credits_of(abs(total))}"
    note = (
        "<p class=note>Rows with this background are provisional: something there is estimated or not settled yet.</p>"
        if bill.provisional
        else ""
    )
    refunds = "".join(f"<p>{escape(refund_text(refund))}</p>" for refund in bill.refunds)
    days = "".join(_day_row(day) for day in bill.days)
    slots = "".join(_slots_of(bill, day) for day in bill.days)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bill of account {bill.account}</title>'
        f"<style>{_STYLE}</style></head><body><h1>Bill of account {bill.account}</h1>"
        f"<p class=quiet>{escape(period(bill))}</p>"
        f"<div class=result><strong>{result}</strong><p>{escape(comparison(bill))}</p>{refunds}</div>{note}"
        f"<table class=items>{_items(bill)}</table>"
        f"<p class=quiet>A minus is what you pay. Amounts are rounded to {_SHOWN} credits; "
        "the CSV and JSON forms have every digit.</p>"
        f"<h2>Days</h2>{_table(_DAY_HEADINGS, days)}<h2>Quarter hours</h2>"
        "<p class=quiet>Proof: the transactions of the clearing (c), the settlement (s) and the newest correction (k), "
        f"in full where the pointer rests on them.</p>{slots}</body></html>\n"
    )


def _items(bill: Bill) -> str:
    rows = [
        f"<tr><td>{escape(label)}</td><td>{_amount(getattr(bill.sums, name))}</td></tr>"
        for name, label in LABELS
        if getattr(bill.sums, name)
    ]
    return "".join(rows) + f"<tr class=sum><td>Total, credits</td><td>{_amount(bill.sums.total_micro)}</td></tr>"


def _day_row(day: BillDay) -> str:
    sums = day.sums
    hours = "" if day.hours == HOURS else f' <span class="why">{day.hours} hours: the clocks changed</span>'
    energies = (sums.bought_wh, sums.sold_wh, sums.withdrawn_wh, sums.injected_wh)
    cells = [
        escape(_day_name(day.day)) + hours,
        *map(_energy, energies),
        _amount(sums.total_micro),
        _amount(sums.saving_micro),
    ]
    return _row(cells, provisional=day.provisional)


def _slots_of(bill: Bill, day: BillDay) -> str:
    rows = "".join(_slot_row(bill, day, line) for line in day.lines)
    return f"<h3>{escape(_day_name(day.day))}</h3>{_table(_SLOT_HEADINGS, rows)}"


def _slot_row(bill: Bill, day: BillDay, line: BillLine) -> str:
    sums, price = line.sums, line.price_half_micro_per_kwh
    begins, ends = (datetime.fromtimestamp(each, bill.zone) for each in (start_of(line.slot), end_of(line.slot)))
    # On a day on which the clocks change an hour comes twice, so the name of the time stands beside it.
    zone = "" if day.hours == HOURS else f" {begins:%Z}"
    why = f'<div class="why">{escape(line.provisional)}</div>' if line.provisional else ""
    proofs = (
        ("c", line.clearing_transaction),
        ("s", line.settlement_transaction),
        ("k", line.correction_transaction),
    )
    shown = " ".join(f'{sign} <abbr title="{escape(each)}">{escape(each[:8])}…</abbr>' for sign, each in proofs if each)
    cells = [
        f"{begins:%H:%M}–{ends:%H:%M}{zone}{why}",
        _energy(sums.bought_wh),
        _energy(sums.sold_wh),
        _NOTHING if price is None else human.cents_per_kwh(price, half=True).removesuffix(" ct/kWh"),
        _energy(sums.withdrawn_wh),
        _energy(sums.injected_wh),
        _amount(sums.total_micro),
        _amount(sums.saving_micro),
        f'<span class="proof">{shown}</span>',
    ]
    return _row(cells, provisional=line.provisional is not None)


def _day_name(day: date) -> str:
    return f"{day:%a} {day.day} {day:%b %Y}"


def _energy(energy_wh: int) -> str:
    return f"{Decimal(energy_wh) / WH_PER_KWH:.3f}" if energy_wh else _NOTHING


def _amount(amount_micro: int) -> str:
    rounded = (Decimal(amount_micro) / MICRO_PER_CREDIT).quantize(_SHOWN, ROUND_HALF_UP)
    return f"{rounded:+}".replace("-", "−") if amount_micro else _NOTHING


def _table(headings: Sequence[str], rows: str) -> str:
    return f"<table><tr>{''.join(f'<th>{each}</th>' for each in headings)}</tr>{rows}</table>"


def _row(cells: Sequence[str], *, provisional: bool) -> str:
    opening = '<tr class="provisional">' if provisional else "<tr>"
    return opening + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
