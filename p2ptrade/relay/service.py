"""The relay's cycle: commit to what was sealed, then clear what was opened. The chain and the store are its memory.

Every step reads where a slot stands and does the next thing; a relay that was killed anywhere goes on there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.chain.clearing_pages import PAGE_ORDERS, CallPlan, Clearing, chunks_of, plan_calls
from p2ptrade.chain.contracts.auction_pages import AcceptedClearing
from p2ptrade.chain.packing import running_hash
from p2ptrade.chain.typed_data import Domain
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.participant import CoverRules
from p2ptrade.domain.sealed import KeptSeal
from p2ptrade.domain.slot import Windows, slot_at
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import InputError, RefusedError, TransactionRevertedError
from p2ptrade.relay.book import MadeBook, make_book
from p2ptrade.relay.desk import entries_of
from p2ptrade.relay.metrics import RelayMetrics
from p2ptrade.relay.ports import (
    Call,
    ChainView,
    GridOperator,
    Head,
    Outbox,
    Paging,
    Progress,
    SealStore,
    Submittable,
    Turn,
)
from p2ptrade.relay.rounds import NotApproved, find_approved
from p2ptrade.transport.book_reading import BookContext

CLEAR_ATTEMPTS_MAX: Final = 5

_log = structlog.get_logger(__name__)


@dataclass
class Relay:
    """The daemon's state and its step."""

    chain: ChainView
    store: SealStore
    outbox: Outbox
    operator: GridOperator
    domain: Domain
    windows: Windows
    commit_lead_s: int
    chunk_seals: int = PAGE_ORDERS
    metrics: RelayMetrics = field(default_factory=RelayMetrics)
    checkpoint: Checkpoint = pass_by
    progress: dict[SlotNumber, Progress] = field(default_factory=dict)
    _rules: CoverRules | None = None
    _seen: Head | None = None
    _challenges_from: int = 0
    _openings_came: bool = False

    def step(self) -> None:
        """Bring every slot that is near its gate or past it as far as it can get now.

        Raises:
            ChainUnreachableError, PeerUnreachableError: somebody does not answer; the next step goes on.
        """
        moved = self.outbox.advance()
        head = self.chain.head()
        if head == self._seen and not moved and not self._openings_came:
            return  # nothing that a slot waits for can have happened
        self._seen, self._openings_came = None, False
        self.metrics.head_block.set(head.number)
        turn = self.chain.turn()
        if turn is not None and turn.accepted is not None:
            self._fill(turn.accepted)
        for slot in self._slots_at_work(head.time_s):
            progress = self.progress.setdefault(slot, Progress())
            if head.time_s < self.windows.gate(slot):
                self._commit(slot, progress)
            elif progress.cleared is None and not progress.given_up:
                self._clear(slot, progress, head.time_s, turn)
        self._answer_challenges(head)
        self._forget_before(slot_at(head.time_s))
        in_pages = turn is not None or any(progress.paging is not None for progress in self.progress.values())
        self._seen = None if in_pages else head

    def openings_came(self) -> None:
        """Let the next step look at all slots, because somebody has opened an order."""
        self._openings_came = True

    def stands(self, slot: SlotNumber) -> Progress:
        """Return what is known of a slot in this process."""
        return self.progress.get(slot, Progress())

    def _slots_at_work(self, now_s: int) -> list[SlotNumber]:
        """Return the slots whose commitment is due or whose clearing is not over, the most urgent first."""
        first = slot_at(now_s + self.windows.clear_lead_s) + 1
        last = slot_at(now_s + self.windows.gate_lead_s + self.commit_lead_s)
        return [SlotNumber(slot) for slot in range(first, last + 1)]

    def _commit(self, slot: SlotNumber, progress: Progress) -> None:
        sent = self.outbox.find(f"commit/{slot}")
        if sent is not None and sent.succeeded is not False:
            progress.stands = "committed" if sent.succeeded else "the commitment is on its way"
            return
        seals = self.store.close(slot)
        self.checkpoint("relay.closed")
        if not seals:
            progress.stands = "nothing was sealed with the relay"
        elif self.chain.root(slot) is None:
            root = running_hash(self._chunks(seals))
            call = self.chain.commit_call(slot, root, len(seals))
            if self._submit(f"commit/{slot}", call, slot, progress):
                progress.stands = "the commitment is on its way"
                self.metrics.committed.inc()
                _log.info("committing", slot=slot, seals=len(seals))

    def _clear(self, slot: SlotNumber, progress: Progress, now_s: int, turn: Turn | None) -> None:
        progress.cleared = self.chain.cleared(slot)
        if progress.cleared is not None:
            progress.stands = "cleared"
            self.metrics.cleared.inc()
            return
        sent = self.outbox.find(f"clear/{slot}")
        if sent is not None and sent.succeeded is not False:
            progress.stands = "the clearing is on its way"
            return
        if turn is not None and (turn.slot != slot or turn.accepted is not None):
            progress.stands = f"slot {turn.slot} is being cleared in pages"
            return
        if progress.paging is not None:
            self._judge(slot, progress, progress.paging)
            return
        arrivals = self.chain.arrivals(slot)
        openings = self.store.openings(slot) | dict(self.chain.opened(slot))
        made = make_book(self._committed(slot).values(), arrivals, openings)
        if not made.records:
            progress.stands = "nothing was sealed"
        elif made.unopened and now_s < self.windows.openings_due(slot):
            progress.stands = f"{len(made.unopened)} orders are not opened yet"
        else:
            self._try_to_clear(slot, progress, made)

    def _committed(self, slot: SlotNumber) -> Mapping[AccountId, KeptSeal]:
        """Return the seals that the commitment on the chain holds; none if it is not there or not ours."""
        seals = self.store.seals(slot)
        root = self.chain.root(slot)
        if not seals or root is None:
            return {}
        if root != running_hash(self._chunks(seals)):
            _log.error("the commitment on the chain is not of the seals in the store", slot=slot)
            return {}
        return seals

    def _try_to_clear(self, slot: SlotNumber, progress: Progress, made: MadeBook) -> None:
        published = self.chain.grid_data(slot)
        if published is None:
            self._give_up(slot, progress, "the grid operator published no limits")
            return
        calls = self._planned(slot, made)
        pages = tuple(call.book for call in calls if call.book)
        accounts = self.chain.accounts(sorted({record.account for record in made.records}))
        context = BookContext(slot, self.domain, accounts, self._cover_rules(), published)
        try:
            result = find_approved(pages, context, self.operator.verdict)
        except (InputError, RefusedError) as error:
            # What the operator cannot take of one slot must not end the relay.
            self._give_up(slot, progress, f"the grid operator does not take the request: {error}")
            return
        progress.rounds = result.rounds
        self.metrics.rounds.inc(result.rounds)
        if isinstance(result, NotApproved):
            self._give_up(slot, progress, "; ".join([result.why, *(reason.text for reason in result.reasons)]))
            return
        self.checkpoint("relay.approved")
        progress.attempts += 1
        progress.given_up = progress.attempts >= CLEAR_ATTEMPTS_MAX
        if len(calls) > 1:
            progress.paging = Paging(_clearing(slot, running_hash(pages), result, published), calls)
            self._judge(slot, progress, progress.paging)
            return
        call = self.chain.clear_call(slot, pages[0], made.strangers, result, published)
        if self._submit(f"clear/{slot}", call, slot, progress):
            progress.stands = "the clearing is on its way"
            _log.info("clearing", slot=slot, records=len(made.records), rounds=result.rounds)

    def _planned(self, slot: SlotNumber, made: MadeBook) -> tuple[CallPlan, ...]:
        """Return the calls that the book takes: one if it is short, and then `clear` does it in one."""
        tickets = {entry.account: entry.digest for entry in entries_of(self._committed(slot))}
        return plan_calls(made.records, tickets, made.arrivals, chunk_seals=self.chunk_seals)

    def _judge(self, slot: SlotNumber, progress: Progress, paging: Paging) -> None:
        """Judge the next page of a book; if the contract refuses it, begin anew with what holds then."""
        number, state = paging.next_call(self.chain.judged_states(paging.clearing))
        if number == len(paging.calls):
            progress.stands = "all pages are judged"
            return
        intent = f"judge/{slot}/{progress.attempts}/{paging.clearing.hash.hex()[:16]}/{number}"
        progress.stands = f"page {number + 1} of {len(paging.calls)} is being judged"
        sent = self.outbox.find(intent)
        if sent is not None and sent.succeeded is not False:
            return
        call = self.chain.judge_call(paging.clearing, paging.calls[number], state)
        if sent is not None or not self._submit(intent, call, slot, progress):
            progress.paging = None
            return
        _log.info("judging", slot=slot, page=number + 1, pages=len(paging.calls))

    def _fill(self, accepted: AcceptedClearing) -> None:
        """Fill the next page of an accepted clearing, whoever judged it."""
        slot = accepted.clearing.slot
        progress = self.progress.setdefault(slot, Progress())
        progress.stands = f"page {accepted.filled + 1} of {accepted.pages} is being filled"
        intent = f"fill/{slot}/{accepted.filled}"
        sent = self.outbox.find(intent)
        if sent is None or sent.succeeded is False:
            self._submit(intent, self.chain.fill_call(accepted), slot, progress)
            _log.info("filling", slot=slot, page=accepted.filled + 1, pages=accepted.pages)

    def _give_up(self, slot: SlotNumber, progress: Progress, why: str) -> None:
        """Let a slot lapse, because trying again would end the same way."""
        progress.stands = f"{why}; the slot will lapse"[:2000]
        progress.given_up = True
        _log.warning("given up", slot=slot, reason=progress.stands)

    def _answer_challenges(self, head: Head) -> None:
        """Show every claimed seal that is in a commitment of ours; a claim that is right cannot be answered."""
        for challenge in self.chain.challenges(self._challenges_from):
            seals = self.store.seals(challenge.slot)
            kept = seals.get(challenge.account)
            if kept is None or kept.digest != challenge.digest:
                _log.error("a claim that cannot be answered", slot=challenge.slot, account=challenge.account)
                continue
            call = self.chain.answer_call(challenge, kept.seal.signature, self._chunks(seals))
            intent = f"answer/{challenge.slot}/{challenge.account}"
            if self.outbox.find(intent) is None:
                self._submit(intent, call, challenge.slot, self.progress.setdefault(challenge.slot, Progress()))
        self._challenges_from = head.number

    def _chunks(self, seals: Mapping[AccountId, KeptSeal]) -> list[bytes]:
        """Return the chunks of entries that the commitment runs over."""
        return chunks_of(entries_of(seals), self.chunk_seals)

    def _cover_rules(self) -> CoverRules:
        if self._rules is None:
            self._rules = self.chain.cover_rules()
        return self._rules

    def _submit(self, intent: str, call: Call, slot: SlotNumber, progress: Progress) -> bool:
        """Send a call; what the contract refuses concerns this slot only, so it is noted and not raised."""
        try:
            self.outbox.submit(intent, call.to, call.data)
        except TransactionRevertedError as error:
            progress.stands = str(error)
            _log.error("the contract refuses", slot=slot, intent=intent, reason=str(error))
            return False
        return True

    def _forget_before(self, slot: SlotNumber) -> None:
        for old in [known for known in self.progress if known < slot - 8]:
            del self.progress[old]


def _clearing(slot: SlotNumber, book_hash: bytes, result: Submittable, published: GridData) -> Clearing:
    """Return what all pages of a clearing have in common."""
    return Clearing(
        slot=slot,
        book_hash=book_hash,
        prices=result.prices,
        grid_data=result.grid.pack(),
        published=b"" if result.grid == published else published.pack(),
        envelope_root=result.verdict.envelope_root,
        verdict=result.verdict.signature,
    )
