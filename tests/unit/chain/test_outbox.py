"""Every intent happens exactly once: whatever dies, whatever answer is lost, whatever block is reorganised away.

Paths: given nothing, a stored, a sent or a mined transaction; when the process dies, the node drops it, the
answer is lost, the block is reorganised away, or another transaction takes the nonce; then the same bytes or a look-up.
"""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from p2ptrade.chain.outbox import Outbox
from p2ptrade.chain.transaction import UnsignedTransaction, unsigned
from p2ptrade.domain.outgoing import OutgoingState
from p2ptrade.errors import (
    ChainUnreachableError,
    ConfigError,
    RefusedError,
    TransactionRevertedError,
    WrongChainError,
)
from tests.unit.chain.outbox_world import KEY, OTHER, Killed, MemoryStore, Process, SimulatedChain

INTENTS = ("commit/1", "commit/2", "clear/1")
EFFECTS = [intent.encode() for intent in INTENTS]
CALLS = ("head", "nonce", "estimate", "send", "receipts", "knows")


def open_outbox(chain: SimulatedChain, store: MemoryStore, **more: object) -> Outbox:
    store.held = False
    return Outbox(chain, store, KEY, sleep=lambda seconds: None, **more)  # type: ignore[arg-type]


def at(place: str, count: int, what: BaseException) -> Callable[[str], None]:
    """Return a checkpoint at which `what` happens, the `count`-th time it is reached."""
    seen = 0

    def reached(name: str) -> None:
        nonlocal seen
        if name == place:
            seen += 1
            if seen == count:
                raise what

    return reached


def drain(chain: SimulatedChain, process: Process, blocks: int = 12) -> None:
    """Let the process work undisturbed until everything must have happened."""
    chain.before = chain.after = process.checkpoint = lambda place: None
    for _ in range(blocks):
        process.cycle()
        chain.mine()


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize(
    "place", ["outbox.before-store", "outbox.stored", "outbox.sent", "outbox.before-update", "outbox.updated"]
)
def test_process_killed_at_a_checkpoint_does_everything_once_after_its_restart(place: str, count: int) -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS, checkpoint=at(place, count, Killed()))

    for _ in range(3):
        process.cycle()
        chain.mine()
    drain(chain, process)

    assert chain.effects() == EFFECTS


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("call", CALLS)
def test_call_that_fails_before_it_reaches_the_node_costs_nothing(call: str, count: int) -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS)
    chain.before = at(call, count, ChainUnreachableError("cut"))

    for _ in range(3):
        process.cycle()
        chain.mine()
    drain(chain, process)

    assert chain.effects() == EFFECTS


@pytest.mark.parametrize("count", [1, 2, 3])
def test_answer_lost_after_the_node_took_the_transaction_causes_no_second_one(count: int) -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS)
    chain.after = at("send", count, ChainUnreachableError("cut"))

    process.cycle()
    drain(chain, process)

    assert chain.effects() == EFFECTS
    assert len(store.entries) == len(INTENTS)


def test_transaction_that_the_node_forgot_is_sent_again_with_the_same_bytes() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS)
    process.cycle()
    raws = list(chain.pool)

    chain.lose_pool()
    process.cycle()

    assert chain.pool == raws


@pytest.mark.parametrize("depth", range(1, 9))
def test_reorganisation_brings_back_the_same_transactions(depth: int) -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS, finality_depth=8)
    for _ in range(5):
        process.cycle()
        chain.mine()
    assert chain.effects() == EFFECTS

    chain.reorganise(depth)
    drain(chain, process, blocks=20)

    assert chain.effects() == EFFECTS
    assert len(store.entries) == len(INTENTS)
    assert all(entry.state is OutgoingState.FINAL for entry in store.entries.values())


def test_block_counts_as_final_only_with_enough_blocks_on_top() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    with open_outbox(chain, store, finality_depth=3) as outbox:
        outbox.submit("a", OTHER, b"a")
        states = []
        for _ in range(4):
            chain.mine()
            outbox.advance()
            states.append(store.entries["a", 0].state)

    assert states == [OutgoingState.MINED] * 3 + [OutgoingState.FINAL]


def test_intent_whose_nonce_a_stranger_took_gets_a_new_transaction() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, ["a"])
    process.cycle()
    chain.lose_pool()
    foreign = UnsignedTransaction(0, 0, 21_000, OTHER, b"foreign").signed(KEY, 1337)
    chain.blocks.append([foreign])

    drain(chain, process)

    assert chain.effects() == [b"foreign", b"a"]
    assert store.entries["a", 0].state is OutgoingState.DROPPED


def test_stranger_in_a_block_that_is_reorganised_away_costs_nothing() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, ["a"], finality_depth=2)
    process.cycle()
    chain.lose_pool()
    chain.blocks.append([UnsignedTransaction(0, 0, 21_000, OTHER, b"foreign").signed(KEY, 1337)])
    process.cycle()

    chain.reorganise(1)
    drain(chain, process)

    assert chain.effects() == [b"a"]
    assert len(store.entries) == 1


