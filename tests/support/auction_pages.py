"""Clearing a slot of `tests.support.auction` in pages, call by call, for contract tests.

paged = PagedClearing.of(slot, page_records=3)
paged.run()                    # or paged.judge(0), ..., paged.fill(0), ...
assert paged.positions == slot.expected().positions
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from eth_hash.auto import keccak

from p2ptrade.chain.clearing_pages import ArrivedSeal, CallPlan, Clearing, Outcome, chunks_of, plan_calls
from p2ptrade.chain.packing import OwnSeal, SealEntry, running_hash, unpack_positions, unpack_voids
from p2ptrade.chain.typed_data import VerdictMessage, prices_hash, sign
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.order import VoidReason
from p2ptrade.domain.position import Position
from p2ptrade.domain.units import AccountId
from tests.support.auction import Slot
from tests.support.chain import Contract, Receipt


def entries_of(slot: Slot) -> list[SealEntry]:
    """Return the relay's entries of a slot."""
    return [SealEntry(AccountId(account), slot.ticket(account)) for account in sorted(slot.relayed)]


def arrived(slot: Slot) -> list[ArrivedSeal]:
    """Return the own seals of a slot in their order of arrival; a trader without an account is a stranger."""
    domain = slot.market.domain
    return [
        ArrivedSeal(OwnSeal(trader.key.address, order.digest(domain)), trader.account == 0)
        for trader, order in slot.own
    ]


def commit_in_chunks(slot: Slot, chunk_seals: int) -> Receipt:
    """Let the relay commit to chunks of entries."""
    root = running_hash(chunks_of(entries_of(slot), chunk_seals))
    return slot.auction.send("commit", slot.number, root, len(slot.relayed), sender=slot.market.relay.address)


def close_in_chunks(slot: Slot, chunk_seals: int) -> None:
    """Commit what was relayed in chunks and close the gate; wait out the openings if one is withheld."""
    if slot.relayed:
        commit_in_chunks(slot, chunk_seals)
    slot.market.chain.warp_to(slot.open_until_s if slot.unopened else slot.gate_s)


@dataclass
class PagedClearing:
    """A clearing of a slot in pages, and what its events have said so far."""

    slot: Slot
    calls: tuple[CallPlan, ...]
    clearing: Clearing
    states: list[bytes] = field(default_factory=lambda: [b""])
    outcomes: list[Outcome] = field(default_factory=list)
    fill_states: list[bytes] = field(default_factory=list)
    receipts: list[Receipt] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    cleared: Mapping[str, Any] | None = None
    _positions: bytes = b""
    _voids: bytes = b""

    @classmethod
    def of(cls, slot: Slot, *, grid: GridData | None = None, **sizes: int) -> PagedClearing:
        """Plan the clearing of a slot with the prices that Python finds, signed by the DSO."""
        tickets = {AccountId(account): slot.ticket(account) for account in slot.relayed}
        calls = plan_calls(slot.records(), tickets, arrived(slot), **sizes)
        prices = slot.expected(grid=grid).prices
        kept = grid or slot.grid
        published = b"" if grid is None else slot.grid.pack()
        clearing = Clearing(slot.number, calls[-1].after.book_hash, prices, kept.pack(), published, bytes(32), b"")
        return cls(slot, calls, signed(slot, clearing))

    @property
    def auction(self) -> Contract:
        return self.slot.auction

    @property
    def positions(self) -> tuple[Position, ...]:
        return tuple(unpack_positions(self._positions))

    @property
    def voids(self) -> tuple[tuple[AccountId, VoidReason], ...]:
        return tuple(unpack_voids(self._voids))

    @property
    def gas_used(self) -> int:
        return sum(receipt.gas_used for receipt in self.receipts)

    def judge(self, call: int | None = None, *, state: bytes | None = None, **changes: Any) -> Receipt:
        """Send a call of the plan, the next one unless told, from the state before it unless told."""
        number = len(self.states) - 1 if call is None else call
        plan = replace(self.calls[number], **changes)
        before = self.states[number] if state is None else state
        receipt = self._send("judgePage", self.clearing.struct(), plan.struct(), before)
        event = receipt.event(self.auction, "PageJudged")
        self.states.append(event["state"])
        if plan.book:
            self.outcomes.append(Outcome(*event["outcome"]))
        for accepted in receipt.events(self.auction, "Accepted"):
            self.fill_states.append(accepted["state"])
        return receipt

    def judge_all(self) -> None:
        """Send what is left of the plan."""
        while len(self.states) <= len(self.calls):
            self.judge()

    def fill(self, page: int | None = None, *, state: bytes | None = None, outcome: Outcome | None = None) -> Receipt:
        """Fill a page, the next one unless told."""
        number = len(self.fill_states) - 1 if page is None else page
        before = self.fill_states[number] if state is None else state
        chosen = self.outcomes[number] if outcome is None else outcome
        receipt = self._send("fillPage", self.clearing.struct(), (chosen.trades, chosen.voids), before)
        for event in receipt.events(self.auction, "PageFilled") + receipt.events(self.auction, "Cleared"):
            self._positions += event["positions"]
            self._voids += event["voids"]
            if "state" in event:
                self.fill_states.append(event["state"])
            else:
                self.cleared = event
        return receipt

    def fill_all(self) -> None:
        """Fill what is left."""
        while self.cleared is None:
            self.fill()

    def run(self) -> None:
        """Clear the slot."""
        self.judge_all()
        self.fill_all()

    def _send(self, function: str, *arguments: Any) -> Receipt:
        receipt = self.auction.send(function, *arguments, sender=self.slot.market.chain.address("anybody"))
        self.receipts.append(receipt)
        self.sizes.append(len(self.auction.data(function, *arguments)))
        return receipt


def signed(slot: Slot, clearing: Clearing) -> Clearing:
    """Return a clearing with the DSO's verdict."""
    message = VerdictMessage(
        clearing.slot,
        clearing.book_hash,
        prices_hash(clearing.prices),
        keccak(clearing.grid_data),
        clearing.envelope_root,
    )
    return replace(clearing, verdict=sign(message, slot.market.domain, slot.market.dso))
