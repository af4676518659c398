"""The only way a transaction leaves a daemon: signed, stored, sent, and looked after until it is final.

The order of things makes every instruction a safe place to die at. An intent has a name; asking for it again returns
the transaction that it has, so nothing is done twice. The raw bytes are on disk before they are sent, and only these
bytes are ever sent again, so a lost answer costs a look-up and no second transaction. One process holds the lease of a
key and numbers its transactions, so they reach the chain in order and without gaps.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Final, Self

from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain.client import ChainClient, TransactionReceipt
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox_store import OutboxStore
from p2ptrade.chain.rpc import RpcError
from p2ptrade.chain.transaction import UnsignedTransaction, unsigned
from p2ptrade.domain.checkpoint import Checkpoint, pass_by
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.errors import ChainUnreachableError, RefusedError, TransactionRevertedError, WrongChainError

# What nodes say to a transaction that they have already, in their pool or in a block.
_HAD_ALREADY: Final = ("already known", "already imported", "already exists", "nonce too low", "known transaction")
_GAS_MARGIN_PERCENT: Final = 130
# Our own chains charge nothing; where there is a base fee, the price holds through six full blocks.
_BASE_FEE_MARGIN: Final = 2
# Nodes take a replacement only if it pays at least a tenth more.
_REPLACEMENT_PERCENT: Final = 113


class Outbox:
    """The outgoing transactions of one key on one chain. May be used by several threads of one process."""

    def __init__(
        self,
        client: ChainClient,
        store: OutboxStore,
        key: SigningKey,
        *,
        finality_depth: int = 0,
        checkpoint: Checkpoint = pass_by,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Take the lease of the key; `finality_depth` is how many blocks on top make a block stay.

        Raises:
            ConfigError: another process sends with this key.
            WrongChainError: the chain has forgotten transactions that are final here.
        """
        self._client, self._store, self._key = client, store, key
        self._finality_depth = finality_depth
        self._checkpoint = checkpoint
        self._sleep = sleep
        self._lock = threading.RLock()
        self._lease = store.lease(key.address)
        try:
            self._require_remembered()
        except BaseException:
            self._lease.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def sender(self) -> ChecksumAddress:
        """The address whose key signs."""
        return self._key.address

    def close(self) -> None:
        """Give the lease up."""
        self._lease.close()

    def find(self, intent: str) -> Outgoing | None:
        """Return the transaction that counts for an intent: one that is in a block before one that waits."""
        attempts = self._store.attempts(self._client.chain_id, intent)
        mined = [entry for entry in attempts if entry.is_mined]
        waiting = [entry for entry in attempts if entry.is_open]
        fitting = mined or waiting
        return fitting[-1] if fitting else None

    def submit(self, intent: str, to: ChecksumAddress | None, data: bytes, *, gas_limit: int | None = None) -> Outgoing:
        """Send a transaction for `intent` unless it has one already, and return it; `to` None creates a contract.

        An intent whose transaction failed for good (reverted in a block that stays, or displaced) gets a new one.
        Without `gas_limit` the node estimates, which also finds a revert before anything is stored.

        Raises:
            TransactionRevertedError: it would revert now.
            ChainUnreachableError: the outcome is unknown; ask again with the same intent.
        """
        with self._lock:
            present = self.find(intent)
            if present is not None and not (present.state is OutgoingState.FINAL and present.succeeded is False):
                return present
            head = self._client.head()
            if gas_limit is None:
                needed = self._client.estimate_gas(self.sender, to, data)
                gas_limit = min(needed * _GAS_MARGIN_PERCENT // 100, head.gas_limit)
            price = head.base_fee_wei * _BASE_FEE_MARGIN
            return self._store_and_send(self._signed(intent, to, data, self._free_nonce(), gas_limit, price))

    def replace(self, intent: str) -> Outgoing:
        """Send an intent's waiting transaction again at a higher gas price, with the same nonce and effect.

        Only one of the two can ever be mined, and whichever it is fulfils the intent.

        Raises:
            RefusedError: the intent has no transaction that waits.
        """
        with self._lock:
            waiting = self.find(intent)
            if waiting is None or waiting.state is not OutgoingState.PENDING:
                raise RefusedError(f"nothing waits for {intent}, so there is nothing to replace")
            terms = unsigned(waiting.raw)
            price = max(waiting.gas_price_wei + 1, waiting.gas_price_wei * _REPLACEMENT_PERCENT // 100)
            again = self._signed(intent, terms.to, terms.data, waiting.nonce, terms.gas_limit, price)
            return self._store_and_send(again)

    def advance(self) -> list[Outgoing]:
        """Look up every unfinished transaction, send lost ones again, and return those that changed."""
        with self._lock:
            entries = self._store.open_entries(self._client.chain_id, self.sender)
            if not entries:
                return []
            head = self._client.head()
            settled_nonce = self._client.nonce(self.sender, block=max(0, head.number - self._finality_depth))
            receipts = self._client.receipts([entry.transaction_hash for entry in entries])
            changed = []
            for entry, receipt in zip(entries, receipts, strict=True):
                now = self._judge(entry, receipt, head.number, settled_nonce)
                if now != entry:
                    changed.append(now)
            self._checkpoint("outbox.before-update")
            self._store.update(changed)
            self._checkpoint("outbox.updated")
            return changed

    def waiting(self) -> int:
        """Return how many transactions of this key are in no block yet."""
        entries = self._store.open_entries(self._client.chain_id, self.sender)
        return sum(entry.state is OutgoingState.PENDING for entry in entries)

    def wait(self, intent: str, *, within_s: float = 60.0, every_s: float = 0.02) -> Outgoing:
        """Return an intent's transaction once it is in a block.

        Raises:
            TransactionRevertedError: it is, and reverted.
            ChainUnreachableError: it was not mined in time; it stays in the outbox.
        """
        for _ in range(max(1, round(within_s / every_s))):
            self.advance()
            entry = self.find(intent)
            if entry is not None and entry.is_mined:
                if not entry.succeeded:
                    raise self._why_reverted(entry)
                return entry
            self._sleep(every_s)
        raise ChainUnreachableError(f"the transaction for {intent} was not mined within {within_s:.0f} s")

    def _require_remembered(self) -> None:
        """Check that the chain has what is final here; one that was started anew would never take the next nonce."""
        final, known = self._store.settled_nonce(self._client.chain_id, self.sender), self._client.nonce(self.sender)
        if known < final:
            raise WrongChainError(
                f"the chain has {known} transactions of {self.sender}, but {final} of them are final in this state: "
                "the node lags behind, or the chain was started anew; wait for it, or use a new state folder"
            )

    def _free_nonce(self) -> int:
        """Return the next nonce: after all we have stored, and after all that the chain has seen of this key."""
        stored = self._store.next_nonce(self._client.chain_id, self.sender)
        return max(stored, self._client.nonce(self.sender))

    def _signed(
        self,
        intent: str,
        to: ChecksumAddress | None,
        data: bytes,
        nonce: int,
        gas_limit: int,
        gas_price_wei: int,
    ) -> Outgoing:
        terms = UnsignedTransaction(nonce, gas_price_wei, gas_limit, to, data)
        raw = terms.signed(self._key, self._client.chain_id)
        attempt = len(self._store.attempts(self._client.chain_id, intent))
        return Outgoing(intent, attempt, self._client.chain_id, self.sender, nonce, gas_price_wei, raw, keccak(raw))

    def _store_and_send(self, entry: Outgoing) -> Outgoing:
        self._checkpoint("outbox.before-store")
        self._store.add(entry)
        self._checkpoint("outbox.stored")
        self._send(entry)
        self._checkpoint("outbox.sent")
        return entry

    def _send(self, entry: Outgoing) -> None:
        """Send the stored bytes; that the node has them already is as good as sending them."""
        try:
            self._client.send_raw(entry.raw)
        except RpcError as error:
            if not any(known in error.node_message.lower() for known in _HAD_ALREADY):
                raise

    def _judge(
        self, entry: Outgoing, receipt: TransactionReceipt | None, head_number: int, settled_nonce: int
    ) -> Outgoing:
        """Return `entry` as it is now; a lost transaction is sent again on the way."""
        if receipt is not None:
            final = head_number - receipt.block_number >= self._finality_depth
            return replace(
                entry,
                state=OutgoingState.FINAL if final else OutgoingState.MINED,
                succeeded=receipt.succeeded,
                block_number=receipt.block_number,
                block_hash=receipt.block_hash,
                gas_used=receipt.gas_used,
            )
        if settled_nonce > entry.nonce and self._was_displaced(entry):
            return replace(entry, state=OutgoingState.DROPPED)
        if not self._client.knows(entry.transaction_hash):
            self._send(entry)
        return replace(
            entry, state=OutgoingState.PENDING, succeeded=None, block_number=None, block_hash=None, gas_used=None
        )

    def _was_displaced(self, entry: Outgoing) -> bool:
        """Return whether another transaction has the nonce, by that transaction itself.

        That a node says nothing of ours proves nothing: it may lag behind the one that counted the nonces. Nor does
        it if the node has forgotten the states that the search looks at.
        """
        try:
            taken_by = self._client.transaction_with_nonce(self.sender, entry.nonce)
        except RpcError:
            return False
        return taken_by is not None and taken_by != entry.transaction_hash

    def _why_reverted(self, entry: Outgoing) -> TransactionRevertedError:
        """Return the contract's reason, found by doing the same again as a call on the block before."""
        terms = unsigned(entry.raw)
        before = (entry.block_number or 1) - 1
        if terms.to is not None:
            try:
                self._client.call(terms.to, terms.data, block=before, sender=self.sender)
            except TransactionRevertedError as reason:
                return reason
        return TransactionRevertedError(f"the transaction for {entry.intent} was mined and reverted")
