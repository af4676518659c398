"""Contests as an oracle handles them: the chain says who contests what, participants and peers send the readings.

Everything here is found again after a restart: contests are events, and each oracle has the readings or asks for them.
"""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.domain.metered import MeteredAccount
from p2ptrade.domain.reading import SignedReading
from p2ptrade.domain.report import KeptReading
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.oracle.better import neighbours_of
from p2ptrade.oracle.contest import Standing, Verdict, verdict_of, why_not_used
from p2ptrade.oracle.desk import Answer, Desk, Taken
from p2ptrade.oracle.facts import Contest, MeterPoint, SettledSlot
from p2ptrade.oracle.ports import ChainView, Peer, Store
from p2ptrade.oracle.report import corrected_by

CONTESTS_MAX: Final = 8
"""How many contests of an account and slot are looked at."""

_UNSEEN = Verdict(Standing.WAITING, "it has not been looked at here yet")
_log = structlog.get_logger(__name__)


@dataclass
class Contests:
    """The contests of one market; readings may be handed in by several threads."""

    chain: ChainView
    store: Store
    desk: Desk
    peers: Sequence[Peer]
    received: int = 0
    _by_slot: Mapping[SlotNumber, Sequence[Contest]] = field(default_factory=dict)
    _verdicts: dict[Contest, Verdict] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def refresh(self) -> None:
        """Look for contests on the chain.

        Raises:
            ChainUnreachableError: the chain cannot be asked.
        """
        self._by_slot = _looked_at(self.chain.contests())

    def counts(self) -> dict[SlotNumber, int]:
        """Return how many contests each contested slot has."""
        return {slot: len(contests) for slot, contests in self._by_slot.items()}

    def of_slot(self, slot: SlotNumber) -> Sequence[Contest]:
        """Return the contests of a slot in their order on the chain, as they were last looked for."""
        return self._by_slot.get(slot, ())

    def seen(self, slot: SlotNumber) -> tuple[int, ...]:
        """Return what changes whenever there may be something new to say of contests of a slot or of its start."""
        return self.received, len(self.of_slot(slot)), len(self.of_slot(SlotNumber(slot - 1)))

    def take(self, signed: SignedReading) -> Answer:
        """Keep a reading that a contest on the chain names and the registered gateway signed.

        Raises:
            ChainUnreachableError: the chain cannot be asked.
        """
        reading = signed.reading
        self.refresh()
        if not any(each.digest == signed.digest for each in self.of_slot(reading.slot)):
            return self._answer(signed, Taken.REFUSED, "no contest on the chain names this reading")
        point = self.chain.meter_points().get(reading.account)
        wrong = "there is no such account" if point is None else self.desk.why_not_taken(signed, point)
        if wrong is not None:
            return self._answer(signed, Taken.REFUSED, wrong)
        with self._lock:
            if self.store.contested(signed.digest) is not None:
                return self._answer(signed, Taken.KNOWN)
            self.store.keep_contested(signed)
            self.received += 1
        return self._answer(signed, Taken.STORED)

    def gather(self, slot: SlotNumber) -> None:
        """Ask peers for the contested readings of a slot that nobody sent us."""
        for contest in self.of_slot(slot):
            if self._reading(contest) is not None:
                continue
            for peer in self.peers:
                try:
                    found = peer.contested(contest.digest)
                except PeerUnreachableError:
                    continue
                if found is not None and self.take(found).taken is not Taken.REFUSED:
                    break

    def replaced(self, slot: SlotNumber, points: Mapping[AccountId, MeterPoint]) -> dict[AccountId, KeptReading]:
        """Return the contested readings of a slot that are better than those that the gateways sent, by account."""
        return {
            contest.account: KeptReading(signed)
            for contest in self.of_slot(slot)
            if contest.account in points
            and (signed := self._reading(contest)) is not None
            and self._why_not(contest, signed, points[contest.account]) is None
        }

    def judge(
        self,
        slot: SlotNumber,
        standing: SettledSlot,
        settled: Mapping[AccountId, MeteredAccount],
        now: Mapping[AccountId, MeteredAccount],
        points: Mapping[AccountId, MeterPoint],
    ) -> frozenset[AccountId]:
        """Judge all contests of a settled slot, and return the accounts of those that are borne out.

        What a better reading moves out of its slot it moves into the next one, which needs no contest: as long as the
        reading between them was not measured, both are settled with estimates.
        """
        reopened = set()
        for contest in self.of_slot(slot):
            verdict = self._judge(contest, standing, settled, now, points)
            if self._verdicts.get(contest) != verdict:
                _log.info("contest", slot=slot, account=contest.account, standing=verdict.standing, why=verdict.reason)
            self._verdicts[contest] = verdict
            if verdict.standing is Standing.BORNE_OUT:
                reopened.add(contest.account)
        return frozenset(reopened)

    def is_open(self, slot: SlotNumber) -> bool:
        """Return whether something is still waited for that a contest of a slot needs."""
        return any(self.verdict(contest).standing is Standing.WAITING for contest in self.of_slot(slot))

    def verdict(self, contest: Contest) -> Verdict:
        """Return what became of a contest, as far as we know."""
        return self._verdicts.get(contest, _UNSEEN)

    def _judge(
        self,
        contest: Contest,
        standing: SettledSlot,
        settled: Mapping[AccountId, MeteredAccount],
        now: Mapping[AccountId, MeteredAccount],
        points: Mapping[AccountId, MeterPoint],
    ) -> Verdict:
        point, signed = points.get(contest.account), self._reading(contest)
        if point is None or contest.account not in settled:
            return Verdict(Standing.REFUSED, "the account took no part in this slot")
        if signed is None:
            return Verdict(Standing.WAITING, "no oracle that answers has the reading it names: send it")
        wrong = self._why_not(contest, signed, point)
        if wrong is not None:
            return Verdict(Standing.REFUSED, wrong)
        by = corrected_by(standing, contest)
        return verdict_of(settled[contest.account], now.get(contest.account), by)

    def _why_not(self, contest: Contest, signed: SignedReading, point: MeterPoint) -> str | None:
        wrong = self.desk.why_not_taken(signed, point)
        if wrong is not None:
            return wrong
        around, now_s = neighbours_of(signed, self.store), self.chain.head().time_s
        return why_not_used(signed, contest, around, capacity_kw=point.capacity_kw, now_s=now_s)

    def _reading(self, contest: Contest) -> SignedReading | None:
        """Return the reading that a contest names: handed in for it, or the one that the gateway sent."""
        handed_in = self.store.contested(contest.digest)
        if handed_in is not None:
            return handed_in
        sent = (kept.signed for kept in self.store.all_of_slot(contest.slot))
        return next((signed for signed in sent if signed.digest == contest.digest), None)

    @staticmethod
    def _answer(signed: SignedReading, taken: Taken, reason: str | None = None) -> Answer:
        return Answer(signed.reading.account, signed.reading.sequence, taken, reason)


def _looked_at(contests: Mapping[SlotNumber, Sequence[Contest]]) -> dict[SlotNumber, list[Contest]]:
    """Return the first few contests of each account and slot: who makes more gets no more attention for it."""
    found: dict[SlotNumber, list[Contest]] = {}
    for slot, listed in contests.items():
        count = Counter[AccountId]()
        for contest in listed:
            count[contest.account] += 1
            if count[contest.account] <= CONTESTS_MAX:
                found.setdefault(slot, []).append(contest)
    return found
