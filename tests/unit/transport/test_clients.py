"""Clients repeat reads and never writes, and turn every bad answer into an error of the tree."""

from collections.abc import Callable

import httpx
import pytest

from p2ptrade.domain.units import SlotNumber
from p2ptrade.errors import InputError, PeerUnreachableError, RefusedError
from p2ptrade.transport.clients import OracleClient, RelayClient
from p2ptrade.transport.schemas.market import SealMessage, SealsMessage

SLOT = SlotNumber(7)
SEALS = SealsMessage(seals=(SealMessage(account=16, terms_hash=b"d" * 32, signature=b"s" * 64),))
INFO = {"chain_id": 7, "auction": "0x" + "ab" * 20, "relay": "0x" + "cd" * 20}


def relay(answers: list[httpx.Response | Exception]) -> tuple[RelayClient, list[httpx.Request]]:
    """Return a client that gets these answers in turn, and the list of what it asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        said = answers.pop(0)
        if isinstance(said, Exception):
            raise said
        return said

    return RelayClient("http://relay.test", transport=httpx.MockTransport(answer)), asked


def test_a_read_is_repeated_on_a_bad_line() -> None:
    client, asked = relay([httpx.ConnectError("gone"), httpx.Response(503), httpx.Response(200, json=INFO)])

    assert client.info().chain_id == 7
    assert len(asked) == 3


def test_a_write_is_not_repeated() -> None:
    client, asked = relay([httpx.ReadTimeout("lost"), httpx.Response(200, json={"outcomes": []})])

    with pytest.raises(PeerUnreachableError, match=r"the relay at http://relay\.test did not answer"):
        client.send_seals(SLOT, SEALS)
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"), [(409, RefusedError), (422, InputError), (413, InputError), (500, PeerUnreachableError)]
)
def test_a_problem_becomes_the_error_of_its_kind_with_its_sentence(status: int, kind: type[Exception]) -> None:
    client, _ = relay([httpx.Response(status, json={"detail": "the gate has closed"})])

    with pytest.raises(kind, match="the gate has closed"):
        client.send_seals(SLOT, SEALS)


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>", b'{"chain_id": "7"}', b'{"chain_id": 7, "auction": "0x00", "relay": "0x00"}', b"\xff" * 9],
)
def test_an_answer_that_is_not_of_the_protocol_is_an_unreachable_peer(content: bytes) -> None:
    client, _ = relay([httpx.Response(200, content=content) for _ in range(3)])

    with pytest.raises(PeerUnreachableError):
        client.info()


def test_what_is_not_there_yet_is_nothing_and_no_error() -> None:
    said: Callable[[httpx.Request], httpx.Response] = lambda _: httpx.Response(404, json={"detail": "no report yet"})  # noqa: E731
    oracle = OracleClient("http://oracle.test", transport=httpx.MockTransport(said))

    assert oracle.report(SLOT) is None
