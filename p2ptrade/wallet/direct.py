"""The way past the relay: sealing and opening by own transactions, which nobody can refuse.

Each key sends through an outbox of its own, so a transaction is sent once whatever happens in between.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from p2ptrade.chain.contracts.double_auction import DoubleAuction
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.packing import OpenedRecord
from p2ptrade.domain.outgoing import Outgoing
from p2ptrade.domain.sealed import OwnOrder
from p2ptrade.domain.units import AccountId, EpochSeconds
from p2ptrade.errors import RefusedError, TransactionRevertedError
from p2ptrade.wallet.ports import OrderStore


@dataclass
class DirectChannel:
    """Own transactions of the accounts whose keys it has."""

    auction: DoubleAuction
    store: OrderStore
    keys: Mapping[AccountId, SigningKey]
    make_outbox: Callable[[SigningKey], Outbox]
    _outboxes: dict[AccountId, Outbox] = field(default_factory=dict)

    def seal(self, order: OwnOrder) -> OwnOrder:
        """Seal an order that has been written down, and return it with the time of its block.

        Raises:
            RefusedError: the gate has closed.
        """
        data = self.auction.call_data("seal", order.slot, order.digest)
        sent = self._send(order, "seal", data)
        block_time_s = self.auction.client.head(sent.block_number or "latest").time_s
        sealed = replace(order, received_at_s=EpochSeconds(block_time_s))
        self.store.update([sealed])
        return sealed

    def open(self, order: OwnOrder) -> None:
        """Open an order on the chain, so that no book can call it unopened.

        Raises:
            RefusedError: the gate has not closed, or it is too late.
        """
        record = OpenedRecord(order.account, order.terms.side, order.terms.steps, order.terms.salt).opening()
        self._send(order, "open", self.auction.call_data("open", order.slot, record))
        self.store.update([replace(order, opened=True)])

    def outbox(self, account: AccountId) -> Outbox:
        """Return the outbox of an account's key."""
        if account not in self._outboxes:
            self._outboxes[account] = self.make_outbox(self.keys[account])
        return self._outboxes[account]

    def close(self) -> None:
        """Give up all keys' leases."""
        for outbox in self._outboxes.values():
            outbox.close()

    def _send(self, order: OwnOrder, act: str, data: bytes) -> Outgoing:
        outbox = self.outbox(order.account)
        intent = f"{act}/{order.slot}/{order.account}/{order.counter}"
        try:
            outbox.submit(intent, self.auction.address, data)
            return outbox.wait(intent)
        except TransactionRevertedError as error:
            raise RefusedError(str(error)) from None
