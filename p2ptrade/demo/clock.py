"""The warped clock of a demo: chain time stands still but for what the demo advances, and blocks come when needed.

The chain mines explicitly. A thread mines a block, one second later than the last, whenever transactions wait; jumping
to an instant mines one empty block there. All daemons take their time from the chain, so they all live in warped time.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from p2ptrade.errors import ChainError

_IDLE_S: Final = 0.02

Request = Callable[[str, list[Any]], Any]


class WarpedClock:
    """Owner of block production on an embedded chain; `request` sends one JSON-RPC call and returns its result.

    Raises:
        ChainError: the node does not let us mine, so it is no embedded chain in explicit mining mode.
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._mine_what_waits, name="warped-clock", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()

    @property
    def now_s(self) -> int:
        """Return chain time: the timestamp of the latest block."""
        return int(self._request("eth_getBlockByNumber", ["latest", False])["timestamp"], 16)

    def jump_to(self, instant_s: int) -> None:
        """Mine a block at `instant_s`; an instant that has passed already changes nothing."""
        if self._failure is not None:
            raise ChainError(f"blocks are no longer mined: {self._failure}") from self._failure
        with self._lock:
            if instant_s > self.now_s:
                self._mine_at(instant_s)

    def _mine_what_waits(self) -> None:
        while not self._stop.wait(_IDLE_S):
            try:
                with self._lock:
                    if int(self._request("txpool_status", [])["pending"], 16):
                        self._mine_at(self.now_s + 1)
            except Exception as failure:  # noqa: BLE001 - handed to the thread that owns the demo
                self._failure = failure
                return

    def _mine_at(self, instant_s: int) -> None:
        self._request("evm_setNextBlockTimestamp", [instant_s])
        self._request("evm_mine", [])
