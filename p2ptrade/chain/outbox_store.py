"""Where an outbox keeps its transactions: a database table or a journal file, anything that fits this shape."""

from collections.abc import Sequence
from typing import Protocol

from p2ptrade.domain.outgoing import Outgoing


class Closeable(Protocol):
    """Something held until it is closed."""

    def close(self) -> None:
        """Give it up."""
        ...


class OutboxStore(Protocol):
    """Where the outbox keeps its entries; `add` and `update` are durable when they return."""

    def lease(self, sender: str) -> Closeable:
        """Return the sole right to send with a key."""
        ...

    def attempts(self, chain_id: int, intent: str) -> list[Outgoing]:
        """Return the transactions of an intent, the first one first."""
        ...

    def open_entries(self, chain_id: int, sender: str) -> list[Outgoing]:
        """Return the unfinished transactions of a key by nonce."""
        ...

    def next_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest used here."""
        ...

    def settled_nonce(self, chain_id: int, sender: str) -> int:
        """Return the nonce after the highest that is in a block that stays."""
        ...

    def add(self, entry: Outgoing) -> None:
        """Store a new entry."""
        ...

    def update(self, entries: Sequence[Outgoing]) -> None:
        """Store changed entries."""
        ...
