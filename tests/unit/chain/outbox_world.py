"""A chain and a disk that survive the death of the process between them, and fail in every way that real ones do."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from eth_hash.auto import keccak

from p2ptrade.chain.client import BlockHead, ChainClient, TransactionReceipt
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.rpc import RpcError
from p2ptrade.chain.transaction import unsigned
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.errors import ChainUnreachableError, ConfigError

KEY = SigningKey.from_secret(b"\x09" * 32)
OTHER = SigningKey.from_secret(b"\x08" * 32).address


class Killed(BaseException):
    """The process died here: nothing of ours may catch this."""


@dataclass
class SimulatedChain(ChainClient):
    """One sender's chain: blocks of raw transactions, and a pool."""

    blocks: list[list[bytes]] = field(default_factory=lambda: [[]])
    pool: list[bytes] = field(default_factory=list)
    before: Callable[[str], None] = lambda place: None
    after: Callable[[str], None] = lambda place: None
    reverting: set[bytes] = field(default_factory=set)
    chain_id: int = 1337

    def head(self, block: object = "latest") -> BlockHead:
        self.before("head")
        number = len(self.blocks) - 1
        return BlockHead(number, self._hash(number), number, 60_000_000, 0)

    def nonce(self, address: str, *, block: object = "latest") -> int:
        self.before("nonce")
        last = block if isinstance(block, int) else len(self.blocks) - 1
        return sum(len(raws) for raws in self.blocks[: last + 1])

    def estimate_gas(self, sender: str, to: str | None, data: bytes) -> int:
        self.before("estimate")
        return 21_000

    def send_raw(self, raw: bytes) -> None:
        self.before("send")
        if unsigned(raw).nonce < self.nonce(KEY.address):
            raise RpcError(-32000, "nonce too low")
        if raw in self.pool:
            raise RpcError(-32000, "already known")
        self.pool = [waiting for waiting in self.pool if unsigned(waiting).nonce != unsigned(raw).nonce]
        self.pool.append(raw)
        self.after("send")

    def receipts(self, hashes: Sequence[bytes]) -> list[TransactionReceipt | None]:
        self.before("receipts")
        return [self._receipt(wanted) for wanted in hashes]

    def knows(self, transaction_hash: bytes) -> bool:
        self.before("knows")
        return self._receipt(transaction_hash) is not None or any(keccak(raw) == transaction_hash for raw in self.pool)

    def transaction_with_nonce(self, sender: str, nonce: int) -> bytes | None:
        self.before("transaction_with_nonce")
        raws = [raw for block in self.blocks for raw in block]
        return next((keccak(raw) for raw in raws if unsigned(raw).nonce == nonce), None)

    def mine(self) -> None:
        """Take the waiting transactions with consecutive nonces into a block."""
        block: list[bytes] = []
        due = sum(len(raws) for raws in self.blocks)
        for raw in sorted(self.pool, key=lambda raw: unsigned(raw).nonce):
            if unsigned(raw).nonce == due + len(block):
                block.append(raw)
        self.pool = [raw for raw in self.pool if raw not in block]
        self.blocks.append(block)

    def reorganise(self, depth: int) -> None:
        """Drop the last blocks with what was in them, and put empty ones in their place."""
        depth = min(depth, len(self.blocks) - 1)
        self.blocks[len(self.blocks) - depth :] = [[] for _ in range(depth)]

    def lose_pool(self) -> None:
        self.pool.clear()

    def effects(self) -> list[bytes]:
        """Return the data of everything that happened, in order."""
        return [unsigned(raw).data for raws in self.blocks for raw in raws if keccak(raw) not in self.reverting]

    def _receipt(self, wanted: bytes) -> TransactionReceipt | None:
        for number, raws in enumerate(self.blocks):
            for raw in raws:
                if keccak(raw) == wanted:
                    succeeded = wanted not in self.reverting
                    return TransactionReceipt(wanted, succeeded, number, self._hash(number), 21_000, None, ())
        return None

    def _hash(self, number: int) -> bytes:
        return keccak(number.to_bytes(8, "big") + b"".join(self.blocks[number]))


@dataclass
class _Held:
    store: "MemoryStore"

    def close(self) -> None:
        self.store.held = False


@dataclass
class MemoryStore:
    """A disk: what `add` and `update` have returned from stays."""

    entries: dict[tuple[str, int], Outgoing] = field(default_factory=dict)
    held: bool = False

    def lease(self, sender: str) -> _Held:
        if self.held:
            raise ConfigError("another process sends with this key")
        self.held = True
        return _Held(self)

    def attempts(self, chain_id: int, intent: str) -> list[Outgoing]:
        return [entry for (name, _), entry in sorted(self.entries.items()) if name == intent]

    def open_entries(self, chain_id: int, sender: str) -> list[Outgoing]:
        mine = [entry for entry in self.entries.values() if entry.is_open]
        return sorted(mine, key=lambda entry: (entry.nonce, entry.attempt))

    def next_nonce(self, chain_id: int, sender: str) -> int:
        return 1 + max((entry.nonce for entry in self.entries.values()), default=-1)

    def settled_nonce(self, chain_id: int, sender: str) -> int:
        final = (entry.nonce for entry in self.entries.values() if entry.state is OutgoingState.FINAL)
        return 1 + max(final, default=-1)

    def add(self, entry: Outgoing) -> None:
        assert (entry.intent, entry.attempt) not in self.entries
        self.entries[entry.intent, entry.attempt] = replace(entry)

    def update(self, entries: Sequence[Outgoing]) -> None:
        for entry in entries:
            self.entries[entry.intent, entry.attempt] = entry


@dataclass
class Process:
    """A daemon that wants some intents done, and may be killed and started again at any time."""

    chain: SimulatedChain
    store: MemoryStore
    intents: Sequence[str]
    finality_depth: int = 0
    checkpoint: Callable[[str], None] = lambda place: None

    def cycle(self) -> None:
        """Do what a daemon does in one step of its life, after a restart."""
        self.store.held = False  # the operating system released the lease with the process that held it
        try:
            with Outbox(
                self.chain,
                self.store,
                KEY,
                finality_depth=self.finality_depth,
                checkpoint=self.checkpoint,
                sleep=lambda seconds: None,
            ) as outbox:
                outbox.advance()
                for intent in self.intents:
                    outbox.submit(intent, OTHER, intent.encode())
        except (ChainUnreachableError, Killed):
            pass
