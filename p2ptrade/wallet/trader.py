"""Sealing and opening orders, of one account or of many at once, so that nothing is lost and nothing given away.

An order is written down before its seal is sent, and its receipt when it comes. It is opened after the gate and never
before. Doing any of this again changes nothing: an order that is there is sent again, not made again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from eth_typing import ChecksumAddress

from p2ptrade.chain.packing import ticket
from p2ptrade.chain.signatures import DigestSigner, recover
from p2ptrade.chain.typed_data import Domain, OrderMessage, ReceiptMessage
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.order import Side, Step
from p2ptrade.domain.sealed import OwnOrder, Terms
from p2ptrade.domain.units import AccountId, EnergyWh, EpochSeconds, PriceMicroPerKwh, SlotNumber
from p2ptrade.errors import RefusedError
from p2ptrade.transport.schemas.market import (
    BATCH_MAX,
    OpeningMessage,
    OpeningsMessage,
    SealMessage,
    SealOutcome,
    SealsMessage,
    SideWord,
    StepMessage,
)
from p2ptrade.wallet.ports import OrderStore, RelayPort
from p2ptrade.wallet.salts import Salts
from p2ptrade.wallet.strategy import Intention

_SIDE_WORD: Final = {Side.BID: SideWord.BID, Side.OFFER: SideWord.OFFER}


@dataclass(frozen=True, slots=True)
class SealedAnswer:
    """What the relay said to one order: its receipt is in the order, or `refused` says why there is none."""

    order: OwnOrder
    refused: str | None = None


@dataclass
class Trader:
    """The orders of the accounts whose keys it has; `relay_address` is the key that receipts must be signed with."""

    relay: RelayPort
    store: OrderStore
    domain: Domain
    relay_address: ChecksumAddress
    keys: Mapping[AccountId, DigestSigner]
    checkpoint: Checkpoint = pass_by
    _salts: dict[AccountId, Salts] = field(default_factory=dict)

    def prepare(
        self, slot: SlotNumber, account: AccountId, intention: Intention, *, counter: int = 0, direct: bool = False
    ) -> OwnOrder:
        """Return the signed order of an intention; it is neither kept nor sent."""
        salt = self._salts_of(account).salt(slot, counter)
        message = OrderMessage(slot, account, intention.side, intention.steps, salt)
        digest = message.digest(self.domain)
        steps = tuple((step.energy_wh, step.limit_price_micro_per_kwh) for step in intention.steps)
        terms = Terms(intention.side, steps, salt)
        return OwnOrder(slot, account, counter, terms, digest, self.keys[account].sign_digest(digest), direct)

    def keep(self, orders: Sequence[OwnOrder]) -> None:
        """Write orders down before anything of them leaves the wallet."""
        self.checkpoint("wallet.before-keep")
        self.store.add(orders)
        self.checkpoint("wallet.kept")

    def seal(self, slot: SlotNumber, intentions: Mapping[AccountId, Intention]) -> list[SealedAnswer]:
        """Seal an order for each intention with the relay, and return its answers.

        An account that has sealed with the relay in this slot keeps that order: what lacks its receipt is sent again.

        Raises:
            PeerUnreachableError: the relay does not answer; all orders are written down and can be sent again.
        """
        relayed = {order.account: order for order in self.of_slot(slot) if not order.direct}
        counters = _next_counters(self.of_slot(slot))
        new = [
            self.prepare(slot, account, intention, counter=counters.get(account, 0))
            for account, intention in intentions.items()
            if account not in relayed
        ]
        if new:
            self.keep(new)
        waiting = [order for order in relayed.values() if order.receipt is None and order.account in self.keys]
        return self._send([*waiting, *new])

    def open(self, slot: SlotNumber) -> list[tuple[OwnOrder, str | None]]:
        """Open all orders of a slot with the relay; for each that was not open, say why it was refused, or nothing.

        Raises:
            RefusedError: the gate has not closed, or the time is over.
            PeerUnreachableError: the relay does not answer.
        """
        waiting = [order for order in self.live(slot) if not order.opened]
        results: list[tuple[OwnOrder, str | None]] = []
        for batch in _batches(waiting):
            message = OpeningsMessage(openings=tuple(_opening(order) for order in batch))
            outcomes = self.relay.send_openings(slot, message).outcomes
            results += [
                (replace(order, opened=outcome.accepted), outcome.refused)
                for order, outcome in zip(batch, outcomes, strict=True)
            ]
        self.checkpoint("wallet.openings-sent")
        self.store.update([order for order, _ in results if order.opened])
        return results

    def of_slot(self, slot: SlotNumber) -> list[OwnOrder]:
        """Return all orders of a slot."""
        return self.store.orders(first=slot, last=slot)

    def live(self, slot: SlotNumber) -> list[OwnOrder]:
        """Return the order of each account that counts: its last own seal in a block, else the one with the relay."""
        counting: dict[AccountId, OwnOrder] = {}
        for order in self.of_slot(slot):
            in_block = order.direct and order.received_at_s is not None
            if in_block or (order.account not in counting and not order.direct):
                counting[order.account] = order
        return list(counting.values())

    def _send(self, orders: Sequence[OwnOrder]) -> list[SealedAnswer]:
        answers: list[SealedAnswer] = []
        for batch in _batches(orders):
            message = SealsMessage(seals=tuple(_seal(order) for order in batch))
            outcomes = self.relay.send_seals(batch[0].slot, message).outcomes
            self.checkpoint("wallet.seals-sent")
            answers += [self._checked(order, outcome) for order, outcome in zip(batch, outcomes, strict=True)]
        self.store.update([answer.order for answer in answers if answer.refused is None])
        return answers

    def _checked(self, order: OwnOrder, outcome: SealOutcome) -> SealedAnswer:
        """Return an order with its receipt, if it is one that the relay can be held to."""
        receipt = outcome.receipt
        if receipt is None:
            return SealedAnswer(order, outcome.refused or "the relay gave no reason")
        promise = ReceiptMessage(order.slot, order.account, order.digest, receipt.received_at_s)
        if recover(promise.digest(self.domain), receipt.signature) != self.relay_address:
            return SealedAnswer(order, "the receipt is not signed by the relay of this market")
        return SealedAnswer(
            replace(order, received_at_s=EpochSeconds(receipt.received_at_s), receipt=receipt.signature)
        )

    def _salts_of(self, account: AccountId) -> Salts:
        if account not in self._salts:
            self._salts[account] = Salts(self.keys[account], self.domain)
        return self._salts[account]


def recovered(
    sealed: bytes,
    slot: SlotNumber,
    account: AccountId,
    intention: Intention,
    trader: Trader,
    *,
    direct: bool = False,
    tries: int = 64,
) -> OwnOrder:
    """Return the order behind a seal that another machine made, given what was ordered: its salt is found again.

    `sealed` is the digest of an own seal, or the ticket of one with the relay.

    Raises:
        RefusedError: the seal is not of this order, or not of this key.
    """
    for counter in range(tries):
        order = trader.prepare(slot, account, intention, counter=counter, direct=direct)
        if sealed == (order.digest if direct else ticket(order.digest, order.signature)):
            return order
    raise RefusedError(f"the seal of account {account} in slot {slot} is not of this order, or not of this key")


def _seal(order: OwnOrder) -> SealMessage:
    steps = tuple(Step(EnergyWh(energy), PriceMicroPerKwh(limit)) for energy, limit in order.terms.steps)
    message = OrderMessage(order.slot, order.account, order.terms.side, steps, order.terms.salt)
    return SealMessage(account=order.account, terms_hash=message.terms_hash, signature=order.signature)


def _opening(order: OwnOrder) -> OpeningMessage:
    steps = (StepMessage(energy_wh=e, limit_price_micro_per_kwh=p) for e, p in order.terms.steps)
    side = _SIDE_WORD[order.terms.side]
    return OpeningMessage(account=order.account, side=side, steps=tuple(steps), salt=order.terms.salt)


def _next_counters(orders: Iterable[OwnOrder]) -> dict[AccountId, int]:
    """Return the number that the next order of each account gets; a salt is never used twice."""
    counters: dict[AccountId, int] = {}
    for order in orders:
        counters[order.account] = max(counters.get(order.account, 0), order.counter + 1)
    return counters


def _batches(orders: Sequence[OwnOrder]) -> list[Sequence[OwnOrder]]:
    return [orders[start : start + BATCH_MAX] for start in range(0, len(orders), BATCH_MAX)]
