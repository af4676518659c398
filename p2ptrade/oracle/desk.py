"""The oracle's desk: takes signed readings, believes none without its gateway's signature, keeps every one it takes.

Idempotent by account and sequence number: the same reading sent again is known, another one under the same number is
refused. What breaks a rule without being refused is kept with a flag, and so is a reading that its gateway contradicts.
A reading may arrive after later ones, which the oracle took over from its peers meanwhile: it is taken where it fits
between its neighbours. One that takes the place of an estimated one stands beside it from then on, and is used instead.
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from enum import Enum
from typing import Final

import structlog

from p2ptrade.chain.signatures import recover
from p2ptrade.chain.typed_data import Domain, ReadingMessage
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.reading import REPLACING, Reading, SignedReading
from p2ptrade.domain.report import KeptReading
from p2ptrade.domain.units import AccountId
from p2ptrade.metering.plausibility import Rule, contradicts, examine
from p2ptrade.oracle.better import neighbours_of, why_not_better
from p2ptrade.oracle.facts import MeterPoint
from p2ptrade.oracle.metrics import OracleMetrics
from p2ptrade.oracle.ports import ChainView, Store

_log = structlog.get_logger(__name__)


KEPT_MAX: Final = 2**63 - 1
"""The largest whole number that SQLite and PostgreSQL keep; a signed reading could have a larger one."""


class Taken(Enum):
    """What became of a reading."""

    STORED = "stored"
    KNOWN = "known"
    FLAGGED = "flagged"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer for one reading."""

    account: AccountId
    sequence: int
    taken: Taken
    reason: str | None = None


