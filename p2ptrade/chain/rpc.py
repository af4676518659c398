"""JSON-RPC over one kept-alive HTTP connection per thread: small, quick, and suspicious of what comes back.

A daemon asks the node many times a second, so this is leaner than a general web3 provider. Whatever is not a proper
answer to the question (no connection, a time-out, HTTP errors, truncated JSON, another id) is one thing to the caller:
the chain is unreachable now, and the outcome of what was asked is unknown.
"""

import http.client
import itertools
import json
import threading
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from p2ptrade.errors import ChainError, ChainUnreachableError, ConfigError

Request = tuple[str, list[Any]]


class RpcError(ChainError):
    """The node understood the question and refused it; `data` is what it says beyond the message."""

    def __init__(self, code: int, message: str, data: Any = None) -> None:
        super().__init__(f"the node answers: {message}")
        self.code = code
        self.node_message = message
        self.data = data


class JsonRpc:
    """A node at a URL. May be used by many threads."""

    def __init__(self, url: str, *, timeout_s: float = 20.0) -> None:
        """Take the address; nothing is sent yet.

        Raises:
            ConfigError: `url` is no HTTP address.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in ("http", "https") or not parts.hostname or port == -1:
            raise ConfigError(f"the chain's URL must look like http://127.0.0.1:8545, not {url!r}")
        self.url = url
        self._host, self._port, self._secure = parts.hostname, port, parts.scheme == "https"
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._timeout_s = timeout_s
        self._ids = itertools.count(1)
        self._local = threading.local()

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of one method.

        Raises:
            RpcError: the node refused.
            ChainUnreachableError: there was no usable answer.
        """
        number = next(self._ids)
        answer = self._post({"jsonrpc": "2.0", "id": number, "method": method, "params": list(params)})
        return self._result(answer, number)

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of many methods, in order; an `RpcError` stands where the node refused one.

        Raises:
            ChainUnreachableError: there was no usable answer, or not to every request.
        """
        if not requests:
            return []
        numbers = [next(self._ids) for _ in requests]
        answers = self._post(
            [
                {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
                for number, (method, params) in zip(numbers, requests, strict=True)
            ]
        )
        if not isinstance(answers, list):
            raise self._unreachable("it answers a batch with something else")
        by_id = {answer.get("id"): answer for answer in answers if isinstance(answer, dict)}
        return [self._result_or_error(by_id.get(number), number) for number in numbers]

    def close(self) -> None:
        """Close this thread's connection; the next call opens another."""
        connection: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
        self._local.connection = None

    def _result_or_error(self, answer: Any, number: int) -> Any:
        try:
            return self._result(answer, number)
        except RpcError as error:
            return error

    def _result(self, answer: Any, number: int) -> Any:
        if not isinstance(answer, dict) or answer.get("id") != number:
            raise self._unreachable("its answer does not belong to the question")
        error = answer.get("error")
        if error is not None:
            if not isinstance(error, dict):
                raise self._unreachable("its error cannot be understood")
            raise RpcError(int(error.get("code", 0)), str(error.get("message", "")), error.get("data"))
        if "result" not in answer:
            raise self._unreachable("its answer holds no result")
        return answer["result"]

    def _post(self, content: Any) -> Any:
        body = json.dumps(content, separators=(",", ":")).encode()
        try:
            status, answer = self._exchange(body)
        except (http.client.HTTPException, OSError) as error:
            self.close()
            raise self._unreachable(str(error) or type(error).__name__) from None
        if status != http.client.OK:
            self.close()
            raise self._unreachable(f"HTTP status {status}")
        try:
            return json.loads(answer)
        except ValueError:
            self.close()
            raise self._unreachable("its answer is not JSON") from None

    def _exchange(self, body: bytes) -> tuple[int, bytes]:
        """Send `body` and read the answer; a kept connection that turns out closed is opened anew, once."""
        kept: http.client.HTTPConnection | None = getattr(self._local, "connection", None)
        if kept is not None:
            try:
                return self._over(kept, body)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
                kept.close()
        kind = http.client.HTTPSConnection if self._secure else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=self._timeout_s)
        self._local.connection = connection
        return self._over(connection, body)

    def _over(self, connection: http.client.HTTPConnection, body: bytes) -> tuple[int, bytes]:
        connection.request("POST", self._path, body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        return response.status, response.read()

    def _unreachable(self, reason: str) -> ChainUnreachableError:
        return ChainUnreachableError(
            f"the chain at {self.url} gives no usable answer ({reason}): "
            "start it with `p2ptrade chain run`, or correct the URL"
        )
