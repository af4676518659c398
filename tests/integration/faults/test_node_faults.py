"""An outbox between a bad line and a chain that reorganises: every intent happens once, through a real node.

Paths: given a node that drops, delays, duplicates, truncates, refuses or lies; when it heals; then nothing is lost or
doubled. Given a chain that reorganises 1 to 8 blocks away; then the same bytes come back.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from p2ptrade.chain.client import ChainClient
from p2ptrade.chain.dev_chain import DevChain
from p2ptrade.chain.engine import EngineOptions, Mining, RunningEngine, free_port, start
from p2ptrade.chain.keys import SigningKey
from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.rpc import JsonRpc
from p2ptrade.domain.outgoing import Outgoing, OutgoingState
from p2ptrade.errors import ChainError, ChainUnreachableError, WrongChainError
from p2ptrade.store import Database
from p2ptrade.store.outbox import OutboxTable
from tests.support.fault_proxy import ALL_FAULTS, Fault, FaultProxy, fault_proxy
from tests.support.history import check_history

INTENTS = [f"intent/{number}" for number in range(12)]
# What each fault may show itself as to a caller; a lie that is not noticed is no error at all.
CAUGHT = (ChainUnreachableError, WrongChainError)


@pytest.fixture
def engine() -> Iterator[RunningEngine]:
    running = start(EngineOptions(port=free_port(), mining=Mining.EXPLICIT))
    yield running
    running.stop()


def work(table: OutboxTable, key: SigningKey, url: str, finality_depth: int = 0) -> None:
    """Do one step of a daemon's life: a new process each time, as far as it gets."""
    outbox = None
    try:
        client = ChainClient.connect(url, 1337, timeout_s=5)
        outbox = Outbox(client, table, key, finality_depth=finality_depth)
        outbox.advance()
        for intent in INTENTS:
            outbox.submit(intent, key.address, intent.encode())
    except CAUGHT:
        pass
    finally:
        if outbox is not None:
            outbox.close()


def all_entries(table: OutboxTable) -> list[Outgoing]:
    return [entry for intent in INTENTS for entry in table.attempts(1337, intent)]


def suffer(engine: RunningEngine, folder: Path, proxy: FaultProxy, rounds: int) -> None:
    """Work through a bad proxy, then through a healed one, and check the history."""
    honest, key = ChainClient.connect(engine.url, 1337), SigningKey.generate()
    table, chain = OutboxTable(Database.open(folder / "x.sqlite")), DevChain(honest)
    for _ in range(rounds):
        work(table, key, proxy.url)
        chain.mine()
    proxy.heal()
    for _ in range(4):
        work(table, key, proxy.url)
        chain.mine()

    found = check_history(honest, [key.address], all_entries(table), INTENTS)

    assert found.clean, found
    assert honest.nonce(key.address) == len(INTENTS)


@pytest.mark.parametrize("fault", ALL_FAULTS)
def test_one_kind_of_fault_at_every_other_exchange_loses_and_doubles_nothing(
    fault: Fault, engine: RunningEngine, tmp_path: Path
) -> None:
    with fault_proxy(engine.url, seed=7, rate=0.5, faults=(fault,)) as proxy:
        suffer(engine, tmp_path, proxy, rounds=12)

        assert proxy.done[fault] >= 5


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_all_faults_mixed_lose_and_double_nothing(seed: int, engine: RunningEngine, tmp_path: Path) -> None:
    with fault_proxy(engine.url, seed=seed, rate=0.3) as proxy:
        suffer(engine, tmp_path, proxy, rounds=25)


@pytest.mark.parametrize("depth", range(1, 9))
def test_reorganisation_brings_the_same_transactions_back(depth: int, engine: RunningEngine, tmp_path: Path) -> None:
    client, key = ChainClient.connect(engine.url), SigningKey.generate()
    table, chain = OutboxTable(Database.open(tmp_path / "x.sqlite")), DevChain(client)
    for _ in range(2):
        chain.mine()
    work(table, key, engine.url, finality_depth=8)
    chain.mine()
    for _ in range(depth - 1):
        chain.mine()
    work(table, key, engine.url, finality_depth=8)
    assert all(entry.state is OutgoingState.MINED for entry in all_entries(table))
    raws = [entry.raw for entry in all_entries(table)]

    chain.reorganise(depth)
    assert client.nonce(key.address) == 0
    for _ in range(12):
        work(table, key, engine.url, finality_depth=8)
        chain.mine()
    work(table, key, engine.url, finality_depth=8)

    assert [entry.raw for entry in all_entries(table)] == raws
    assert all(entry.state is OutgoingState.FINAL for entry in all_entries(table))
    assert check_history(client, [key.address], all_entries(table), INTENTS).clean


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.DROP_REQUEST, ChainUnreachableError),
        (Fault.DROP_ANSWER, ChainUnreachableError),
        (Fault.TRUNCATE, ChainUnreachableError),
        (Fault.TOO_MANY, ChainUnreachableError),
        (Fault.NOT_JSON, ChainUnreachableError),
        (Fault.OTHER_ID, ChainUnreachableError),
        (Fault.WRONG_CHAIN, WrongChainError),
    ],
)
def test_fault_is_noticed_and_named(fault: Fault, error: type[ChainError], engine: RunningEngine) -> None:
    with fault_proxy(engine.url, rate=1.0, faults=(fault,)) as proxy, pytest.raises(error) as caught:
        ChainClient.connect(proxy.url, 1337)

    assert proxy.url in str(caught.value)


def test_node_that_never_answers_is_given_up_in_time() -> None:
    import socket
    import time

    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        began = time.monotonic()

        with pytest.raises(ChainUnreachableError, match="timed out"):
            JsonRpc(f"http://127.0.0.1:{deaf.getsockname()[1]}", timeout_s=0.3).call("eth_chainId")

    assert time.monotonic() - began < 3


def test_history_check_finds_what_is_lost_doubled_and_unexplained(engine: RunningEngine, tmp_path: Path) -> None:
    client, key = ChainClient.connect(engine.url), SigningKey.generate()
    table, chain = OutboxTable(Database.open(tmp_path / "x.sqlite")), DevChain(client)
    work(table, key, engine.url)
    chain.mine()
    work(table, key, engine.url)
    entries = all_entries(table)
    twice = [*entries[:-1], _renamed(entries[-1], INTENTS[0])]

    lost = check_history(client, [key.address], entries, [*INTENTS, "never sent"])
    doubled = check_history(client, [key.address], twice, INTENTS[:-1])
    unexplained = check_history(client, [key.address], entries[1:], INTENTS[1:])

    assert (lost.lost, lost.doubled) == (["never sent"], [])
    assert doubled.doubled == [INTENTS[0]]
    assert unexplained.unexplained == [entries[0].transaction_hash.hex()]


def _renamed(entry: Outgoing, intent: str) -> Outgoing:
    from dataclasses import replace

    return replace(entry, intent=intent)
