"""The four rules by which credits are issued without a deposit, and what each gives for the facts of a day.

First registration, clean energy traded, work of oracles, work of validators (Li et al., doi
10.13335/j.1000-3673.pst.2018.1158, section 2.3). A fact is what one recipient did on a UTC day, by the chain's events.
It is worth the rate of its rule times its units; if the facts of a day come to more than the cap, they share the cap.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from eth_hash.auto import keccak

from p2ptrade.domain.shares import shares
from p2ptrade.domain.units import WH_PER_KWH, AmountMicro
from p2ptrade.errors import ConfigError

_NOTHING: Final = AmountMicro(0)


class IssuingRule(IntEnum):
    """Why credits are issued; the numbers are those of the contract."""

    REGISTRATION = 1
    CLEAN_ENERGY = 2
    ORACLE_WORK = 3
    VALIDATOR_WORK = 4

    @property
    def word(self) -> str:
        """Return the name for people."""
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule gives for a unit, and at most for all facts of a UTC day, in micro-credits.

    A unit is a registration, a kWh of energy tokens minted, a report signed that settled a slot, or a block proposed.
    """

    rate_micro: AmountMicro = _NOTHING
    cap_micro_per_day: AmountMicro = _NOTHING

    def __post_init__(self) -> None:
        if not (0 <= self.rate_micro < 2**63 and 0 <= self.cap_micro_per_day < 2**61):
            raise ConfigError(f"an issuing rule needs a rate and a cap per day of at least 0, not {self}")

    @property
    def gives(self) -> bool:
        """Return whether the rule gives anything."""
        return self.rate_micro > 0 and self.cap_micro_per_day > 0


@dataclass(frozen=True, slots=True)
class IssuingTerms:
    """The terms of all four rules; none gives anything unless a market says so, for somebody has to pay for it."""

    registration: Terms = Terms()
    clean_energy: Terms = Terms()
    oracle_work: Terms = Terms()
    validator_work: Terms = Terms()

    def items(self) -> tuple[tuple[IssuingRule, Terms], ...]:
        """Return every rule with its terms."""
        return tuple((rule, getattr(self, rule.name.lower())) for rule in IssuingRule)


@dataclass(frozen=True, slots=True)
class Fact:
    """What one recipient did on a UTC day (epoch seconds / 86,400): `units` of a rule, in Wh for clean energy."""

    rule: IssuingRule
    day: int
    recipient: str
    units: int

    @property
    def reason(self) -> bytes:
        """Return what the contract lets count once: the hash of rule, recipient and, but for registration, day."""
        once_ever = self.rule is IssuingRule.REGISTRATION
        parts = (self.rule.word, self.recipient) if once_ever else (self.rule.word, str(self.day), self.recipient)
        return keccak("/".join(parts).encode())


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be issued for a fact, in micro-credits."""

    fact: Fact
    amount_micro: AmountMicro


DayTerms = Mapping[tuple[IssuingRule, int], Terms]
"""The terms that held at the end of a day, by rule and day; what is missing gives nothing."""


def dues_of(facts: Iterable[Fact], terms: DayTerms) -> list[Due]:
    """Return what is to be issued, by day, rule and recipient; facts that give nothing are left out.

    Amounts are rounded down. Where the facts of a rule and day come to more than its cap, the cap is shared out in
    proportion, by running totals over the recipients in rising order.
    """
    grouped: defaultdict[tuple[int, IssuingRule], list[Fact]] = defaultdict(list)
    for fact in facts:
        grouped[fact.day, fact.rule].append(fact)
    dues: list[Due] = []
    for (day, rule), group in sorted(grouped.items()):
        held = terms.get((rule, day), Terms())
        group.sort(key=lambda fact: fact.recipient.lower())
        full = [_worth(fact, held) for fact in group]
        given = shares(min(sum(full), held.cap_micro_per_day), full)
        dues += [Due(fact, AmountMicro(amount)) for fact, amount in zip(group, given, strict=True) if amount]
    return dues


def _worth(fact: Fact, terms: Terms) -> int:
    per_unit = WH_PER_KWH if fact.rule is IssuingRule.CLEAN_ENERGY else 1
    return fact.units * terms.rate_micro // per_unit
