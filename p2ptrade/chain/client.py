"""The chain as the platform sees it: blocks, calls, logs, and transactions already signed.

Chain time, the time stamp of the newest block, is the clock of every daemon. Reads that belong together name one block.
A call that reverts raises the contract's own custom error by name and values.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, Self

from eth_typing import ChecksumAddress
from eth_utils.address import to_checksum_address

from p2ptrade.chain.abi import decode_revert
from p2ptrade.chain.rpc import JsonRpc, RpcError
from p2ptrade.errors import ChainUnreachableError, TransactionRevertedError, WrongChainError

if TYPE_CHECKING:
    from web3 import Web3

Block = int | str
LATEST: Final = "latest"
ZERO_ADDRESS: Final = to_checksum_address(bytes(20))
_HEADS_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class BlockHead:
    """One block: its number, hash, time stamp in epoch seconds, what gas costs in it at least, and who proposed it.

    The proposer is the zero address where the header does not say.
    """

    number: int
    hash: bytes
    time_s: int
    gas_limit: int
    base_fee_wei: int
    proposer: ChecksumAddress = ZERO_ADDRESS


@dataclass(frozen=True, slots=True)
class Log:
    """An event as the chain recorded it."""

    address: ChecksumAddress
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    block_hash: bytes
    transaction_hash: bytes
    index: int


@dataclass(frozen=True, slots=True)
class TransactionReceipt:
    """What became of a transaction that is in a block."""

    transaction_hash: bytes
    succeeded: bool
    block_number: int
    block_hash: bytes
    gas_used: int
    contract_address: ChecksumAddress | None
    logs: tuple[Log, ...]


class ChainClient:
    """A connection to one node, which has shown that it serves the chain we mean."""

    def __init__(self, rpc: JsonRpc, chain_id: int) -> None:
        """Wrap a connection; use `connect`, which checks the chain id."""
        self.rpc = rpc
        self.chain_id = chain_id

    @classmethod
    def connect(cls, url: str, chain_id: int | None = None, *, timeout_s: float = 20.0) -> Self:
        """Return a client of the node at `url`.

        Raises:
            ChainUnreachableError: nobody answers there.
            WrongChainError: the node serves another chain than `chain_id`.
        """
        rpc = JsonRpc(url, timeout_s=timeout_s)
        client = cls(rpc, chain_id if chain_id is not None else _number(rpc.call("eth_chainId")))
        client.require_chain()
        return client

    def require_chain(self) -> None:
        """Ask the node for its chain id again; nodes behind one address may change.

        Raises:
            WrongChainError: it is not ours.
        """
        served = _number(self.rpc.call("eth_chainId"))
        if served != self.chain_id:
            raise WrongChainError(
                f"{self.rpc.url} serves chain {served}, but this is set up for chain {self.chain_id}: "
                "correct the URL or the chain id"
            )

    def head(self, block: Block = LATEST) -> BlockHead:
        """Return the newest block, or the one named.

        Raises:
            ChainUnreachableError: the node does not have it.
        """
        found = self.rpc.call("eth_getBlockByNumber", _block(block), False)
        if found is None:
            raise ChainUnreachableError(f"the node at {self.rpc.url} does not have block {block} yet: it lags behind")
        return _parse_head(found)

    def heads(self, numbers: Iterable[int]) -> Iterator[BlockHead]:
        """Return many blocks, a few hundred in a round trip.

        Raises:
            ChainUnreachableError: the node does not have one of them.
        """
        for some in _batches(numbers, _HEADS_AT_ONCE):
            answers = self.rpc.batch([("eth_getBlockByNumber", [_block(number), False]) for number in some])
            for number, found in zip(some, answers, strict=True):
                if not isinstance(found, dict):
                    raise ChainUnreachableError(f"the node at {self.rpc.url} does not have block {number}")
                yield _parse_head(found)

    def now_s(self) -> int:
        """Return chain time in epoch seconds."""
        return self.head().time_s

    def call(
        self, to: ChecksumAddress, data: bytes, *, block: Block = LATEST, sender: ChecksumAddress | None = None
    ) -> bytes:
        """Return what a call answers, without a transaction.

        Raises:
            TransactionRevertedError: it reverts.
        """
        try:
            return _bytes(self.rpc.call("eth_call", _transaction(to, data, sender), _block(block)))
        except RpcError as error:
            raise as_revert(error) from None

    def call_many(self, calls: Sequence[tuple[ChecksumAddress, bytes]], *, block: Block = LATEST) -> list[bytes]:
        """Return the answers of many calls in one round trip.

        Raises:
            TransactionRevertedError: one of them reverts.
        """
        answers = self.rpc.batch([("eth_call", [_transaction(to, data), _block(block)]) for to, data in calls])
        for answer in answers:
            if isinstance(answer, RpcError):
                raise as_revert(answer)
        return [_bytes(answer) for answer in answers]

    def logs(
        self,
        addresses: Iterable[ChecksumAddress],
        topics: Sequence[bytes | Sequence[bytes] | None] = (),
        *,
        first: Block,
        last: Block = LATEST,
    ) -> list[Log]:
        """Return the logs from block `first` to block `last`, both included, in their order on the chain."""
        wanted = {
            "address": list(addresses),
            "topics": [_topic(topic) for topic in topics],
            "fromBlock": _block(first),
            "toBlock": _block(last),
        }
        return [parse_log(log) for log in self.rpc.call("eth_getLogs", wanted)]

    def code(self, address: ChecksumAddress, *, block: Block = LATEST) -> bytes:
        """Return the deployed code at an address; empty where there is no contract."""
        return _bytes(self.rpc.call("eth_getCode", address, _block(block)))

    def nonce(self, address: ChecksumAddress, *, block: Block = LATEST) -> int:
        """Return how many transactions of `address` are in the chain; with `pending`, those waiting too."""
        return _number(self.rpc.call("eth_getTransactionCount", address, _block(block)))

    def estimate_gas(self, sender: ChecksumAddress, to: ChecksumAddress | None, data: bytes) -> int:
        """Return the gas that a transaction would use now.

        Raises:
            TransactionRevertedError: it would revert.
        """
        try:
            return _number(self.rpc.call("eth_estimateGas", _transaction(to, data, sender)))
        except RpcError as error:
            raise as_revert(error) from None

    def send_raw(self, raw: bytes) -> None:
        """Hand a signed transaction to the node.

        Raises:
            RpcError: the node refuses it, or has it already.
            ChainUnreachableError: the outcome is unknown; look the hash up before anything else.
        """
        self.rpc.call("eth_sendRawTransaction", "0x" + raw.hex())

    def receipts(self, hashes: Sequence[bytes]) -> list[TransactionReceipt | None]:
        """Return the receipts of transactions, None for one that is in no block."""
        answers = self.rpc.batch([("eth_getTransactionReceipt", ["0x" + hash_.hex()]) for hash_ in hashes])
        return [None if answer is None or isinstance(answer, RpcError) else parse_receipt(answer) for answer in answers]

    def knows(self, transaction_hash: bytes) -> bool:
        """Whether the node has a transaction, in a block or waiting."""
        return self.rpc.call("eth_getTransactionByHash", "0x" + transaction_hash.hex()) is not None

    def transaction_with_nonce(self, sender: ChecksumAddress, nonce: int) -> bytes | None:
        """Return the hash of the transaction in the chain that has a nonce of `sender`.

        It is looked for further and further back from the newest block, then by halving, so that a node that keeps few
        states can be asked about what is recent.

        Raises:
            RpcError: the node has forgotten a state that the search looks at.
        """
        first, last = 0, self.head().number
        distance = 1
        while first < last:
            before = max(last - distance, (first + last) // 2)
            if self.nonce(sender, block=before) > nonce:
                last, distance = before, 2 * distance
            else:
                first = before + 1
        block = self.rpc.call("eth_getBlockByNumber", hex(first), True)
        for transaction in (block or {}).get("transactions", ()):
            if (transaction["from"].lower(), _number(transaction["nonce"])) == (sender.lower(), nonce):
                return _bytes(transaction["hash"])
        return None

    def web3(self) -> "Web3":
        """Return a web3 instance on the same node, for scripts and notebooks; daemons do without its weight."""
        from web3 import HTTPProvider, Web3
        from web3.middleware import ExtraDataToPOAMiddleware

        instance = Web3(HTTPProvider(self.rpc.url))
        instance.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
        return instance


def as_revert(error: RpcError) -> TransactionRevertedError | RpcError:
    """Return the contract's error that a node's error carries; the node's own if it carries none."""
    data = error.data.get("result", error.data.get("data")) if isinstance(error.data, dict) else error.data
    if not isinstance(data, str) or not data.startswith("0x"):
        if "revert" not in error.node_message.lower():
            return error
        data = "0x"
    revert = decode_revert(_bytes(data))
    return TransactionRevertedError(f"the contract refuses: {revert}", error_name=revert.name, values=revert.values)


