"""Demurrage, an option of a market: idle cash above a free amount shrinks by a share a day, rounded down, compounding.

Idle is what an account had when it was last looked at and still has now. The contract collects the same to the
micro-credit. (Tokens that decay so that use follows surplus: Zhou et al., Engineering 6(7) 2020, section 3.1.1.2.)
"""

from dataclasses import dataclass
from typing import Final

from p2ptrade.domain.units import PPM, AmountMicro, SharePpm
from p2ptrade.errors import ConfigError

DAYS_MOST: Final = 92
"""At most so many days since the last look count."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The UTC day (epoch seconds / 86,400) on which an account was last looked at, and the cash it was left with."""

    day: int
    cash_micro: AmountMicro


@dataclass(frozen=True, slots=True)
class Demurrage:
    """The rate per day in parts per million, and the cash in micro-credits that costs nothing."""

    rate_ppm_per_day: SharePpm
    free_micro: AmountMicro

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm_per_day <= PPM or not 0 <= self.free_micro < 2**63:
            raise ConfigError(f"demurrage takes from 0 to {PPM} ppm a day of what is above a free amount, not {self}")

    @property
    def is_on(self) -> bool:
        """Return whether it takes anything."""
        return self.rate_ppm_per_day > 0

    def remaining(self, idle: AmountMicro, days: int) -> AmountMicro:
        """Return what is left of `idle` cash after `days`."""
        left = int(idle)
        for _ in range(days):
            left -= max(0, left - self.free_micro) * self.rate_ppm_per_day // PPM
        return AmountMicro(left)

    def due(self, seen: Seen | None, cash: AmountMicro, today: int) -> AmountMicro:
        """Return what an account with `cash` owes when it is looked at on a day; nothing at the first look."""
        if seen is None:
            return AmountMicro(0)
        idle = AmountMicro(max(0, min(seen.cash_micro, cash)))
        return AmountMicro(idle - self.remaining(idle, min(today - seen.day, DAYS_MOST)))
