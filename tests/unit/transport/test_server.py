"""Every service answers errors as problem documents, bounds its bodies, and says whether it is well."""

import socket
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from p2ptrade.errors import ChainUnreachableError, ConfigError, InputError, P2PTradeError, RefusedError
from p2ptrade.transport.bodies import json_body
from p2ptrade.transport.daemon import Health
from p2ptrade.transport.schemas.market import SealsMessage
from p2ptrade.transport.server import LOOPBACK, bind, make_app


@pytest.fixture
def app() -> FastAPI:
    return make_app("test", health=Health())


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    body = json_body(SealsMessage, 1000)

    @app.post("/seals")
    def take(seals: SealsMessage = body) -> dict[str, int]:
        return {"taken": len(seals.seals)}

    with TestClient(app) as client:
        yield client


def post(client: TestClient, body: str, media_type: str = "application/json"):  # type: ignore[no-untyped-def]
    return client.post("/seals", content=body, headers={"content-type": media_type})


def test_a_body_with_mistakes_names_each_place_by_json_pointer(client: TestClient) -> None:
    answer = post(client, '{"seals": [{"account": true, "terms_hash": "0x00", "signature": "x"}]}')

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:p2ptrade:problem:bad-input"
    assert [error["pointer"] for error in answer.json()["errors"]][:3] == [
        "/seals/0/account",
        "/seals/0/terms_hash",
        "/seals/0/signature",
    ]


def test_a_problem_does_not_repeat_what_was_sent(client: TestClient) -> None:
    answer = post(client, '{"seals": [{"account": "topsecret", "salt": "topsecret"}]}')

    assert "topsecret" not in answer.text


@pytest.mark.parametrize("body", ["", "{", "[" * 10_0, '{"seals": []} x', '\ufeff{"seals": []}'])
def test_a_body_that_is_no_json_is_a_problem_and_no_crash(client: TestClient, body: str) -> None:
    assert post(client, body).status_code == 422


def test_a_body_beyond_the_bound_is_cut_off(client: TestClient) -> None:
    def in_pieces() -> Iterator[bytes]:
        for _ in range(3):
            yield b" " * 500

    assert post(client, " " * 1001).status_code == 413
    assert client.post("/seals", content=in_pieces(), headers={"content-type": "application/json"}).status_code == 413


def test_a_body_of_another_media_type_is_refused(client: TestClient) -> None:
    assert post(client, "{}", "text/plain").status_code == 415


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("bad"), 422),
        (RefusedError("no"), 409),
        (ChainUnreachableError("gone"), 503),
        (P2PTradeError("x"), 500),
    ],
)
def test_each_kind_of_error_has_its_status(app: FastAPI, error: P2PTradeError, status: int) -> None:
    @app.get("/fail")
    def fail() -> None:
        raise error

    answer = TestClient(app).get("/fail")

    assert answer.status_code == status
    assert answer.json()["detail"] == str(error)
    assert ("retry-after" in answer.headers) == error.transient


def test_an_unknown_path_is_a_problem(client: TestClient) -> None:
    answer = client.get("/v1/nowhere")

    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:p2ptrade:problem:not-found"


def test_readiness_follows_the_last_step_and_liveness_the_loop() -> None:
    health = Health()
    client = TestClient(make_app("test", health=health))

    before = client.get("/readyz").status_code, client.get("/healthz").status_code
    health.went_well()
    well = client.get("/readyz").status_code
    health.must_wait(ChainUnreachableError("no answer from the node"))
    waiting = client.get("/readyz")
    health.stopped_by = "wrong chain"
    stopped = client.get("/healthz").status_code

    assert before == (503, 200)
    assert well == 200
    assert waiting.status_code == 503
    assert "no answer from the node" in waiting.json()["detail"]
    assert stopped == 503


def test_metrics_are_served_in_the_text_format(client: TestClient) -> None:
    assert client.get("/metrics").headers["content-type"].startswith("text/plain")


def test_a_port_in_use_is_one_sentence_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    def taken(*_: object) -> None:
        raise OSError(98, "Address already in use")

    monkeypatch.setattr(socket.socket, "bind", taken)

    with pytest.raises(ConfigError, match=r"port 8700 on 127\.0\.0\.1 is in use: stop what listens there"):
        bind(LOOPBACK, 8700)