def parse_log(log: dict[str, Any]) -> Log:
    """Return a log of a node's answer."""
    return Log(
        to_checksum_address(log["address"]),
        tuple(_bytes(topic) for topic in log["topics"]),
        _bytes(log["data"]),
        _number(log["blockNumber"]),
        _bytes(log["blockHash"]),
        _bytes(log["transactionHash"]),
        _number(log["logIndex"]),
    )


def parse_receipt(receipt: dict[str, Any]) -> TransactionReceipt:
    """Return a receipt of a node's answer."""
    created = receipt.get("contractAddress")
    return TransactionReceipt(
        _bytes(receipt["transactionHash"]),
        _number(receipt["status"]) == 1,
        _number(receipt["blockNumber"]),
        _bytes(receipt["blockHash"]),
        _number(receipt["gasUsed"]),
        to_checksum_address(created) if created else None,
        tuple(parse_log(log) for log in receipt["logs"]),
    )


def _batches(numbers: Iterable[int], most: int) -> Iterator[list[int]]:
    left = iter(numbers)
    while some := list(islice(left, most)):
        yield some


def _parse_head(found: dict[str, Any]) -> BlockHead:
    return BlockHead(
        _number(found["number"]),
        _bytes(found["hash"]),
        _number(found["timestamp"]),
        _number(found["gasLimit"]),
        _number(found.get("baseFeePerGas", "0x0")),
        to_checksum_address(found["miner"]),
    )


def _transaction(to: ChecksumAddress | None, data: bytes, sender: ChecksumAddress | None = None) -> dict[str, str]:
    fields = {"data": "0x" + data.hex()}
    if to is not None:
        fields["to"] = to
    if sender is not None:
        fields["from"] = sender
    return fields


def _topic(topic: bytes | Sequence[bytes] | None) -> str | list[str] | None:
    if topic is None or isinstance(topic, bytes):
        return None if topic is None else "0x" + topic.hex()
    return ["0x" + choice.hex() for choice in topic]


def _block(block: Block) -> str:
    return hex(block) if isinstance(block, int) else block


def _number(quantity: str) -> int:
    return int(quantity, 16)


def _bytes(data: str) -> bytes:
    return bytes.fromhex(data.removeprefix("0x"))
