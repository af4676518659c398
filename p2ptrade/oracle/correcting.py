"""Correcting settled slots: what was estimated and has been measured since, and what was contested with good reason.

What a slot was settled with and every correction after that are read from the chain, never remembered: an oracle that
lost its disk makes the same next correction as the others.
"""

from dataclasses import dataclass

from eth_hash.auto import keccak

from p2ptrade.chain.settlement_page import running_hash
from p2ptrade.domain.report import KeptReport
from p2ptrade.domain.units import SlotNumber
from p2ptrade.oracle.agreement import Agreement, Progress
from p2ptrade.oracle.draft import Drafter
from p2ptrade.oracle.facts import SettledSlot
from p2ptrade.oracle.ports import ChainView, Store
from p2ptrade.oracle.quorum import digest_of
from p2ptrade.oracle.report import settled_accounts


@dataclass
class Correcting:
    """Brings corrections of settled slots on the chain, and mints what they found delivered."""

    chain: ChainView
    store: Store
    drafter: Drafter
    agreement: Agreement

    def correct(self, slot: SlotNumber, progress: Progress, now_s: int) -> bool:
        """Correct a settled slot as far as that is possible now; return whether nothing can come any more."""
        if now_s > self.drafter.corrections_until_s(slot):
            return True
        seen = self.drafter.seen(slot)
        if progress.seen == seen:
            return False
        facts = self.chain.settled(slot)
        if facts.version == 0:
            return False  # the node answers from a block before the one that we saw the settlement in
        standing = self._standing(slot, facts.version)
        if standing is None:
            progress.stands = "settled; the node does not have what it was settled with yet"
            return False
        if facts.version > 1 and facts.delivered_wh > facts.minted_wh:
            self._mint(slot, facts.version, progress, now_s)
            return False
        kept = self.drafter.correction(slot, standing)
        if kept is None:
            if self.drafter.contests.is_open(slot):
                progress.retry_at_s = now_s + int(self.agreement.place.takeover_s)  # ask for what it needs again
            else:
                progress.seen = seen  # until others come there is nothing better to say
            return not self.drafter.may_change(slot, settled_accounts(standing))
        self._bring(slot, kept, standing, progress, now_s)
        return False

    def _bring(self, slot: SlotNumber, kept: KeptReport, standing: SettledSlot, progress: Progress, now_s: int) -> None:
        """Submit a correcting report with a quorum's signatures; settle it once it is the submitted one."""
        digest = digest_of(kept.report, self.agreement.domain)
        name = f"{slot}/{kept.report.version}/{digest[:4].hex()}"
        submitted = self.chain.submitted_digest(slot, kept.report.version)
        if submitted is not None and digest.startswith(submitted):
            if self.agreement.is_our_turn(slot, progress, now_s):
                call = self.chain.correction_call(kept.report, standing.first, kept.pages[0], _proofs(standing))
                self.agreement.submit(f"settle-correction/{name}", call, progress, now_s)
            return
        signatures = self.agreement.agree(slot, kept, progress, now_s)
        if signatures is not None:
            call = self.chain.submit_call(kept.report, signatures)
            self.agreement.submit(f"correct/{name}", call, progress, now_s)

    def _mint(self, slot: SlotNumber, version: int, progress: Progress, now_s: int) -> None:
        """Mint when it is our turn; nobody's signature is needed for it."""
        if self.agreement.is_our_turn(slot, progress, now_s):
            call = self.chain.mint_call(slot, self.chain.clearing(slot).packed_positions)
            self.agreement.submit(f"mint/{slot}/{version}", call, progress, now_s)

    def _standing(self, slot: SlotNumber, version: int) -> SettledSlot | None:
        """Return what a slot was settled and corrected with; our own copy only where the chain's digest proves it."""
        kept = self.store.report(slot, 1) if version == 1 else None
        submitted = self.chain.submitted_digest(slot, 1)
        if kept is not None and submitted and digest_of(kept.report, self.agreement.domain).startswith(submitted):
            return SettledSlot(kept.report, kept.pages, ())
        found = self.chain.settled_with(slot)
        return found if found is not None and found.version == version else None


def _proofs(standing: SettledSlot) -> list[tuple[bytes, bytes, list[bytes]]]:
    """Return each page of the first report with what proves it: the running hash before, the hashes after it."""
    hashes = [keccak(page) for page in standing.pages]
    return [(running_hash(hashes[:number]), page, hashes[number + 1 :]) for number, page in enumerate(standing.pages)]