@dataclass
class Desk:
    """Takes readings for one market; may be used by several threads."""

    chain: ChainView
    store: Store
    domain: Domain
    metrics: OracleMetrics = field(default_factory=OracleMetrics)
    checkpoint: Checkpoint = pass_by
    stored: int = 0
    _newest: dict[AccountId, SignedReading] = field(default_factory=dict)
    _points: Mapping[AccountId, MeterPoint] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._newest = self.store.newest()

    def take(self, readings: Sequence[SignedReading]) -> list[Answer]:
        """Take readings, each meter's in order, and return an answer for each once they are on the disk.

        Raises:
            ChainUnreachableError: the chain cannot be asked whose the readings are.
        """
        with self._lock:
            self._points = self.chain.meter_points()  # a key that was withdrawn a block ago signs nothing any more
            now_s = self.chain.head().time_s
            kept: list[KeptReading] = []
            newest = dict(self._newest)
            counted = {
                number: self._examine(signed, newest, kept, now_s)
                for number, signed in enumerate(readings)
                if not signed.reading.replaces
            }
            self.store.keep_readings(kept)
            # Those that replace others are examined beside what is kept, one after the other.
            answers = [counted.get(number) or self._replace(signed, now_s) for number, signed in enumerate(readings)]
            self.stored += self._flag_contradictions(readings, answers)
            self.checkpoint("oracle.stored")
            self._newest = newest
            self.stored += len(kept)
        for answer in answers:
            self.metrics.readings.labels(answer.taken.value).inc()
        return answers

    def _flag_contradictions(self, readings: Sequence[SignedReading], answers: Sequence[Answer]) -> int:
        """Flag the readings that ones which were refused contradict: the gateway told others something else.

        Whoever gets to see both does not believe either, so the oracles agree again.
        """
        found = 0
        for signed, answer in zip(readings, answers, strict=True):
            reading = signed.reading
            if answer.taken is not Taken.REFUSED or self._why_not_registered(signed) is not None:
                continue
            kept = self.store.of_slot(reading.slot).get(reading.account)
            if kept is not None and contradicts(reading, kept.signed.reading) and Rule.CONTRADICTION not in kept.flags:
                self.store.flag(kept.signed.reading, Rule.CONTRADICTION)
                _log.error("gateway contradicts itself", account=reading.account, slot=reading.slot)
                found += 1
        return found

    def _examine(
        self, signed: SignedReading, newest: dict[AccountId, SignedReading], kept: list[KeptReading], now_s: int
    ) -> Answer:
        wrong = self._why_not_registered(signed)
        if wrong is not None:
            return _answer(signed, Taken.REFUSED, wrong)
        reading, point = signed.reading, self._points[signed.reading.account]
        last = newest.get(reading.account)
        is_new = last is None or reading.sequence > last.reading.sequence
        there = None if is_new else self._there(reading, last, kept)
        if there is not None:
            return _again(signed, there)
        before, after = (last, None) if is_new else self._neighbours(reading, kept)
        findings = examine(reading, before, capacity_kw=point.capacity_kw, now_s=now_s)
        behind = () if after is None else examine(after.reading, signed, capacity_kw=point.capacity_kw, now_s=now_s)
        refusals = [finding.text for finding in (*findings, *behind) if finding.refuses]
        if refusals:
            return _answer(signed, Taken.REFUSED, "; ".join(refusals))
        kept.append(KeptReading(signed, tuple(finding.rule.value for finding in findings)))
        if is_new:
            newest[reading.account] = signed
        if findings:
            return _answer(signed, Taken.FLAGGED, "; ".join(finding.text for finding in findings))
        return _answer(signed, Taken.STORED)

    def _replace(self, signed: SignedReading, now_s: int) -> Answer:
        """Take a reading that stands beside the count if it is better than the one in use, and keep it."""
        wrong = self._why_not_registered(signed)
        if wrong is not None:
            return _answer(signed, Taken.REFUSED, wrong)
        reading, point = signed.reading, self._points[signed.reading.account]
        there = self.store.reading(reading.account, reading.sequence)
        if there is not None:
            return _again(signed, there)
        replaced = self.store.reading(reading.account, reading.sequence - REPLACING)
        if replaced is not None and replaced.reading.slot != reading.slot:
            return _answer(signed, Taken.REFUSED, "the reading that it is to replace is of another slot")
        around = neighbours_of(signed, self.store)
        wrong = why_not_better(signed, around, capacity_kw=point.capacity_kw, now_s=now_s)
        if wrong is not None:
            return _answer(signed, Taken.REFUSED, wrong)
        self.store.keep_readings([KeptReading(signed)])
        self.stored += 1
        return _answer(signed, Taken.STORED)

    def _why_not_registered(self, signed: SignedReading) -> str | None:
        account = signed.reading.account
        point = self._points.get(account)
        return f"account {account} takes no part in this market" if point is None else self.why_not_taken(signed, point)

    def why_not_taken(self, signed: SignedReading, point: MeterPoint) -> str | None:
        """Return why a reading is not one that the registered gateway signed for a meter point, if it is not."""
        if signed.reading.meter_point != point.meter_point:
            return "the meter point is not the one registered for the account"
        is_its_digest = ReadingMessage.of(signed.reading).digest(self.domain) == signed.digest
        if not is_its_digest or recover(signed.digest, signed.signature) != point.gateway:
            return "the signature is not the registered gateway's"
        reading = signed.reading
        numbers = (reading.slot, reading.sequence, reading.meter_time_s, *astuple(reading.registers))
        return None if max(numbers) <= KEPT_MAX else f"it has a number above {KEPT_MAX}, which no database keeps"

    def _there(self, reading: Reading, last: SignedReading | None, kept: Sequence[KeptReading]) -> SignedReading | None:
        """Return what is kept already under the number of a reading; `last` is the newest of its account."""
        if last is not None and last.reading.sequence == reading.sequence:
            return last
        taken = (each.signed for each in kept if _number(each) == (reading.account, reading.sequence))
        return next(taken, None) or self.store.reading(reading.account, reading.sequence)

    def _neighbours(
        self, reading: Reading, kept: Sequence[KeptReading]
    ) -> tuple[SignedReading | None, SignedReading | None]:
        """Return the readings of the account before and after the place of one that arrives late."""
        before, after = self.store.counted_around(reading.account, reading.slot)
        known = [*kept, *(each for each in (before, after) if each is not None)]
        own = sorted(
            (each.signed for each in known if each.signed.reading.account == reading.account),
            key=lambda each: each.reading.slot,
        )
        return (
            next((each for each in reversed(own) if each.reading.slot < reading.slot), None),
            next((each for each in own if each.reading.slot >= reading.slot), None),
        )


def _number(kept: KeptReading) -> tuple[AccountId, int]:
    return kept.signed.reading.account, kept.signed.reading.sequence


def _again(signed: SignedReading, there: SignedReading) -> Answer:
    """Answer a reading under whose number one is kept."""
    if there.digest == signed.digest:
        return _answer(signed, Taken.KNOWN)
    return _answer(signed, Taken.REFUSED, f"there is another reading with number {signed.reading.sequence} already")


def _answer(signed: SignedReading, taken: Taken, reason: str | None = None) -> Answer:
    return Answer(signed.reading.account, signed.reading.sequence, taken, reason)
