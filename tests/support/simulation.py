"""A chain that forgets: what a test plays on it is run by one request (`eth_simulateV1`) and leaves nothing behind.

    chain = SimulatedChain(session_chain.client)
    market = on(chain, market)
    chain.begin(at_s)                      # from the state of the real chain
    slot = market.new_slot()               # transactions are noted down ...
    cleared = slot.clear().event(market.auction, "Cleared")     # ... and run when somebody asks what came of one

Contracts and entry points are the real ones, and so is the machine that runs them; only nothing is mined. A book needs
three requests of milliseconds instead of dozens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, TypeVar

from eth_typing import ChecksumAddress

from p2ptrade.chain.client import LATEST, ChainClient, TransactionReceipt, parse_log
from tests.support.auction import Market
from tests.support.chain import GAS_LIMIT, Chain, Contract, Receipt, as_reverted
from tests.support.platform import Platform
from tests.support.settlement import SettlementStage

Stage = TypeVar("Stage", Market, SettlementStage)
Holder = TypeVar("Holder", Market, SettlementStage, Platform)


class Noted(Receipt):
    """The receipt of a transaction that is run when somebody reads it."""

    _read: Callable[[], TransactionReceipt]

    def __init__(self, chain: SimulatedChain, place: tuple[int, int]) -> None:
        object.__setattr__(self, "_read", partial(chain.receipt, place))  # the base is frozen

    @property
    def raw(self) -> TransactionReceipt:
        return self._read()


class SimulatedChain(Chain):
    """A chain whose blocks since `begin` are a list of calls."""

    def __init__(self, client: ChainClient) -> None:
        super().__init__(client)
        self._blocks: list[tuple[int, list[dict[str, str]]]] = []
        self._done: list[list[dict[str, Any]]] | None = None  # what came of `_blocks`, once somebody asked

    def begin(self, at_s: int) -> None:
        """Forget everything that was played and go on from the real chain, with a block at `at_s`."""
        assert at_s > self.client.now_s()
        self._blocks, self._done = [(at_s, [])], None

    def now_s(self) -> int:
        return self._blocks[-1][0]

    def warp_to(self, time_s: int) -> None:
        self._blocks.append((time_s, []))
        self._done = None

    def send(self, to: ChecksumAddress | None, data: bytes, *, sender: str) -> Receipt:
        calls = self._blocks[-1][1]
        calls.append(_call(to, data, sender))
        self._done = None
        return Noted(self, (len(self._blocks) - 1, len(calls) - 1))

    def eth_call(
        self, to: ChecksumAddress, data: bytes, *, sender: str | None = None, block: int | str = LATEST
    ) -> bytes:
        assert block == LATEST
        time_s, calls = self._blocks[-1]
        asked = _call(to, data, sender or self.address("anybody"))
        answers = self._run([*self._blocks[:-1], (time_s, [*calls, asked])])
        return bytes.fromhex(answers[-1][-1]["returnData"].removeprefix("0x"))

    def receipt(self, place: tuple[int, int]) -> TransactionReceipt:
        """Run everything and return what came of one transaction; raises what any of them reverts with."""
        block, index = place
        if self._done is None:
            self._done = self._run(self._blocks)
        done = self._done[block][index]
        logs = tuple(parse_log(log) for log in done["logs"])
        return TransactionReceipt(bytes(32), True, block, bytes(32), int(done["gasUsed"], 16), None, logs)

    def _run(self, blocks: list[tuple[int, list[dict[str, str]]]]) -> list[list[dict[str, Any]]]:
        states = [{"blockOverrides": {"time": hex(time_s)}, "calls": calls} for time_s, calls in blocks]
        answer = self.rpc.call("eth_simulateV1", {"blockStateCalls": states}, LATEST)
        for call in (call for block in answer for call in block["calls"]):
            if int(call["status"], 16) != 1:
                raise as_reverted(bytes.fromhex(call["returnData"].removeprefix("0x")))
        return [block["calls"] for block in answer]


def on(chain: SimulatedChain, stage: Stage) -> Stage:
    """Return the same contracts, but played on a chain that forgets."""
    platform = _moved(stage.platform, chain)
    return _moved(replace(stage, platform=replace(platform, chain=chain)), chain)


def _moved(holder: Holder, chain: SimulatedChain) -> Holder:
    found = {field.name: getattr(holder, field.name) for field in fields(holder)}
    moved: dict[str, Any] = {
        name: replace(value, chain=chain) for name, value in found.items() if isinstance(value, Contract)
    }
    return replace(holder, **moved)


def _call(to: ChecksumAddress | None, data: bytes, sender: str) -> dict[str, str]:
    assert to is not None, "contracts are deployed on the real chain"
    return {"from": sender, "to": to, "data": "0x" + data.hex(), "gas": hex(GAS_LIMIT // 2)}
