"""A proxy between a daemon and its node that misbehaves: drops, delays, duplicates, truncates, refuses and lies.

Each exchange draws its fault from a seeded generator, so a run can be repeated. What was done is counted.
"""

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit


class Fault(StrEnum):
    """What happens to one exchange."""

    NONE = "none"
    DROP_REQUEST = "drop request"
    DROP_ANSWER = "drop answer"
    DELAY = "delay"
    DUPLICATE = "duplicate"
    TRUNCATE = "truncate"
    TOO_MANY = "too many requests"
    NOT_JSON = "not JSON"
    WRONG_CHAIN = "wrong chain id"
    LAGGING_HEAD = "lagging head"
    OTHER_ID = "answer to another question"


ALL_FAULTS = tuple(fault for fault in Fault if fault is not Fault.NONE)
DELAY_S = 0.05


class FaultProxy:
    """A node's stand-in at `url`; `rate` of the exchanges go wrong, in one of the ways of `faults`."""

    def __init__(self, node_url: str, *, seed: int, rate: float, faults: tuple[Fault, ...] = ALL_FAULTS) -> None:
        self._node = urlsplit(node_url)
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self.rate, self.faults = rate, faults
        self.done: Counter[Fault] = Counter()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def heal(self) -> None:
        """Let everything pass from now on."""
        self.rate = 0.0

    def _draw(self) -> Fault:
        with self._lock:
            fault = self._random.choice(self.faults) if self._random.random() < self.rate else Fault.NONE
            self.done[fault] += 1
            return fault

    def _forward(self, body: bytes) -> bytes:
        connection = HTTPConnection(self._node.hostname or "", self._node.port, timeout=30)
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            return connection.getresponse().read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fault = proxy._draw()
                if fault is Fault.DROP_REQUEST:
                    self.close_connection = True
                    return
                if fault is Fault.TOO_MANY:
                    self._answer(b"{}", status=429)
                    return
                if fault is Fault.DELAY:
                    time.sleep(DELAY_S)
                answer = proxy._forward(body)
                if fault is Fault.DUPLICATE:
                    answer = proxy._forward(body)
                if fault is Fault.DROP_ANSWER:
                    self.close_connection = True
                    return
                if fault is Fault.TRUNCATE:
                    answer = answer[: len(answer) // 2]
                self._answer(_twisted(fault, body, answer))

            def _answer(self, content: bytes, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def fault_proxy(
    node_url: str, *, seed: int = 1, rate: float = 0.3, faults: tuple[Fault, ...] = ALL_FAULTS
) -> Iterator[FaultProxy]:
    """Give a proxy that is closed at the end."""
    proxy = FaultProxy(node_url, seed=seed, rate=rate, faults=faults)
    try:
        yield proxy
    finally:
        proxy.close()


def _twisted(fault: Fault, request: bytes, answer: bytes) -> bytes:
    """Return the answer that the daemon gets."""
    if fault is Fault.NOT_JSON:
        return b"<html>502</html>"
    twist = _TWISTS.get(fault)
    if twist is None:
        return answer
    asked, answered = json.loads(request), json.loads(answer)
    questions = asked if isinstance(asked, list) else [asked]
    answers = answered if isinstance(answered, list) else [answered]
    for question, one in zip(questions, answers, strict=False):
        twist(question, one)
    return json.dumps(answered).encode()


def _wrong_chain(question: Mapping[str, Any], answer: dict[str, Any]) -> None:
    if question["method"] == "eth_chainId":
        answer["result"] = hex(int(answer["result"], 16) + 1)


def _lagging_head(question: Mapping[str, Any], answer: dict[str, Any]) -> None:
    """Say what a node says that is some blocks behind: an older head, no receipts, fewer transactions."""
    result = answer.get("result")
    if question["method"] == "eth_getBlockByNumber" and isinstance(result, dict):
        result["number"] = hex(max(0, int(result["number"], 16) - 3))
    elif question["method"] in ("eth_getTransactionReceipt", "eth_getTransactionByHash"):
        answer["result"] = None


def _other_id(question: Mapping[str, Any], answer: dict[str, Any]) -> None:
    answer["id"] = 10**9


_TWISTS: Mapping[Fault, Callable[[Mapping[str, Any], dict[str, Any]], None]] = {
    Fault.WRONG_CHAIN: _wrong_chain,
    Fault.LAGGING_HEAD: _lagging_head,
    Fault.OTHER_ID: _other_id,
}
