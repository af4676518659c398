"""Demurrage, an option of a market: idle cash above a free amount shrinks by a share a day, rounded down, compounding.

The contract collects the same to the micro-credit. (Tokens that decay so that use follows surplus: Zhou et al.,
Engineering 6(7) 2020, section 3.1.1.2.)
"""

from dataclasses import dataclass

from p2ptrade.domain.units import PPM, AmountMicro, SharePpm
from p2ptrade.errors import InputError


@dataclass(frozen=True, slots=True)
class Demurrage:
    """The rate per day in parts per million, and the cash in micro-credits that costs nothing."""

    rate_ppm_per_day: SharePpm
    free_micro: AmountMicro

    def __post_init__(self) -> None:
        if not 0 <= self.rate_ppm_per_day <= PPM or self.free_micro < 0:
            raise InputError(f"demurrage takes from 0 to {PPM} ppm a day of what is above a free amount, not {self}")

    def remaining(self, cash: AmountMicro, days: int) -> AmountMicro:
        """Return what is left of `cash` after `days`; a debt stays as it is."""
        left = int(cash)
        for _ in range(days):
            left -= max(0, left - self.free_micro) * self.rate_ppm_per_day // PPM
        return AmountMicro(left)
