"""Reputation in parts per million, from facts that the chain shows: R = (good / deals + deals / taken part) / 2.

A deal is a filled order, good if its metered delivery was within tolerance. Taken part counts the slots with a sealed
order, one that was never opened twice, and an idle day once. A ratio without a denominator is one half. (Li et al.,
doi 10.13335/j.1000-3673.pst.2018.1158, Eq. 4, with good deals from meters instead of ratings.)
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from p2ptrade.domain.units import PPM, AccountId, SharePpm
from p2ptrade.errors import InputError

CLASS_LIMITS_PPM: Final = (600_000, 800_000, 950_000)
"""Scores from which the classes 1, 2 and 3 begin; class 0, that of newcomers, is below."""

CANDIDATE_CLASS: Final = 2
"""Class from which an account may stand as a validator."""

BEST_CLASS: Final = len(CLASS_LIMITS_PPM)

_RECORD: Final = struct.Struct(">IBBHBB")
_U8_MAX: Final = 255


@dataclass(frozen=True, slots=True)
class DayCounts:
    """An account's facts of one day: good deals, deals, slots with a sealed order, of these unopened, and idleness."""

    good: int = 0
    deals: int = 0
    sealed: int = 0
    unopened: int = 0
    idle: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.good <= self.deals <= self.sealed <= _U8_MAX or not 0 <= self.unopened <= self.sealed:
            raise InputError(f"these counts of a day cannot be: {self}")

    @property
    def taken_part(self) -> int:
        """Return the denominator of activity: an unopened order counts twice, an idle day once."""
        return self.sealed + self.unopened + self.idle


@dataclass(frozen=True, slots=True)
class ReputationCounts:
    """What an account has done so far; the last idle day is a UTC day (epoch seconds / 86,400), zero if none was."""

    good: int = 0
    deals: int = 0
    taken_part: int = 0
    unopened: int = 0
    idle_days: int = 0
    last_idle_day: int = 0

    def plus(self, counts: DayCounts, day: int) -> Self:
        """Return the counts after one more UTC day."""
        return type(self)(
            self.good + counts.good,
            self.deals + counts.deals,
            self.taken_part + counts.taken_part,
            self.unopened + counts.unopened,
            self.idle_days + counts.idle,
            day if counts.idle else self.last_idle_day,
        )

    @property
    def score_ppm(self) -> SharePpm:
        """Return R, each ratio rounded down."""
        return SharePpm((_ratio_ppm(self.good, self.deals) + _ratio_ppm(self.deals, self.taken_part)) // 2)

    @property
    def reputation_class(self) -> int:
        """Return the class by which bond and collateral are scaled."""
        return sum(self.score_ppm >= limit for limit in CLASS_LIMITS_PPM)

    def may_stand(self, next_day: int) -> bool:
        """Return whether the account may stand as a validator, when the days before `next_day` have been posted.

        Who is idle on the newest of them loses the right until a day on which it takes part (Li et al., 3.1 step 2).
        """
        return self.reputation_class >= CANDIDATE_CLASS and self.last_idle_day + 1 != next_day


def pack_day(counts: Mapping[AccountId, DayCounts]) -> bytes:
    """Return the bytes of a day as the oracles sign them, accounts rising.

    Per account: account u32 | good u8 | deals u8 | taken part u16 | unopened u8 | idle u8, big-endian.
    """
    return b"".join(
        _RECORD.pack(account, day.good, day.deals, day.taken_part, day.unopened, day.idle)
        for account, day in sorted(counts.items())
    )


def unpack_day(packed: bytes) -> dict[AccountId, DayCounts]:
    """Return the counts in the bytes of a day.

    Raises:
        InputError: the bytes end inside a record, or hold counts that cannot be.
    """
    if len(packed) % _RECORD.size:
        raise InputError(f"the counts of a day have {_RECORD.size} bytes an account, {len(packed)} are no multiple")
    return {
        AccountId(account): DayCounts(good, deals, taken_part - unopened - idle, unopened, bool(idle))
        for account, good, deals, taken_part, unopened, idle in _RECORD.iter_unpack(packed)
    }


def _ratio_ppm(part: int, whole: int) -> int:
    return PPM // 2 if whole == 0 else PPM * part // whole
