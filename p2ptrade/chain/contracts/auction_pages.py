"""Clearing in pages as the auction records it: what was judged, what was accepted, and the calls that go on with it."""

from dataclasses import dataclass
from typing import ClassVar

from p2ptrade.chain.clearing_pages import CallPlan, Clearing, Outcome, outcomes_of, pages_filled
from p2ptrade.chain.client import Block
from p2ptrade.chain.contracts.base import ContractWrapper
from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import ChainError


@dataclass(frozen=True, slots=True)
class AcceptedClearing:
    """An accepted clearing: how far it is filled, and what the next page came to."""

    clearing: Clearing
    pages: int
    filled: int
    state: bytes
    outcome: Outcome


class AuctionPages(ContractWrapper):
    """The part of the auction that clears books of several pages; its address is the auction's."""

    NAME: ClassVar[str] = "DoubleAuction"

    def busy_slot(self) -> SlotNumber | None:
        """Return the slot that is being cleared in pages, or was last and has not been finished."""
        slot = int(self.read("busySlot"))
        return SlotNumber(slot) if slot else None

    def judged_states(self, clearing: Clearing, *, first: Block) -> list[bytes]:
        """Return the states that judging a clearing has come to, in the order of the chain."""
        where = {"slot": clearing.slot, "clearing": clearing.hash}
        return [record.values["state"] for record in self.events("PageJudged", first=first, where=where)]

    def accepted(self, slot: SlotNumber, *, first: Block) -> AcceptedClearing | None:
        """Return the accepted clearing of a slot as long as pages of it wait to be filled."""
        where = {"slot": slot}
        records = self.events(("Accepted", "PageFilled", "Cleared"), first=first, where=where)
        if not records or records[-1].name == "Cleared":
            return None
        clearing, state = Clearing.of(records[0].values["clearing"]), records[-1].values["state"]
        outcomes, filled = outcomes_of(state), pages_filled(state)
        judged = self.events("PageJudged", first=first, where={"slot": slot, "clearing": clearing.hash})
        found = {outcome.hash: outcome for outcome in (Outcome(*record.values["outcome"]) for record in judged)}
        if outcomes[filled] not in found:
            raise ChainError(f"the node has lost what page {filled + 1} of slot {slot} came to: ask another node")
        return AcceptedClearing(clearing, len(outcomes), filled, state, found[outcomes[filled]])

    def judge_data(self, clearing: Clearing, call: CallPlan, state: bytes) -> bytes:
        """Return the call that judges a page; `state` is empty for the first one."""
        return self.call_data("judgePage", clearing.struct(), call.struct(), state)

    def fill_data(self, accepted: AcceptedClearing) -> bytes:
        """Return the call that fills the next page of an accepted clearing."""
        outcome = (accepted.outcome.trades, accepted.outcome.voids)
        return self.call_data("fillPage", accepted.clearing.struct(), outcome, accepted.state)
