"""The relay's counter: what it answers to those who come with seals and openings. One request, one durable answer."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from p2ptrade.chain.clearing_pages import PAGE_ORDERS, chunks_of
from p2ptrade.chain.packing import OpenedRecord, SealEntry, pack_book, ticket
from p2ptrade.chain.signatures import DigestSigner
from p2ptrade.chain.typed_data import Domain, ReceiptMessage, sign
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.sealed import KeptSeal, Seal, Terms
from p2ptrade.domain.slot import Windows
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.relay.book import make_book
from p2ptrade.relay.ports import ChainView, Progress, SealStore
from p2ptrade.relay.seals import take_in
from p2ptrade.transport.book_reading import opened_digest
from p2ptrade.transport.schemas.market import SlotState

SLOTS_AHEAD_MAX: Final = 192
SEALS_MAX: Final = 10_000
"""Ten pages are cleared with 130 million gas: some blocks of 30 million, in the minutes between gate and delivery."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """A kept seal with the relay's signature over the promise to commit it."""

    kept: KeptSeal
    signature: bytes


@dataclass(frozen=True, slots=True)
class PublicBook:
    """What anybody needs to compute a slot's certificate: sealed list, book so far, published grid data."""

    entries: tuple[bytes, ...]
    pages: tuple[bytes, ...]
    grid_data: bytes


class Desk:
    """Takes seals until the commitment is due, openings from the gate on."""

    def __init__(
        self,
        *,
        chain: ChainView,
        store: SealStore,
        key: DigestSigner,
        domain: Domain,
        windows: Windows,
        commit_lead_s: int,
        chunk_seals: int = PAGE_ORDERS,
        checkpoint: Checkpoint = pass_by,
    ) -> None:
        """Take seals of a slot until `commit_lead_s` seconds before its gate."""
        self._checkpoint = checkpoint
        self._one_at_a_time = threading.Lock()
        self._chain, self._store, self._key = chain, store, key
        self._domain, self._windows, self._commit_lead_s = domain, windows, commit_lead_s
        self._chunk_seals = chunk_seals

    def take_seals(self, slot: SlotNumber, seals: Sequence[Seal]) -> list[Receipt | str]:
        """Return for each seal its receipt, or the reason why it was refused; a receipt means that it is on the disk.

        Raises:
            RefusedError: it is too late, or too early, for seals of this slot.
        """
        now_s = self._chain.head().time_s
        self._require_time_to_seal(slot, now_s)
        accounts = self._chain.accounts(sorted({seal.account for seal in seals}))
        with self._one_at_a_time:  # two seals of one account must not both find that there is none yet
            kept = self._store.seals(slot)
            room = SEALS_MAX - len(kept)
            intake = take_in(seals, kept=kept, accounts=accounts, domain=self._domain, now_s=now_s, room=room)
            if intake.new:
                self._store.keep_seals(slot, intake.new)
                self._checkpoint("relay.seals-kept")
        return [
            intake.refused.get(position) or self._receipt(intake.receipted[seal.account])
            for position, seal in enumerate(seals)
        ]

    def require_openings(self, slot: SlotNumber) -> None:
        """Refuse an opening before the gate, before anything of it has been read, and when it comes too late.

        Raises:
            RefusedError: the slot takes no openings now.
        """
        now_s = self._chain.head().time_s
        gate_s = self._windows.gate(slot)
        if now_s < gate_s:
            raise RefusedError(f"slot {slot} takes openings from {gate_s} on; chain time is {now_s}: keep it sealed")
        if now_s >= self._windows.clearing_due(slot):
            raise RefusedError(f"the time to clear slot {slot} is over; nothing of it can be opened any more")

    def take_openings(self, slot: SlotNumber, openings: Sequence[tuple[AccountId, Terms]]) -> list[str | None]:
        """Return for each opening nothing if it was taken, or the reason why not.

        Raises:
            RefusedError: the slot takes no openings now.
        """
        self.require_openings(slot)
        seals = self._store.seals(slot)
        own = {arrival.account: arrival.seal.digest for arrival in self._chain.arrivals(slot)}
        taken: dict[bytes, Terms] = {}
        refusals: list[str | None] = []
        for account, terms in openings:
            digest = opened_digest(OpenedRecord(account, terms.side, terms.steps, terms.salt), slot, self._domain)
            expected = {own.get(account), seals[account].digest if account in seals else None} - {None}
            refusals.append(_why_not(account, digest, expected))
            if refusals[-1] is None:
                taken[digest] = terms
        if taken:
            self._store.keep_openings(slot, taken)
            self._checkpoint("relay.openings-kept")
        return refusals

    def book(self, slot: SlotNumber) -> PublicBook:
        """Return the book as far as it has been opened.

        Raises:
            RefusedError: the gate has not closed, or nothing was published for the slot.
        """
        now_s = self._chain.head().time_s
        gate_s = self._windows.gate(slot)
        if now_s < gate_s:
            raise RefusedError(f"the book of slot {slot} is sealed until {gate_s}; chain time is {now_s}")
        grid = self._chain.grid_data(slot)
        if grid is None:
            raise RefusedError(f"the grid operator published nothing for slot {slot}")
        seals = self._store.seals(slot)
        openings = self._store.openings(slot) | dict(self._chain.opened(slot))
        made = make_book(seals.values(), self._chain.arrivals(slot), openings)
        chunks = tuple(chunks_of(entries_of(seals), self._chunk_seals))
        return PublicBook(chunks, tuple(pack_book(made.records)), grid.pack())

    def state(self, slot: SlotNumber, progress: Progress) -> SlotState:
        """Return the public state of a slot; before the gate it says no more than how many have sealed."""
        now_s = self._chain.head().time_s
        cleared = progress.cleared or self._chain.cleared(slot)
        return SlotState(
            slot=slot,
            phase=self._windows.phase(slot, now_s),
            chain_time_s=now_s,
            seals=len(self._store.seals(slot)),
            root=self._chain.root(slot),
            openings=len(self._store.openings(slot)),
            rounds=progress.rounds,
            given_up=progress.given_up,
            prices_half_micro_per_kwh=() if cleared is None else cleared.prices,
            bought_wh=0 if cleared is None else cleared.bought_wh,
            clear_transaction=None if cleared is None else cleared.transaction_hash,
            stands="cleared" if cleared is not None else progress.stands,
        )

    def _require_time_to_seal(self, slot: SlotNumber, now_s: int) -> None:
        until_s = self._windows.gate(slot) - self._commit_lead_s
        if now_s >= until_s:
            raise RefusedError(f"slot {slot} took seals until {until_s}; chain time is {now_s}: choose a later slot")
        if now_s < until_s - SLOTS_AHEAD_MAX * 900:
            raise RefusedError(f"slot {slot} is more than {SLOTS_AHEAD_MAX} slots ahead: seal it later")

    def _receipt(self, kept: KeptSeal) -> Receipt:
        message = ReceiptMessage(kept.seal.slot, kept.seal.account, kept.digest, kept.received_at_s)
        return Receipt(kept, sign(message, self._domain, self._key))


def entries_of(seals: Mapping[AccountId, KeptSeal]) -> list[SealEntry]:
    """Return the list of relayed seals that the commitment is made of, rising by account."""
    return [
        SealEntry(account, ticket(seals[account].digest, seals[account].seal.signature)) for account in sorted(seals)
    ]


def _why_not(account: AccountId, digest: bytes, expected: set[bytes | None]) -> str | None:
    if not expected:
        return f"account {account} has sealed nothing in this slot"
    return None if digest in expected else f"this is not what account {account} has sealed"
