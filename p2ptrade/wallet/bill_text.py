"""A bill as documents: JSON and CSV for machines, text for people; every amount says its unit."""

import csv
import io
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Final

from p2ptrade.domain.slot import start_of
from p2ptrade.wallet import human
from p2ptrade.wallet.bill import Bill, BillDay, BillLine, BillSums, Refund

HOURS: Final = 24
LABELS: Final = (
    ("bought_micro", "Energy bought from neighbours"),
    ("charges_micro", "Network charges and market fee on it"),
    ("sold_micro", "Energy sold to neighbours"),
    ("from_retailer_micro", "Energy from the retailer"),
    ("to_retailer_micro", "Energy fed in to the retailer"),
    ("penalties_micro", "Penalties for deviation"),
    ("corrections_micro", "Corrections of earlier readings"),
    ("guarantee_micro", "Refund of the guarantee"),
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
    "correction_transaction",
)


def bill_document(bill: Bill) -> dict[str, Any]:
    """Return the bill as a JSON object; energies in Wh, amounts in micro-credits, positive in your favour."""
    return {
        "account": bill.account,
        "time_zone": bill.zone.key,
        "provisional": bill.provisional,
        "sums": _sums(bill.sums),
        "refunds": [
            asdict(each) | {"first_day": each.first_day.isoformat(), "last_day": each.last_day.isoformat()}
            for each in bill.refunds
        ],
        "days": [
            {
                "day": day.day.isoformat(),
                "hours": day.hours,
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
    lines = [f"Bill of account {bill.account}, {period(bill)}", ""]
    for name, label in LABELS:
        amount = getattr(bill.sums, name)
        if amount:
            lines.append(f"{label:<42}{human.credits_of(amount):>26}")
    word = "You get" if bill.sums.total_micro >= 0 else "You pay"
    lines += [
        f"{word:<42}{human.credits_of(abs(bill.sums.total_micro)):>26}",
        "",
        comparison(bill),
        *(refund_text(refund) for refund in bill.refunds),
        "",
        f"{'day':<12}{'bought':>14}{'sold':>14}{'metered in':>14}{'metered out':>14}{'total':>24}{'saved':>24}",
    ]
    lines += [_day_text(day) for day in bill.days]
    lines += [f"{day.day.isoformat()} had {day.hours} hours" for day in bill.days if day.hours != HOURS]
    if bill.provisional:
        lines += ["", "* provisional: something of the day is estimated or not settled yet"]
    return "\n".join(lines) + "\n"


def period(bill: Bill) -> str:
    """Return the days of a bill for its heading."""
    if not bill.days:
        return "no slot of this account in the period"
    first, last = bill.days[0].day, bill.days[-1].day
    days = first.isoformat() if first == last else f"{first.isoformat()} to {last.isoformat()}"
    return f"{days}, times of {bill.zone.key}"


def comparison(bill: Bill) -> str:
    """Return what the retailer alone would have cost, and what the market saved, in a sentence."""
    without, saved = bill.sums.without_market_micro, bill.sums.saving_micro
    word = "got" if without > 0 else "paid"
    difference = "you did worse by" if saved < 0 else "you saved"
    return (
        f"With the retailer alone you would have {word} {human.credits_of(abs(without))}: "
        f"{difference} {human.credits_of(abs(saved))}."
    )


def refund_text(refund: Refund) -> str:
    """Return what the guarantee refunded, and for which days, in a sentence."""
    days = f"{refund.first_day.isoformat()} to {refund.last_day.isoformat()}"
    return f"The guarantee refunded {human.credits_of(refund.amount_micro)} for {days} (UTC days)."


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
        "correction_transaction": line.correction_transaction,
    }


def _day_text(day: BillDay) -> str:
    sums = day.sums
    energies = (sums.bought_wh, sums.sold_wh, sums.withdrawn_wh, sums.injected_wh)
    amounts = (sums.total_micro, sums.saving_micro)
    mark = "*" if day.provisional else ""
    cells = "".join(f"{human.kwh(energy):>14}" for energy in energies)
    return f"{day.day.isoformat() + mark:<12}{cells}" + "".join(f"{human.credits_of(each):>24}" for each in amounts)
