"""The relay's view of the chain: the auction, the ledger and the grid limits of one market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from p2ptrade.chain.clearing_pages import CallPlan, Clearing
from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.contracts.auction_pages import AcceptedClearing, AuctionPages
from p2ptrade.chain.contracts.double_auction import DoubleAuction, SlotPhase, Submission
from p2ptrade.chain.contracts.grid_limits import GridLimits
from p2ptrade.chain.contracts.ledger import Ledger
from p2ptrade.chain.contracts.relay_stake import RelayStake
from p2ptrade.chain.packing import SIGNATURE_BYTES, OpenedRecord, unpack_book
from p2ptrade.domain.grid_data import GridData
from p2ptrade.domain.participant import AccountState, CoverRules
from p2ptrade.domain.sealed import Terms
from p2ptrade.domain.units import AccountId, SlotNumber
from p2ptrade.errors import InputError
from p2ptrade.relay.ports import Arrival, Call, Challenge, Cleared, Head, Submittable, Turn


@dataclass(frozen=True)
class AuctionView:
    """Reads what the relay needs; `first_block` is the one in which the contracts were deployed, or one before it."""

    client: ChainClient
    auction: DoubleAuction
    ledger: Ledger
    limits: GridLimits
    stake: RelayStake
    first_block: int = 0

    def head(self) -> Head:
        """Return the newest block."""
        head = self.client.head()
        return Head(head.number, head.time_s)

    def accounts(self, accounts: Sequence[AccountId]) -> Mapping[AccountId, AccountState]:
        """Return the ledger accounts that exist among those asked for."""
        return self.ledger.accounts(accounts)

    def cover_rules(self) -> CoverRules:
        """Return what an order must be covered with."""
        return self.auction.cover_rules()

    def root(self, slot: SlotNumber) -> bytes | None:
        """Return the relay's commitment of a slot."""
        return self.auction.root(slot, first=self.first_block)

    def arrivals(self, slot: SlotNumber) -> tuple[Arrival, ...]:
        """Return the seals made by own transactions, in their order of arrival."""
        seals = self.auction.own_seals(slot, first=self.first_block)
        accounts = self.ledger.accounts_of({seal.owner for seal in seals})
        return tuple(Arrival(seal, accounts.get(seal.owner)) for seal in seals)

    def opened(self, slot: SlotNumber) -> Mapping[bytes, Terms]:
        """Return the orders that their owners opened on the chain, by digest."""
        records = self.auction.opened(slot, first=self.first_block)
        return {digest: _terms(record) for digest, record in records.items()}

    def grid_data(self, slot: SlotNumber) -> GridData | None:
        """Return what the grid operator published for a slot."""
        return self.limits.published(slot, first=self.first_block)

    def cleared(self, slot: SlotNumber) -> Cleared | None:
        """Return the clearing of a slot, if it was cleared."""
        cleared = self.auction.cleared(slot, first=self.first_block)
        if cleared is None:
            return None
        return Cleared(cleared.prices, cleared.result.bought_wh, cleared.transaction_hash)

    def commit_call(self, slot: SlotNumber, root: bytes, count: int) -> Call:
        """Return the call that commits to the relayed seals of a slot."""
        return Call(self.auction.address, self.auction.call_data("commit", slot, root, count))

    def challenges(self, first_block: int) -> tuple[Challenge, ...]:
        """Return the claims that were made since a block, answered or not."""
        where = {"auction": self.auction.address}
        records = self.stake.events("Challenged", first=max(first_block, self.first_block), where=where)
        return tuple(
            Challenge(SlotNumber(each.values["slot"]), AccountId(each.values["account"]), each.values["digest"])
            for each in records
        )

    def turn(self) -> Turn | None:
        """Return the slot that is being cleared in pages, if nothing else can be cleared before."""
        slot = self._pages.busy_slot()
        if slot is None:
            return None
        accepted = self.accepted(slot)
        if accepted is None and self.auction.phase(slot) not in (SlotPhase.OPENING, SlotPhase.CLEARING):
            return None
        return Turn(slot, accepted)

    def accepted(self, slot: SlotNumber) -> AcceptedClearing | None:
        """Return the accepted clearing of a slot as long as pages of it wait to be filled."""
        return self._pages.accepted(slot, first=self.first_block)

    def judged_states(self, clearing: Clearing) -> Sequence[bytes]:
        """Return the states that judging a clearing in pages has come to, in their order."""
        return self._pages.judged_states(clearing, first=self.first_block)

    def judge_call(self, clearing: Clearing, call: CallPlan, state: bytes) -> Call:
        """Return the call that judges a page."""
        return Call(self.auction.address, self._pages.judge_data(clearing, call, state))

    def fill_call(self, accepted: AcceptedClearing) -> Call:
        """Return the call that fills the next page of an accepted clearing."""
        return Call(self.auction.address, self._pages.fill_data(accepted))

    @property
    def _pages(self) -> AuctionPages:
        return AuctionPages(self.client, self.auction.address)

    def answer_call(self, challenge: Challenge, signature: bytes, entries: Sequence[bytes]) -> Call:
        """Return the call that shows a claimed seal in the commitment made of `entries`."""
        claim = (self.auction.address, challenge.slot, challenge.account, challenge.digest)
        result = self.auction.result(challenge.slot, first=self.first_block).struct()
        return Call(self.stake.address, self.stake.call_data("answer", *claim, signature, list(entries), result))

    def clear_call(
        self, slot: SlotNumber, book: bytes, strangers: bytes, result: Submittable, published: GridData
    ) -> Call:
        """Return the call that clears a slot whose book is one page."""
        submission = Submission(
            slot=slot,
            book=book,
            prices=result.prices,
            grid_data=result.grid.pack(),
            published=b"" if result.grid == published else published.pack(),
            envelope_root=result.verdict.envelope_root,
            verdict=result.verdict.signature,
            strangers=strangers,
        )
        return Call(self.auction.address, self.auction.clear_data(submission))


def _terms(record: bytes) -> Terms:
    """Return the terms in a record as `Opened` has it: without a signature, whoever brought the seal."""
    (opened,) = unpack_book(record + bytes(SIGNATURE_BYTES))
    if not isinstance(opened, OpenedRecord):
        raise InputError("an opening on the chain is of a kind that opens nothing")
    return Terms(opened.side, opened.steps, opened.salt)
