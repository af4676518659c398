"""The HTTP server of a service: a FastAPI application with health and metrics, run by uvicorn beside the daemon's loop.

Servers listen on the loopback interface unless they are told otherwise. The socket is bound before anything else
starts, so that a port in use is one sentence and not a traceback from inside the server.
"""

import ctypes
import errno
import gc
import socket
import threading
from contextlib import suppress
from http import HTTPStatus
from types import FrameType
from typing import Final

import structlog
import uvicorn
from fastapi import FastAPI, Request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.responses import JSONResponse, Response

from p2ptrade.errors import ConfigError, P2PTradeError
from p2ptrade.transport.daemon import Health, Step, run_steps
from p2ptrade.transport.ending import asked_to_end
from p2ptrade.transport.problems import install_problem_handlers, problem_answer

LOOPBACK: Final = "127.0.0.1"
_SHUTDOWN_S: Final = 3

_log = structlog.get_logger(__name__)


def make_app(title: str, *, health: Health, registry: CollectorRegistry | None = None) -> FastAPI:
    """Return an application with `/healthz`, `/readyz` and `/metrics`, and problems for errors."""
    app = FastAPI(title=f"p2ptrade {title}", version="1", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    install_problem_handlers(app)
    metrics = registry or CollectorRegistry()

    @app.get("/healthz", include_in_schema=False)
    def healthz(request: Request) -> Response:
        if health.alive:
            return JSONResponse({"status": "alive"})
        reason = health.stopped_by or "the daemon's loop does not turn any more"
        return problem_answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "not-alive", reason)

    @app.get("/readyz", include_in_schema=False)
    def readyz(request: Request) -> Response:
        if health.ready:
            return JSONResponse({"status": "ready", "steps": health.steps})
        reason = health.stopped_by or f"waiting for {health.waiting_for or 'the loop'}"
        return problem_answer(request, HTTPStatus.SERVICE_UNAVAILABLE, "not-ready", reason)

    @app.get("/metrics", include_in_schema=False)
    def prometheus() -> Response:
        return Response(generate_latest(metrics), media_type=CONTENT_TYPE_LATEST)

    return app


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any that is free.

    Raises:
        ConfigError: the port is in use, or the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(512)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(
                f"port {port} on {host} is in use: stop what listens there or choose another port"
            ) from None
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror or error}") from None
    return listener


def run_service(
    app: FastAPI,
    *,
    listener: socket.socket,
    health: Health,
    step: Step | None = None,
    interval_s: float = 1.0,
) -> None:
    """Serve `app` and run `step` beside it until the process is asked to end (SIGTERM, SIGHUP, SIGINT).

    Raises:
        P2PTradeError: the loop ended with an error that waiting does not cure; the server has been shut down.
    """
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=30,
            timeout_graceful_shutdown=_SHUTDOWN_S,
        )
    )
    stop = threading.Event()
    failed: list[BaseException] = []

    def loop() -> None:
        try:
            run_steps(step or (lambda: None), interval_s=interval_s, stop=stop, health=health)
        except P2PTradeError as error:
            failed.append(error)
        except BaseException as error:
            health.stopped_by = f"an unforeseen {type(error).__name__}"
            failed.append(error)
            raise
        finally:
            server.should_exit = True

    give_back_memory()
    worker = threading.Thread(target=loop, name="cycle", daemon=True)
    host, port = listener.getsockname()[:2]
    _log.info("listening", host=host, port=port)

    # uvicorn, once it is down, hands the signal to whom it found: the process must not be gone before its step has
    # ended and its database is put away.
    def end(_number: int, _frame: FrameType | None) -> None:
        server.should_exit = True

    with asked_to_end(end):
        worker.start()
        try:
            server.run(sockets=[listener])
        finally:
            stop.set()
            worker.join(_SHUTDOWN_S)
            listener.close()
    if failed:
        raise failed[0]


def give_back_memory() -> None:
    """Hand back to the system what loading modules left free in the process: with glibc about 4 MiB of a daemon."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL(None).malloc_trim(0)
