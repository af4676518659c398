"""The loop of a daemon waits out what may pass, and stops at what will not."""

import threading
from collections.abc import Callable

import pytest

from p2ptrade.errors import ChainUnreachableError, WrongChainError
from p2ptrade.transport.daemon import Health, run_steps


def script(stop: threading.Event, *outcomes: Exception | None) -> tuple[Callable[[], None], list[int]]:
    """Return a step that ends as told, once each, and then asks to stop; and the list of its calls."""
    left = list(outcomes)
    calls: list[int] = []

    def step() -> None:
        calls.append(len(calls))
        outcome = left.pop(0)
        if not left:
            stop.set()
        if outcome is not None:
            raise outcome

    return step, calls


def test_an_error_that_may_pass_is_tried_again() -> None:
    stop, health = threading.Event(), Health()
    step, calls = script(stop, None, ChainUnreachableError("no node"), None)

    run_steps(step, interval_s=0.0, stop=stop, health=health)

    assert len(calls) == 3
    assert health.ready
    assert (health.steps, health.failures) == (2, 1)


def test_an_error_that_will_not_pass_stops_the_daemon() -> None:
    stop, health = threading.Event(), Health()
    step, calls = script(stop, None, WrongChainError("chain 1 is not chain 7"), None)

    with pytest.raises(WrongChainError):
        run_steps(step, interval_s=0.0, stop=stop, health=health)

    assert len(calls) == 2
    assert not health.alive
    assert health.stopped_by == "chain 1 is not chain 7"
