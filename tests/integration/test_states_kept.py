"""Anvil keeps states of the newest blocks, in memory.

Paths: given many blocks, then nothing is left on disk, even by a chain that was killed; given a nonce that was used
lately, before the chain's first block or never, then its transaction is found or is none; given one used so long ago
that the states are gone, then the search says so.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineOptions, Mining, free_port, start
from p2ptrade.chain.rpc import RpcError

KEPT = 40
TRANSACTIONS = 5


@pytest.fixture
def client() -> Iterator[ChainClient]:
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT, states_kept=KEPT))
    yield ChainClient.connect(engine.url)
    engine.stop()


def mine(client: ChainClient, blocks: int) -> None:
    for _ in range(blocks):
        DevChain(client).mine()


def sent(client: ChainClient, sender: str) -> list[bytes]:
    """Send some transactions, each in a block of its own."""
    transaction = {"from": sender, "to": sender, "gasPrice": "0x0"}
    return [bytes.fromhex(client.rpc.call("eth_sendTransaction", transaction)[2:]) for _ in range(TRANSACTIONS)]


@pytest.mark.parametrize("behind", [0, 1, 20])
def test_the_transaction_of_a_nonce_used_lately_is_found(client: ChainClient, behind: int) -> None:
    sender = client.rpc.call("eth_accounts")[0]
    mine(client, 3 * KEPT)
    hashes = sent(client, sender)
    mine(client, behind)

    assert [client.transaction_with_nonce(sender, nonce) for nonce in range(TRANSACTIONS)] == hashes


@pytest.mark.parametrize("behind", [0, 1, 2, 3, 30])
def test_it_is_found_from_the_first_block_on(client: ChainClient, behind: int) -> None:
    sender = client.rpc.call("eth_accounts")[0]
    hashes = sent(client, sender)
    mine(client, behind)

    assert [client.transaction_with_nonce(sender, nonce) for nonce in range(TRANSACTIONS)] == hashes


def test_a_nonce_that_was_not_used_has_no_transaction(client: ChainClient) -> None:
    sender = client.rpc.call("eth_accounts")[0]

    assert client.transaction_with_nonce(sender, 0) is None
    sent(client, sender)
    assert client.transaction_with_nonce(sender, TRANSACTIONS) is None


def test_a_nonce_used_long_ago_cannot_be_looked_for(client: ChainClient) -> None:
    sender = client.rpc.call("eth_accounts")[0]
    sent(client, sender)
    mine(client, 3 * KEPT)

    with pytest.raises(RpcError):
        client.transaction_with_nonce(sender, 0)


def test_a_chain_that_was_killed_leaves_nothing_at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    engine = start(EngineOptions(port=free_port(), mining=Mining.INSTANT))
    try:
        mine(ChainClient.connect(engine.url), 600)  # more than it keeps
    finally:
        engine.process.kill()
        engine.process.wait()

    assert not list(tmp_path.rglob("anvil-state-*"))
