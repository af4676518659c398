"""What a demo is asked to show, and when it happens: the day, its slots, and the instants of the clock around them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from p2ptrade.domain.slot import DEFAULT_WINDOWS, Windows, end_of, slot_at, start_of
from p2ptrade.domain.units import EpochSeconds, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.grid.profiles import HomeProfiles

NETWORK: Final = "simbench-lv-rural3"
SLOTS_PER_DAY: Final = 96
_DAY_S: Final = 86_400
# The sample weeks begin on a Saturday: the day shown is their Tuesday, a working day with one before it.
_DAYS_INTO_WEEK: Final = 3
# The stressed day is the Saturday after it, the sunniest of the summer week, around its brightest hour (UTC).
_STRESSED_DAYS_INTO_WEEK: Final = 7
_STRESSED_SLOTS_EARLIER: Final = 4
_STRESSED_WEEK: Final = "summer"
# Time for the market to be deployed and its participants admitted, before the tariffs of the eve are due.
_SETUP_S: Final = 2 * 3600
_EARLY_S: Final = 15 * 60
_ADMISSION_S: Final = 15 * 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """The options of a demo; `homes` None is every home of the network.

    With `stress` the homes have more devices than the network can bear, and all of them take part: who does not is in
    no envelope's reach.

    Raises:
        InputError: more slots than a day has, or none; a stressed day of another week, or with homes left out.
    """

    slots: int = SLOTS_PER_DAY
    homes: int | None = None
    week: str = "summer"
    seed: int = 1
    out: Path = Path("demo-report")
    stress: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.slots <= SLOTS_PER_DAY:
            raise InputError(f"a demo runs 1 to {SLOTS_PER_DAY} slots of one day, not {self.slots}")
        if self.homes is not None and self.homes < 2:
            raise InputError(f"trading takes at least 2 homes, not {self.homes}")
        if not 0 <= self.seed < 2**32:
            raise InputError(f"the seed must be from 0 to {2**32 - 1}, not {self.seed}")
        if self.stress and (self.homes is not None or self.week != _STRESSED_WEEK):
            raise InputError("the stressed day is one of the summer week with all homes: leave --homes and --week away")


@dataclass(frozen=True, slots=True)
class Timeline:
    """The instants of a demo, in chain time; fewer slots than a day's are those around noon (UTC)."""

    first: SlotNumber
    slots: int
    windows: Windows = DEFAULT_WINDOWS

    @classmethod
    def of(cls, scenario: Scenario, profiles: HomeProfiles) -> "Timeline":
        """Return the timeline of a scenario.

        Raises:
            InputError: there is no such week, or it is too short, or the network has fewer homes.
        """
        week = profiles.week(scenario.week)
        days = _STRESSED_DAYS_INTO_WEEK if scenario.stress else _DAYS_INTO_WEEK
        if week.slots < (days + 1) * SLOTS_PER_DAY:
            raise InputError(f"the week {scenario.week!r} is too short: a demo shows its day {days + 1}")
        if scenario.homes is not None and scenario.homes > len(profiles.homes):
            raise InputError(f"{profiles.network} has {len(profiles.homes)} homes, not {scenario.homes}")
        earlier = _STRESSED_SLOTS_EARLIER if scenario.stress else 0
        first = max((SLOTS_PER_DAY - scenario.slots) // 2 - earlier, 0)
        return cls(SlotNumber(slot_at(week.start_s) + days * SLOTS_PER_DAY + first), scenario.slots)

    @property
    def traded(self) -> list[SlotNumber]:
        """Return the slots of the demo."""
        return [SlotNumber(self.first + number) for number in range(self.slots)]

    @property
    def eve(self) -> int:
        """Return the UTC day before the first slot's: the first day with a published tariff."""
        return start_of(self.first) // _DAY_S - 1

    @property
    def chain_start_s(self) -> EpochSeconds:
        """Return the time of the first block: early enough to set up before the tariff of the eve is due."""
        return EpochSeconds(self.eve * _DAY_S - _SETUP_S - 3600)

    @property
    def admission_s(self) -> EpochSeconds:
        """Return when the homes are admitted: what they use from the next slot on is settled."""
        return EpochSeconds(self.daemons_start_s - _ADMISSION_S)

    @property
    def daemons_start_s(self) -> EpochSeconds:
        """Return when the daemons start: a little before the first slot's limits are due."""
        return EpochSeconds(self.windows.limits_due(self.first) - _EARLY_S)

    @property
    def end_s(self) -> EpochSeconds:
        """Return the end of delivery of the last slot."""
        return end_of(SlotNumber(self.first + self.slots - 1))
