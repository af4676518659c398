"""A chain for contract tests: one anvil per test process, any address may send, every test leaves no trace.

    ledger = chain.deploy("Ledger", authority, credits, 4 * 3600, 0, 0)
    receipt = ledger.send("deposit", 16, 1_000_000, sender=chain.address("alice"))
    assert receipt.event(ledger, "Deposited")["amount"] == 1_000_000
    with reverts("LedgerUnknownAccount", account=99): ...

Values go in and come out as eth_abi has them: integers, bytes, checksummed or lower-case addresses, tuples.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import coincurve
import pytest
from eth_hash.auto import keccak
from eth_typing import ChecksumAddress

from p2ptrade.chain import signatures
from p2ptrade.chain.abi import ContractAbi, Revert, decode_revert
from p2ptrade.chain.client import LATEST, ChainClient, TransactionReceipt, parse_receipt
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.rpc import RpcError
from p2ptrade.errors import TransactionRevertedError
from tests.support import contracts_build

CHAIN_ID: Final = 1337
GENESIS_S: Final = 1_781_136_000  # 2026-06-11 00:00 UTC: the start of a slot and of a day
GAS_LIMIT: Final = 59_000_000


class Key:
    """A private key of a test: signs digests, has an address."""

    def __init__(self, name: str) -> None:
        self.secret = keccak(name.encode())
        self._key = coincurve.PrivateKey(self.secret)
        self.address: ChecksumAddress = signatures.address_of(self._key.public_key)

    def sign_digest(self, digest: bytes) -> bytes:
        """Return the compact signature over 32 bytes."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return signatures.compact(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big"), raw[64])


@dataclass(frozen=True)
class Receipt:
    """What became of a transaction that succeeded."""

    raw: TransactionReceipt

    @property
    def gas_used(self) -> int:
        return self.raw.gas_used

    def events(self, contract: Contract, name: str) -> list[dict[str, Any]]:
        """Return the values of the events `name` of `contract`."""
        event = contract.abi.events[name]
        return [
            event.decode(log.topics, log.data)
            for log in self.raw.logs
            if log.address == contract.address and log.topics and log.topics[0] == event.topic
        ]

    def event(self, contract: Contract, name: str) -> dict[str, Any]:
        """Return the values of the one event `name`."""
        (values,) = self.events(contract, name)
        return values


@dataclass(frozen=True)
class Contract:
    """A deployed contract."""

    chain: Chain
    address: ChecksumAddress
    abi: ContractAbi

    def data(self, function: str, *args: Any) -> bytes:
        """Return the data of a call."""
        return self.abi.function(function).call_data(*_addresses(args))

    def call(self, function: str, *args: Any, sender: str | None = None, block: int | str = LATEST) -> Any:
        """Return what a view answers: a value, or a tuple of several."""
        data = self.data(function, *args)
        answer = self.chain.eth_call(self.address, data, sender=sender, block=block)
        values = self.abi.function(function).outputs.decode(answer)
        return values[0] if len(values) == 1 else values

    def send(self, function: str, *args: Any, sender: str) -> Receipt:
        """Send a transaction and return its receipt; raises what it reverts with."""
        return self.chain.send(self.address, self.data(function, *args), sender=sender)


class Chain:
    """The chain of a test process."""

    def __init__(self, client: ChainClient) -> None:
        self.client = client
        self.dev = DevChain(client)
        self.rpc = client.rpc
        self.rpc.call("anvil_autoImpersonateAccount", True)

    def key(self, name: str) -> Key:
        """Return the key that belongs to a name."""
        return Key(name)

    def address(self, name: str) -> ChecksumAddress:
        """Return the address that belongs to a name."""
        return Key(name).address

    def now_s(self) -> int:
        """Return the time of the newest block."""
        return self.client.now_s()

    def warp_to(self, time_s: int) -> None:
        """Make a block at `time_s`; the next one comes no earlier."""
        self.dev.mine(at_s=time_s)

    def next_block_at(self, time_s: int) -> None:
        """Let the next transaction's block have that very time."""
        self.rpc.call("evm_setNextBlockTimestamp", time_s)

    def attach(self, name: str, address: ChecksumAddress) -> Contract:
        """Return a contract that is there already."""
        return Contract(self, address, contracts_build.contract(name))

    def deploy(self, name: str, *args: Any, sender: str | None = None) -> Contract:
        """Deploy a contract of the working tree."""
        abi = contracts_build.contract(name)
        data = abi.bytecode + abi.constructor.encode(_addresses(args))
        receipt = self.send(None, data, sender=sender or self.address("deployer"))
        assert receipt.raw.contract_address is not None
        return Contract(self, receipt.raw.contract_address, abi)

    def send(self, to: ChecksumAddress | None, data: bytes, *, sender: str) -> Receipt:
        """Send a transaction from any address and return its receipt; raises what it reverts with."""
        fields = {"from": sender, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT), "gasPrice": "0x0"}
        if to is not None:
            fields["to"] = to
        hash_ = self.rpc.call("eth_sendTransaction", fields)
        self.rpc.call("evm_mine")
        receipt = parse_receipt(self.rpc.call("eth_getTransactionReceipt", hash_))
        if not receipt.succeeded:
            trace = self.rpc.call("debug_traceTransaction", hash_, {"tracer": "callTracer"})
            raise as_reverted(bytes.fromhex(trace.get("output", "0x").removeprefix("0x")))
        return Receipt(receipt)

    def eth_call(
        self, to: ChecksumAddress, data: bytes, *, sender: str | None = None, block: int | str = LATEST
    ) -> bytes:
        """Return what a call answers; raises what it reverts with."""
        fields = {"to": to, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT)}
        if sender is not None:
            fields["from"] = sender
        try:
            answer = self.rpc.call("eth_call", fields, hex(block) if isinstance(block, int) else block)
        except RpcError as error:
            if not isinstance(error.data, str):
                raise
            raise as_reverted(bytes.fromhex(error.data.removeprefix("0x"))) from None
        return bytes.fromhex(answer.removeprefix("0x"))


def as_reverted(data: bytes) -> TransactionRevertedError:
    """Return revert data as the error that the chain client raises."""
    known = contracts_build.custom_error(data[:4])
    if known is None:
        revert = decode_revert(data)
    else:
        name, inputs = known
        revert = Revert(name, dict(zip(inputs.names, inputs.decode(data[4:]), strict=True)))
    return TransactionRevertedError(str(revert), error_name=revert.name, values=revert.values)


@contextlib.contextmanager
def reverts(error_name: str, **values: Any) -> Iterator[None]:
    """Expect exactly this custom error, with these values where they are given."""
    with pytest.raises(TransactionRevertedError) as caught:
        yield
    error = caught.value
    assert error.error_name == error_name, f"expected {error_name}, got {error}"
    for name, value in values.items():
        found = error.values[name]
        if isinstance(value, str):
            found, value = str(found).lower(), value.lower()  # noqa: PLW2901
        assert found == value, f"{error_name}.{name}: expected {value!r}, got {error.values[name]!r}"


def _addresses(values: Sequence[Any]) -> list[Any]:
    """Let contracts stand for their addresses."""
    return [
        value.address if isinstance(value, Contract | Key) else _addresses(value) if isinstance(value, list) else value
        for value in values
    ]
