"""The oracle's cycle: read the chain at its head, read the meters, decide, act. The chain and the store are its memory.

Of every slot that is over it makes the report as soon as all readings are there, or with substitutes after a time-out;
signs it, collects the signatures of those who see the same, and sends it when it is its turn. A slot that was settled
with estimates is corrected when the measurements are there. Whoever was killed anywhere goes on from what the chain
says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.slot import end_of, slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.oracle.agreement import Agreement, Progress
from p2ptrade.oracle.correcting import Correcting
from p2ptrade.oracle.desk import Desk
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.facts import SignedReport
from p2ptrade.oracle.metrics import OracleMetrics
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.ports import ChainView, Outbox, Peer, Store
from p2ptrade.oracle.reputation import DayPoster
from p2ptrade.oracle.settling import Settling

BACK_SLOTS_MAX: Final = 31 * 96
"""How far back an oracle that starts looks for slots to settle or to correct: the correction window of a month."""

_log = structlog.get_logger(__name__)


@dataclass
class Oracle:
    """The daemon's state and its step. Without a key it computes and serves pages, but signs and sends nothing."""

    chain: ChainView
    store: Store
    desk: Desk
    drafter: Drafter
    peers: Sequence[Peer]
    domain: Domain
    place: Place
    outbox: Outbox | None = None
    signer: DigestSigner | None = None
    metrics: OracleMetrics = field(default_factory=OracleMetrics)
    days: DayPoster | None = None
    checkpoint: Checkpoint = pass_by
    progress: dict[SlotNumber, Progress] = field(default_factory=dict)
    _done: set[SlotNumber] = field(default_factory=set)
    _correctable: set[SlotNumber] = field(default_factory=set)
    _contests_seen: dict[SlotNumber, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Put the parts of the cycle together."""
        self._agreement = Agreement(
            chain=self.chain,
            store=self.store,
            peers=self.peers,
            domain=self.domain,
            place=self.place,
            outbox=self.outbox,
            signer=self.signer,
            metrics=self.metrics,
            checkpoint=self.checkpoint,
        )
        self._settling = Settling(self.chain, self.store, self.drafter, self.peers, self._agreement)
        self._correcting = Correcting(self.chain, self.store, self.drafter, self._agreement)

    def step(self) -> None:
        """Bring every slot that is over as far as it can get now.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        if self.outbox is not None:
            self.outbox.advance()
        head = self.chain.head()
        self.metrics.head_block.set(head.number)
        self.drafter.contests.refresh()
        waiting = self._unsettled(head.time_s)
        self.metrics.waiting.set(len(waiting))
        for slot in waiting:
            progress = self.progress[slot]
            if head.time_s >= progress.retry_at_s:
                self._settling.settle(slot, progress, head.time_s)
        self._reopen_contested()
        for slot in sorted(self._correctable):
            progress = self.progress[slot]
            if head.time_s >= progress.retry_at_s and self._correcting.correct(slot, progress, head.time_s):
                self._correctable.discard(slot)
        if self.days is not None:
            self.days.step(head.time_s)

    def signed(self, slot: SlotNumber) -> SignedReport | None:
        """Return our signature over the newest report of a slot that we made, also if that was before a restart."""
        known = self.progress.get(slot)
        if known is not None and known.own is not None:
            return known.own
        kept = self.store.report(slot, self.store.newest_version(slot))
        # A report without leaves was taken over from a peer.
        return None if kept is None or not kept.leaves else self._agreement.signature(kept)

    def _unsettled(self, now_s: int) -> list[SlotNumber]:
        """Return the slots that are over and not settled, the oldest first."""
        points, priced = self.chain.meter_points(), self.chain.first_priced_slot()
        if not points or priced is None:
            return []
        last = slot_at(now_s) - 1
        metered = slot_at(min(point.since_s for point in points.values())) + 1
        first = max(metered, priced, last - BACK_SLOTS_MAX)
        if self.progress:
            first = min((slot for slot in self.progress if slot not in self._done), default=max(self.progress) + 1)
        slots = [SlotNumber(slot) for slot in range(first, last + 1) if slot not in self._done]
        states = self.chain.states(slots)
        for slot in slots:
            self._note(slot, states[slot], now_s)
        return [slot for slot in slots if slot not in self._done]

    def _reopen_contested(self) -> None:
        """Look at settled slots again that have new contests."""
        counts = self.drafter.contests.counts()
        new = {slot for slot, count in counts.items() if count != self._contests_seen.get(slot)}
        self._correctable |= {slot for slot in new & self._done if self.progress[slot].stands != "stale"}
        self._contests_seen = counts

    def _note(self, slot: SlotNumber, state: str, now_s: int) -> None:
        was_waiting = slot in self.progress
        progress = self.progress.setdefault(slot, Progress())
        if state == "SETTLED":
            self._done.add(slot)
            self._correctable.add(slot)
            self.metrics.settled.inc()
            if was_waiting:
                self.metrics.payment_delay.observe(now_s - end_of(slot))
            progress.stands = "settled"
            progress.quorum_since_s = None
        elif state == "STALE":
            self._done.add(slot)
            progress.stands = "stale"
            self.metrics.stale.inc()
            _log.error("slot stale", slot=slot, reason="nobody settled it before its deadline; what was locked is free")
