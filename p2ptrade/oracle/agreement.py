"""Agreeing on a report and sending what follows from it: what first reports and corrections share.

An oracle signs its own report, collects the signatures of those who see the same, and sends when it is its turn.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, ReportMessage, sign
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.report import KeptReport
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import PeerUnreachableError, TransactionRevertedError
from p2ptrade.oracle.facts import Call, SignedReport
from p2ptrade.oracle.metrics import OracleMetrics
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.ports import ChainView, Outbox, Peer, Store
from p2ptrade.oracle.quorum import count_signatures, first_signatures

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Progress:
    """What is known of a slot in this process; all of it can be found again."""

    own: SignedReport | None = None
    quorum_since_s: int | None = None
    seen: tuple[int, ...] = ()
    retry_at_s: int = 0
    compare_at_s: int = 0
    dissent: bool = False
    stands: str = ""


@dataclass
class Agreement:
    """Signs, collects signatures and sends, for one market. Without a key it does neither."""

    chain: ChainView
    store: Store
    peers: Sequence[Peer]
    domain: Domain
    place: Place
    outbox: Outbox | None = None
    signer: DigestSigner | None = None
    metrics: OracleMetrics = field(default_factory=OracleMetrics)
    checkpoint: Checkpoint = pass_by

    def agree(self, slot: SlotNumber, kept: KeptReport, progress: Progress, now_s: int) -> tuple[bytes, ...] | None:
        """Sign a report, collect the others' signatures, and return a quorum of them when it is our turn to send."""
        own = self._sign(progress, kept)
        if own is None:
            progress.stands = "computed; there is no key to sign with"
            return None
        count = count_signatures(kept.report, own, self._reports(slot), self.domain, self.chain.is_oracle)
        for name in count.dissenters:
            self.metrics.disagreed.labels(name).inc()
        progress.dissent = bool(count.dissenters)
        needed = self.chain.quorum(slot)
        signatures = first_signatures(count.signatures, needed)
        if signatures is None:
            progress.stands = f"{len(count.signatures)} of {needed} signatures"
            progress.quorum_since_s = None
            return None
        if not self.is_our_turn(slot, progress, now_s):
            progress.stands = "agreed; another oracle's turn"
            return None
        self.checkpoint("oracle.agreed")
        return signatures

    def is_our_turn(self, slot: SlotNumber, progress: Progress, now_s: int) -> bool:
        """Return whether we may send for a slot now; the turns count from the first time that this is asked."""
        if progress.quorum_since_s is None:
            progress.quorum_since_s = now_s
        return now_s >= progress.quorum_since_s + self.place.turn_after_s(slot)

    def signature(self, kept: KeptReport) -> SignedReport | None:
        """Return our signature over a report, or nothing without a key."""
        if self.signer is None:
            return None
        message = ReportMessage.of(kept.report)
        return SignedReport(kept.report, self.signer.address, sign(message, self.domain, self.signer))

    def submit(self, intent: str, call: Call, progress: Progress, now_s: int) -> None:
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

    def _sign(self, progress: Progress, kept: KeptReport) -> SignedReport | None:
        """Return our signature over a report, after keeping what is behind it."""
        if progress.own is not None and progress.own.report == kept.report:
            return progress.own
        self.store.keep_report(kept)
        self.checkpoint("oracle.drafted")
        own = self.signature(kept)
        if own is None:
            return None
        progress.own = own
        progress.quorum_since_s = None
        self.metrics.signed.inc()
        _log.info("report signed", slot=kept.report.slot, version=kept.report.version, accounts=kept.report.accounts)
        return own

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