def test_node_that_lags_behind_its_own_count_of_nonces_causes_no_second_transaction() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, ["a"])
    process.cycle()
    chain.mine()

    chain.receipts = lambda hashes: [None for _ in hashes]  # type: ignore[method-assign]
    chain.knows = lambda transaction_hash: False  # type: ignore[method-assign]
    process.cycle()
    del chain.receipts, chain.knows
    drain(chain, process)

    assert chain.effects() == [b"a"]


def test_original_that_is_mined_before_its_replacement_counts() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    with open_outbox(chain, store, finality_depth=3) as outbox:
        first = outbox.submit("a", OTHER, b"a")
        outbox.replace("a")
        chain.pool = [first.raw]
        chain.mine()

        found = outbox.wait("a", within_s=1)

    assert found.transaction_hash == first.transaction_hash


def test_replacement_keeps_the_nonce_and_only_one_of_the_two_happens() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    with open_outbox(chain, store) as outbox:
        first = outbox.submit("a", OTHER, b"a")
        second = outbox.replace("a")
        chain.mine()
        outbox.advance()
        found = outbox.find("a")

    assert (second.nonce, unsigned(second.raw).data) == (first.nonce, b"a")
    assert second.gas_price_wei > first.gas_price_wei
    assert chain.effects() == [b"a"]
    assert found is not None
    assert found.transaction_hash == second.transaction_hash
    assert store.entries["a", 0].state is OutgoingState.DROPPED


def test_nothing_can_be_replaced_once_it_is_in_a_block() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    with open_outbox(chain, store) as outbox:
        outbox.submit("a", OTHER, b"a")
        chain.mine()
        outbox.advance()

        with pytest.raises(RefusedError, match="nothing waits for a"):
            outbox.replace("a")


def test_transaction_that_reverted_is_reported_and_may_be_tried_anew() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    chain.call = lambda *args, **kwargs: b""  # type: ignore[method-assign]
    with open_outbox(chain, store) as outbox:
        first = outbox.submit("a", OTHER, b"a")
        chain.reverting.add(first.transaction_hash)
        chain.mine()
        with pytest.raises(TransactionRevertedError, match="reverted"):
            outbox.wait("a", within_s=1)

        second = outbox.submit("a", OTHER, b"a")
        chain.mine()
        outbox.wait("a", within_s=1)

    assert second.nonce == first.nonce + 1
    assert chain.effects() == [b"a"]


def test_transaction_that_is_not_mined_in_time_stays_in_the_outbox() -> None:
    chain, store = SimulatedChain(), MemoryStore()
    with open_outbox(chain, store) as outbox:
        outbox.submit("a", OTHER, b"a")

        with pytest.raises(ChainUnreachableError, match="not mined within"):
            outbox.wait("a", within_s=0.1)

        assert outbox.waiting() == 1


def test_chain_that_was_started_anew_is_refused_and_the_lease_is_free_again() -> None:
    store = MemoryStore()
    with open_outbox(SimulatedChain(), store) as outbox:
        outbox.submit("a", OTHER, b"a")
        outbox._client.mine()  # type: ignore[attr-defined]
        outbox.advance()

    with pytest.raises(WrongChainError, match="use a new state folder"):
        Outbox(SimulatedChain(), store, KEY)

    assert not store.held


def test_two_processes_cannot_send_with_one_key() -> None:
    chain, store = SimulatedChain(), MemoryStore()

    with open_outbox(chain, store), pytest.raises(ConfigError):
        Outbox(chain, store, KEY)


disturbances = st.lists(
    st.one_of(
        st.tuples(st.just("kill"), st.sampled_from(["outbox.before-store", "outbox.stored", "outbox.sent"])),
        st.tuples(st.just("kill"), st.sampled_from(["outbox.before-update", "outbox.updated"])),
        st.tuples(st.just("cut before"), st.sampled_from(CALLS)),
        st.tuples(st.just("cut after"), st.just("send")),
        st.tuples(st.just("lose pool"), st.just("")),
        st.tuples(st.just("reorganise"), st.sampled_from(["1", "2", "3"])),
        st.tuples(st.just("mine"), st.just("")),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(disturbances, st.data())
def test_any_sequence_of_faults_leaves_every_intent_done_exactly_once(
    faults: list[tuple[str, str]], data: st.DataObject
) -> None:
    chain, store = SimulatedChain(), MemoryStore()
    process = Process(chain, store, INTENTS, finality_depth=3)

    for kind, place in faults:
        chain.before = chain.after = process.checkpoint = lambda place: None
        count = data.draw(st.integers(1, 3))
        if kind == "kill":
            process.checkpoint = at(place, count, Killed())
        elif kind == "cut before":
            chain.before = at(place, count, ChainUnreachableError("cut"))
        elif kind == "cut after":
            chain.after = at(place, count, ChainUnreachableError("cut"))
        elif kind == "lose pool":
            chain.lose_pool()
        elif kind == "reorganise":
            chain.reorganise(int(place))
        else:
            chain.mine()
        process.cycle()
    drain(chain, process, blocks=20)

    assert sorted(chain.effects()) == sorted(EFFECTS)
    assert all(not entry.is_open for entry in store.entries.values())
