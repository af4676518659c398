"""The first report of a slot: drafted, agreed on, submitted, and settled page by page."""

from collections.abc import Sequence
from dataclasses import dataclass

from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import running_hash
from p2ptrade.domain.report import KeptReport
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import PeerUnreachableError
from p2ptrade.oracle.agreement import Agreement, Progress
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.ports import ChainView, Peer, Store
from p2ptrade.oracle.quorum import digest_of


@dataclass
class Settling:
    """Brings slots that are over to their settlement."""

    chain: ChainView
    store: Store
    drafter: Drafter
    peers: Sequence[Peer]
    agreement: Agreement

    def settle(self, slot: SlotNumber, progress: Progress, now_s: int) -> None:
        """Bring an unsettled slot as far as it can get now."""
        submitted = self.chain.submitted_digest(slot, 1)
        if submitted is not None:
            self._settle_pages(slot, submitted, progress, now_s)
            return
        kept = self.drafter.first_report(slot, now_s)
        if kept is None:
            progress.stands = "waiting for readings"
            return
        signatures = self.agreement.agree(slot, kept, progress, now_s)
        if signatures is not None:
            call = self.chain.settle_call(kept.report, signatures, kept.pages)
            self.agreement.submit(f"settle/{slot}", call, progress, now_s)
        elif progress.dissent and now_s >= progress.compare_at_s:
            self.drafter.ask_peers(slot)
            progress.compare_at_s = now_s + int(self.agreement.place.takeover_s)

    def _settle_pages(self, slot: SlotNumber, submitted: bytes, progress: Progress, now_s: int) -> None:
        """Send the next page of a report of several pages that was submitted."""
        kept = self._behind(slot, submitted)
        if kept is None:
            progress.stands = "a report was submitted whose pages nobody has yet"
            return
        hashes = [keccak(page) for page in kept.pages]
        done = len(self.chain.settled_pages(slot))
        if done == len(hashes) or not self.agreement.is_our_turn(slot, progress, now_s):
            return
        call = self.chain.page_call(kept.report, kept.pages[done], hashes[done + 1 :])
        self.agreement.submit(f"page/{slot}/{done}", call, progress, now_s)

    def _behind(self, slot: SlotNumber, digest: bytes) -> KeptReport | None:
        """Return what is behind the submitted first report: our own, or else, proven by its hash, a peer's."""
        kept, domain = self.store.report(slot, 1), self.agreement.domain
        if kept is not None and digest_of(kept.report, domain).startswith(digest):
            return kept
        for peer in self.peers:
            try:
                signed, pages = peer.report(slot), peer.pages(slot, 1)
            except PeerUnreachableError:
                continue
            if signed is None or not digest_of(signed.report, domain).startswith(digest):
                continue
            if running_hash([keccak(page) for page in pages]) == signed.report.data_hash:
                found = KeptReport(signed.report, tuple(pages), ())
                self.store.keep_report(found)
                return found
        return None
