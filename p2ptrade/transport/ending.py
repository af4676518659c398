"""What a process does when it is asked to end: by SIGTERM, or by SIGHUP when its terminal is closed."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_ASKING: Final = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def asked_to_end(answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Call `answer` with the signal when the process is asked to end.

    What it ignores, as under nohup, it goes on to ignore. Outside the main thread, which alone may handle signals, this
    does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    found = {number: signal.getsignal(number) for number in _ASKING}
    heard = {number: handler for number, handler in found.items() if handler is not signal.SIG_IGN}
    for number in heard:
        signal.signal(number, answer)
    try:
        yield
    finally:
        for number, handler in heard.items():
            signal.signal(number, handler)
