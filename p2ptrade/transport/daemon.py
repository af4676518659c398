"""The one loop that every daemon runs, and what it tells about its health.

A step reads, decides and acts; it may be cut off anywhere, because the chain is the memory. An error that waiting may
cure is tried again with growing pauses, any other stops the daemon. What concerns a single slot or participant is
skipped inside the step and never gets here.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

import structlog

from p2ptrade.errors import P2PTradeError

BACKOFF_MAX_S: Final = 10.0
Step = Callable[[], None]

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Health:
    """What the daemon says to whoever asks: alive while steps end, ready while the last one ended well."""

    stale_after_s: float = 60.0
    waiting_for: str = "the first cycle"
    steps: int = 0
    failures: int = 0
    stopped_by: str | None = None
    _beat: float = field(default_factory=time.monotonic)

    def went_well(self) -> None:
        """Note a step that ended well."""
        self.waiting_for = ""
        self.steps += 1
        self._beat = time.monotonic()

    def must_wait(self, error: P2PTradeError) -> None:
        """Note a step that failed for now."""
        self.waiting_for = str(error)
        self.failures += 1
        self._beat = time.monotonic()

    @property
    def alive(self) -> bool:
        """Return whether the loop still turns."""
        return self.stopped_by is None and time.monotonic() - self._beat < self.stale_after_s

    @property
    def ready(self) -> bool:
        """Return whether the last step ended well."""
        return self.alive and not self.waiting_for


def run_steps(step: Step, *, interval_s: float, stop: threading.Event, health: Health) -> None:
    """Run `step` every `interval_s` seconds until `stop` is set.

    Raises:
        P2PTradeError: a step failed in a way that waiting does not cure.
    """
    pause_s = interval_s
    while not stop.is_set():
        try:
            step()
        except P2PTradeError as error:
            if not error.transient:
                health.stopped_by = str(error)
                raise
            if not health.waiting_for:
                _log.warning("waiting", reason=str(error), problem=error.problem_type)
            health.must_wait(error)
            pause_s = min(2 * pause_s, BACKOFF_MAX_S)
        else:
            if health.waiting_for and health.steps:
                _log.info("going on")
            health.went_well()
            pause_s = interval_s
        stop.wait(pause_s)
