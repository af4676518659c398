"""The checkpoint of a crash test, armed by the setting `crash_at`."""

import os
import signal

from p2ptrade.config.settings import Settings
from p2ptrade.domain.checkpoint import Checkpoint, pass_by


def checkpoint(settings: Settings) -> Checkpoint:
    """Return the checkpoint that kills this process at `crash_at`, or one that does nothing."""
    if settings.crash_at is None:
        return pass_by
    wanted, _, count = settings.crash_at.partition(":")
    left = int(count) if count.isdigit() else 1

    def die_there(place: str) -> None:
        nonlocal left
        if place == wanted:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return die_there
