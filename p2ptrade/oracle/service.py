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
from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import running_hash
from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, ReportMessage, sign
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.report import KeptReport
from p2ptrade.domain.slot import slot_at
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import PeerUnreachableError, TransactionRevertedError
from p2ptrade.oracle.desk import Desk
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.metrics import OracleMetrics
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.ports import Call, ChainView, Outbox, Peer, SignedReport, Store
from p2ptrade.oracle.quorum import count_signatures, digest_of, first_signatures
from p2ptrade.oracle.report import settled_accounts
from p2ptrade.oracle.reputation import DayPoster

BACK_SLOTS_MAX: Final = 31 * 96
"""How far back an oracle that starts looks for slots to settle or to correct: the correction window of a month."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Progress:
    """What is known of a slot in this process; all of it can be found again."""

    own: SignedReport | None = None
    quorum_since_s: int | None = None
    readings_seen: int = -1
    retry_at_s: int = 0
    stands: str = ""


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

    def step(self) -> None:
        """Bring every slot that is over as far as it can get now.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        if self.outbox is not None:
            self.outbox.advance()
        head = self.chain.head()
        self.metrics.head_block.set(head.number)
        waiting = self._unsettled(head.time_s)
        self.metrics.waiting.set(len(waiting))
        for slot in waiting:
            if head.time_s >= self.progress[slot].retry_at_s:
                self._settle(slot, head.time_s)
        for slot in sorted(self._correctable):
            if head.time_s >= self.progress[slot].retry_at_s:
                self._correct(slot, head.time_s)
        if self.days is not None:
            self.days.step(head.time_s)

    def signed(self, slot: SlotNumber) -> SignedReport | None:
        """Return our signature over the newest report of a slot that we made, also if that was before a restart."""
        known = self.progress.get(slot)
        if known is not None and known.own is not None:
            return known.own
        kept = self.store.report(slot, self.store.newest_version(slot))
        # A report without leaves was taken over from a peer.
        if kept is None or not kept.leaves or self.signer is None:
            return None
        return self._signature(kept, self.signer)

    # --- The first report ---

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
            self._note(slot, states[slot])
        return [slot for slot in slots if slot not in self._done]

    def _note(self, slot: SlotNumber, state: str) -> None:
        progress = self.progress.setdefault(slot, Progress())
        if state == "SETTLED":
            self._done.add(slot)
            self._correctable.add(slot)
            self.metrics.settled.inc()
            progress.stands = "settled"
            progress.quorum_since_s = None
        elif state == "STALE":
            self._done.add(slot)
            progress.stands = "stale"
            self.metrics.stale.inc()
            _log.error("slot stale", slot=slot, reason="nobody settled it before its deadline; what was locked is free")

    def _settle(self, slot: SlotNumber, now_s: int) -> None:
        submitted = self.chain.submitted_digest(slot, 1)
        if submitted is not None:
            self._settle_pages(slot, submitted, now_s)
            return
        progress = self.progress[slot]
        kept = self.drafter.first_report(slot, now_s)
        if kept is None:
            progress.stands = "waiting for readings"
            return
        signatures = self._agree(slot, kept, now_s)
        if signatures is not None:
            call = self.chain.settle_call(kept.report, signatures, kept.pages)
            self._submit(f"settle/{slot}", call, progress, now_s)

    def _agree(self, slot: SlotNumber, kept: KeptReport, now_s: int) -> tuple[bytes, ...] | None:
        """Sign a report, collect the others' signatures, and return a quorum of them when it is our turn to send."""
        progress = self.progress[slot]
        own = self._sign(progress, kept)
        if own is None:
            progress.stands = "computed; there is no key to sign with"
            return None
        count = count_signatures(kept.report, own, self._reports(slot), self.domain, self.chain.is_oracle)
        for name in count.dissenters:
            self.metrics.disagreed.labels(name).inc()
        needed = self.chain.quorum(slot)
        signatures = first_signatures(count.signatures, needed)
        if signatures is None:
            progress.stands = f"{len(count.signatures)} of {needed} signatures"
            progress.quorum_since_s = None
            return None
        if progress.quorum_since_s is None:
            progress.quorum_since_s = now_s
        our_turn_s = progress.quorum_since_s + self.place.turn_after_s(slot)
        if now_s < our_turn_s:
            progress.stands = "agreed; another oracle's turn"
            return None
        self.checkpoint("oracle.agreed")
        return signatures

    def _sign(self, progress: Progress, kept: KeptReport) -> SignedReport | None:
        """Return our signature over a report, after keeping what is behind it."""
        if progress.own is not None and progress.own.report == kept.report:
            return progress.own
        self.store.keep_report(kept)
        self.checkpoint("oracle.drafted")
        if self.signer is None:
            return None
        progress.own = SignedReport(
            kept.report, self.signer.address, sign(ReportMessage.of(kept.report), self.domain, self.signer)
        )
        progress.quorum_since_s = None
        self.metrics.signed.inc()
        _log.info("report signed", slot=kept.report.slot, version=kept.report.version, accounts=kept.report.accounts)
        return progress.own

    def _signature(self, kept: KeptReport, signer: DigestSigner) -> SignedReport:
        return SignedReport(kept.report, signer.address, sign(ReportMessage.of(kept.report), self.domain, signer))

    def _reports(self, slot: SlotNumber) -> list[tuple[str, SignedReport]]:
        found = []
        for peer in self.peers:
            try:
                signed = peer.report(slot)
            except PeerUnreachableError:
                continue
            if signed is not None:
                found.append((peer.name, signed))
        return found

    def _settle_pages(self, slot: SlotNumber, submitted: bytes, now_s: int) -> None:
        """Send the next page of a report of several pages that was submitted."""
        progress = self.progress[slot]
        kept = self._behind(slot, 1, submitted)
        if kept is None:
            progress.stands = "a report was submitted whose pages nobody has yet"
            return
        hashes = [keccak(page) for page in kept.pages]
        done = len(self.chain.settled_pages(slot))
        if done == len(hashes):
            return
        if progress.quorum_since_s is None:
            progress.quorum_since_s = now_s
        if now_s < progress.quorum_since_s + self.place.turn_after_s(slot):
            return
        call = self.chain.page_call(kept.report, kept.pages[done], hashes[done + 1 :])
        self._submit(f"page/{slot}/{done}", call, progress, now_s)

    def _behind(self, slot: SlotNumber, version: int, digest: bytes) -> KeptReport | None:
        """Return what is behind a submitted report: our own, or else, proven by its hash, a peer's."""
        kept = self.store.report(slot, version)
        if kept is not None and digest_of(kept.report, self.domain) == digest:
            return kept
        for peer in self.peers:
            try:
                signed, pages = peer.report(slot), peer.pages(slot, version)
            except PeerUnreachableError:
                continue
            if signed is None or digest_of(signed.report, self.domain) != digest:
                continue
            if running_hash([keccak(page) for page in pages]) == signed.report.data_hash:
                found = KeptReport(signed.report, tuple(pages), ())
                self.store.keep_report(found)
                return found
        return None

    # --- Corrections ---

    def _correct(self, slot: SlotNumber, now_s: int) -> None:
        """Correct a settled slot as soon as what was estimated has been measured, and mint what that found."""
        progress = self.progress[slot]
        if now_s > self.drafter.corrections_until_s(slot):
            self._correctable.discard(slot)
            return
        if progress.readings_seen == self.desk.stored:
            return
        seen = self.desk.stored
        facts = self.chain.settled(slot)
        if facts.version == 0:
            return  # the node answers from a block before the one that we saw the settlement in
        reports = self._settled_reports(slot, facts.version)
        if reports is None:
            progress.stands = "settled; what it was settled with is not here yet"
            return
        clearing = self.chain.clearing(slot)
        if facts.version > 1 and facts.delivered_wh > facts.minted_wh:
            self._take_turn(slot, f"mint/{slot}/{facts.version}", now_s, clearing.packed_positions)
            return
        settled = settled_accounts(reports)
        if not any(account.estimated for account in settled):
            self._correctable.discard(slot)
            return
        kept = self.drafter.correction(slot, facts.version + 1, settled)
        if kept is None:
            progress.readings_seen = seen  # until others come there is nothing better to say
            return
        submitted = self.chain.submitted_digest(slot, kept.report.version)
        if submitted == digest_of(kept.report, self.domain):
            self._settle_correction(kept, reports[0], now_s)
            return
        signatures = self._agree(slot, kept, now_s)
        if signatures is not None:
            call = self.chain.submit_call(kept.report, signatures)
            self._submit(f"correct/{slot}/{kept.report.version}", call, progress, now_s)

    def _settled_reports(self, slot: SlotNumber, version: int) -> list[KeptReport] | None:
        """Return the reports that a slot was settled and corrected with, if all of them are here."""
        reports = []
        for number in range(1, version + 1):
            digest = self.chain.submitted_digest(slot, 1) if number == 1 else None
            kept = self.store.report(slot, number) if digest is None else self._behind(slot, number, digest)
            if kept is None:
                return None
            reports.append(kept)
        return reports

    def _settle_correction(self, kept: KeptReport, first: KeptReport, now_s: int) -> None:
        slot = SlotNumber(kept.report.slot)
        progress = self.progress[slot]
        since_s = progress.quorum_since_s if progress.quorum_since_s is not None else now_s
        progress.quorum_since_s = since_s
        if now_s < since_s + self.place.turn_after_s(slot):
            return
        hashes = [keccak(page) for page in first.pages]
        proofs = [
            (running_hash(hashes[:number]), page, hashes[number + 1 :]) for number, page in enumerate(first.pages)
        ]
        call = self.chain.correction_call(kept.report, first.report, kept.pages[0], proofs)
        self._submit(f"settle-correction/{slot}/{kept.report.version}", call, progress, now_s)

    def _take_turn(self, slot: SlotNumber, intent: str, now_s: int, packed_positions: bytes) -> None:
        """Mint when it is our turn; nobody's signature is needed for it."""
        progress = self.progress[slot]
        if progress.quorum_since_s is None:
            progress.quorum_since_s = now_s
        if now_s >= progress.quorum_since_s + self.place.turn_after_s(slot):
            self._submit(intent, self.chain.mint_call(slot, packed_positions), progress, now_s)

    # --- Sending ---

    def _submit(self, intent: str, call: Call, progress: Progress, now_s: int) -> None:
        """Send a call; what the contract refuses concerns this slot only, so it is noted and not raised."""
        if self.outbox is None:
            progress.stands = "agreed; there is no key to send with"
            return
        sent = self.outbox.find(intent)
        if sent is not None and sent.succeeded is not False:
            progress.stands = "on its way"
            return
        try:
            self.outbox.submit(intent, call.to, call.data)
            progress.stands = "on its way"
            _log.info("sending", intent=intent)
        except TransactionRevertedError as error:
            # Another oracle may have been quicker, which the next step sees on the chain.
            progress.stands = str(error)
            progress.retry_at_s = now_s + int(self.place.takeover_s)
            _log.warning("the contract refuses", intent=intent, reason=str(error))
