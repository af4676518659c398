"""Between what people write and read (kWh, ct/kWh, credits, local time) and what is computed with (Wh, micro, UTC).

One credit is one unit of the local currency, 100 ct; a micro-credit is its millionth. All conversions are exact: what
does not come out even is refused, not rounded.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.slot import end_of, slot_at, start_of
from p2ptrade.domain.units import (
    MICRO_PER_CREDIT,
    U32_MAX,
    WH_PER_KWH,
    AmountMicro,
    EnergyWh,
    PriceMicroPerKwh,
    SlotNumber,
)
from p2ptrade.errors import ConfigError, InputError
from p2ptrade.wallet.strategy import Intention

MICRO_PER_CENT: Final = 10_000
_STEP: Final = re.compile(r"(?P<energy>[^@\s]+)\s*@\s*(?P<price>[^@\s]+)")
_RELATIVE: Final = re.compile(r"\+(\d{1,4})")
_MOMENT: Final = "%Y-%m-%dT%H:%M"


def energy_from_kwh(text: str) -> EnergyWh:
    """Return an energy written in kWh.

    Raises:
        InputError: it is no number, not above 0, or finer than 1 Wh.
    """
    return EnergyWh(_exact(text, WH_PER_KWH, "an energy", "kWh", "1 Wh", least=1))


def price_from_cents(text: str) -> PriceMicroPerKwh:
    """Return a price written in ct/kWh.

    Raises:
        InputError: it is no number, below 0, or finer than 0.0001 ct/kWh.
    """
    return PriceMicroPerKwh(_exact(text, MICRO_PER_CENT, "a price", "ct/kWh", "0.0001 ct/kWh", least=0))


def amount_from_credits(text: str) -> AmountMicro:
    """Return an amount written in credits.

    Raises:
        InputError: it is no number, not above 0, or finer than a micro-credit.
    """
    return AmountMicro(_exact(text, MICRO_PER_CREDIT, "an amount", "credits", "0.000001", least=1, most=2**63 - 1))


def intention_from(side: Side, texts: list[str]) -> Intention:
    """Return an order from steps written as `1.2@28.5`: 1.2 kWh at 28.5 ct/kWh; steps may come in any order.

    Raises:
        InputError: a step cannot be read, there are too many, or two have the same price.
    """
    steps = [_step(text) for text in texts]
    prices = {step.limit_price_micro_per_kwh for step in steps}
    if not 1 <= len(steps) <= 4 or len(prices) != len(steps):
        raise InputError("an order has 1 to 4 steps, each at a price of its own, as in 1.2@28.5 (kWh@ct/kWh)")
    best_first = sorted(steps, key=lambda step: step.limit_price_micro_per_kwh, reverse=side is Side.BID)
    return Intention(side, tuple(best_first))


def slot_from(text: str, now_s: int, zone: ZoneInfo, gate_lead_s: int) -> SlotNumber:
    """Return the slot meant: its number, its start in local time (2026-06-11T14:00), or +N, the Nth whose gate is open.

    Raises:
        InputError: it is none of these, or that local time does not exist or exists twice.
    """
    relative = _RELATIVE.fullmatch(text)
    if relative is not None:
        return SlotNumber(slot_at(now_s + gate_lead_s) + max(1, int(relative[1])))
    if text.isdecimal() and text.isascii() and len(text) < 12:
        return SlotNumber(int(text))
    return slot_at(instant_from(text, zone))


def instant_from(text: str, zone: ZoneInfo) -> int:
    """Return the instant of a local time written as 2026-06-11T14:00, or 2026-06-11 for its midnight.

    Raises:
        InputError: it cannot be read, or that local time does not exist or exists twice on the day of a clock change.
    """
    written = text if "T" in text else f"{text}T00:00"
    try:
        naive = datetime.strptime(written, _MOMENT)  # noqa: DTZ007 - the zone comes next
    except ValueError:
        raise InputError(
            f"{text!r} is no slot: give its number, its local start as 2026-06-11T14:00, or +1 for the next"
        ) from None
    early, late = naive.replace(tzinfo=zone, fold=0), naive.replace(tzinfo=zone, fold=1)
    if early.utcoffset() != late.utcoffset():
        word = "twice" if early.astimezone(UTC) < late.astimezone(UTC) else "not at all"
        raise InputError(f"{text} happens {word} in {zone.key}, the clocks change then: give the slot's number")
    return int(early.timestamp())


def next_day(text: str) -> str:
    """Return the day after one written as 2026-06-11.

    Raises:
        InputError: it is no day.
    """
    try:
        return (date.fromisoformat(text) + timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        raise InputError(f"{text!r} is no day: write it as 2026-06-11") from None


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone by its name.

    Raises:
        ConfigError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"wallet.time_zone names no time zone: {name!r}; one is Europe/Berlin") from None


@dataclass(frozen=True, slots=True)
class SlotTime:
    """When a slot is, for people."""

    slot: SlotNumber
    zone: ZoneInfo

    @property
    def local(self) -> str:
        """Return start and end in local time."""
        return f"{_clock(start_of(self.slot), self.zone, '%a %d %b %Y %H:%M')}–{_clock(end_of(self.slot), self.zone)}"

    @property
    def utc(self) -> str:
        """Return start and end in UTC."""
        utc = ZoneInfo("UTC")
        return f"{_clock(start_of(self.slot), utc, '%Y-%m-%d %H:%M')}–{_clock(end_of(self.slot), utc)} UTC"


def kwh(energy_wh: int) -> str:
    """Return an energy in kWh with all its digits."""
    return f"{_fixed(energy_wh, WH_PER_KWH, 3)} kWh"


def cents_per_kwh(price_micro_per_kwh: int, *, half: bool = False) -> str:
    """Return a price in ct/kWh with at least two digits; `half` for prices in half micro per kWh."""
    per_cent = MICRO_PER_CENT * (2 if half else 1)
    digits = Decimal(price_micro_per_kwh) / per_cent
    shown = f"{digits:.5f}".rstrip("0")
    whole, _, fraction = shown.partition(".")
    return f"{whole}.{fraction.ljust(2, '0')} ct/kWh"


def credits_of(amount_micro: int) -> str:
    """Return an amount in credits with all its digits."""
    return f"{_fixed(amount_micro, MICRO_PER_CREDIT, 6)} credits"


def moment(instant_s: int, zone: ZoneInfo) -> str:
    """Return an instant in local time."""
    return _clock(instant_s, zone, "%Y-%m-%d %H:%M:%S")


def duration(seconds: int) -> str:
    """Return a time span as people say it."""
    if seconds < 0:
        return "passed"
    hours, rest = divmod(seconds, 3600)
    minutes, secs = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (secs, "s")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "0 s"


def _step(text: str) -> Step:
    match = _STEP.fullmatch(text.strip())
    if match is None:
        raise InputError(f"{text!r} is no step: write energy and limit price as 1.2@28.5 (kWh@ct/kWh)")
    return Step(energy_from_kwh(match["energy"]), price_from_cents(match["price"]))


def _exact(text: str, factor: int, what: str, unit: str, finest: str, *, least: int, most: int = U32_MAX) -> int:
    """Return a decimal number times `factor`, which must come out even."""
    if not (text.isascii() and len(text) <= 32):
        raise InputError(f"{what} is a plain decimal number in {unit}")
    try:
        scaled = Decimal(text) * factor
    except InvalidOperation:
        raise InputError(f"{what} is a plain decimal number in {unit}, not {text!r}") from None
    if not scaled.is_finite() or scaled != scaled.to_integral_value():
        raise InputError(f"{what} is a number in {unit} in steps of {finest}, not {text!r}")
    if not least <= scaled <= most:
        raise InputError(f"{what} of {text} {unit} is out of range")
    return int(scaled)


def _fixed(number: int, unit: int, digits: int) -> str:
    sign = "-" if number < 0 else ""
    whole, part = divmod(abs(number), unit)
    return f"{sign}{whole}.{part:0{digits}d}"


def _clock(instant_s: int, zone: ZoneInfo, style: str = "%H:%M") -> str:
    return datetime.fromtimestamp(instant_s, zone).strftime(style)
