"""Posting the reputation counts of each day, with a quorum of the oracles' signatures.

The counts follow from the chain alone, so all oracles find the same. A day is posted when all of its slots are settled
or stale; days follow each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from eth_hash.auto import keccak

from p2ptrade.chain.day_facts import counts_on_chain, day_slots
from p2ptrade.chain.deployed import Market
from p2ptrade.chain.signatures import DigestSigner, recover
from p2ptrade.chain.typed_data import DayCountsMessage, Domain, sign
from p2ptrade.errors import PeerUnreachableError, TransactionRevertedError
from p2ptrade.oracle.chain_view import MarketView
from p2ptrade.oracle.facts import SignedDay
from p2ptrade.oracle.place import Place
from p2ptrade.oracle.ports import Outbox

SLOTS_PER_DAY: Final = 96
_SECONDS_PER_DAY: Final = 86_400
# The states in which a slot has come to its end.
_ENDED: Final = ("SETTLED", "STALE")

_log = structlog.get_logger(__name__)


class DayPeer(Protocol):
    """Another oracle, as far as days go."""

    def day(self, day: int) -> SignedDay | None:
        """Return its signature over the counts of a day."""
        ...


@dataclass
class DayPoster:
    """Counts, signs and posts one day after the other."""

    market: Market
    view: MarketView
    peers: Sequence[DayPeer]
    place: Place
    domain: Domain
    quorum: int
    outbox: Outbox | None = None
    signer: DigestSigner | None = None
    _own: SignedDay | None = None
    _quorum_since_s: int | None = None

    def signed(self, day: int) -> SignedDay | None:
        """Return our signature over the counts of a day, if it is the one that is waiting."""
        return self._own if self._own is not None and self._own.day == day else None

    def step(self, now_s: int) -> None:
        """Bring the next day as far as it can get now.

        Raises:
            ChainUnreachableError: the node does not answer; the next step goes on.
        """
        day = self.market.reputation.next_day()
        if now_s < (day + 1) * _SECONDS_PER_DAY or self.signer is None:
            return
        if self.signed(day) is None:
            counts = self._counts(day)
            if counts is None:
                return
            signature = sign(DayCountsMessage(day, keccak(counts)), self.domain, self.signer)
            self._own, self._quorum_since_s = SignedDay(day, counts, self.signer.address, signature), None
            _log.info("day counted", day=day)
        self._post(day, now_s)

    def _counts(self, day: int) -> bytes | None:
        """Return the packed counts of a day, or nothing while one of its slots is not at its end."""
        slots = day_slots(day, self.view.first_priced_slot())
        points = self.view.meter_points().values()
        accounts = [point.account for point in points if point.since_s <= day * _SECONDS_PER_DAY]
        if not accounts or not slots:
            return b""
        if any(state not in _ENDED for state in self.view.states(slots).values()):
            return None
        return counts_on_chain(self.market, accounts, slots)

    def _post(self, day: int, now_s: int) -> None:
        own = self._own
        if own is None or self.outbox is None:
            return
        signatures = self._signatures(own)
        if len(signatures) < self.quorum:
            self._quorum_since_s = None
            return
        if self._quorum_since_s is None:
            self._quorum_since_s = now_s
        if now_s < self._quorum_since_s + self.place.turn_after_s(day):
            return
        reputation = self.market.reputation
        data = reputation.call_data("postDay", day, own.counts, list(signatures[: self.quorum]))
        try:
            self.outbox.submit(f"day/{day}", reputation.address, data)
        except TransactionRevertedError as error:
            _log.warning("the contract refuses", day=day, reason=str(error))

    def _signatures(self, own: SignedDay) -> list[bytes]:
        """Return the signatures over exactly our counts, each oracle's once, rising by signer."""
        digest = DayCountsMessage(own.day, keccak(own.counts)).digest(self.domain)
        by_signer = {own.oracle: own.signature}
        for peer in self.peers:
            try:
                signed = peer.day(own.day)
            except PeerUnreachableError:
                continue
            if signed is None or signed.counts != own.counts:
                continue
            signer = recover(digest, signed.signature)
            if signer is not None and self.view.is_oracle(signer):
                by_signer[signer] = signed.signature
        return [by_signer[signer] for signer in sorted(by_signer, key=lambda address: int(address, 16))]
