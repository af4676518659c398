"""For all tests: linear algebra in one thread, as the commands run it, and Python's own limit of nesting.

With more threads, parallel tests wait for each other. The limit is lifted by py_ecc, which comes with eth_account: with
it, deeply nested JSON ends the process instead of being refused. Properties have no deadline: how long an example takes
says something of the machine, not of us.
"""

import os
import sys
from collections.abc import Iterator

import pytest
import structlog
from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

_LIMIT = sys.getrecursionlimit()
import py_ecc  # noqa: E402, F401

sys.setrecursionlimit(_LIMIT)

settings.register_profile("p2ptrade", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("p2ptrade")


@pytest.fixture(autouse=True)
def fresh_logs() -> Iterator[None]:
    """After a command that ran in this process, log again as if it had not: its standard error is closed by then."""
    yield
    structlog.reset_defaults()
