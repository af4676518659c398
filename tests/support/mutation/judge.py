"""A process in the copy of the tree that has the tests in memory; its forks compile contracts and run tests.

    python -m tests.support.mutation.judge TEST...

A line of JSON in: `{"build": [name, ...]}`, `{"optimize": [name, ...]}` or `{"run": [test, ...]}`. A line of JSON out:
for the first two the bytecode of each contract, without and with the optimizer, or null where one does not compile; for
a run the first test that failed, or "", and how long each took in seconds. A run is of the tests that it names, in that
order, or of all if it names none. Tests run contracts that the optimizer has not seen.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from functools import partial
from typing import Any, Final

import pytest

from p2ptrade.errors import InputError
from tests.support import contracts_build

TIMEOUT_S: Final = 300
WITHOUT_OPTIMIZER: Final = "P2PTRADE_WITHOUT_OPTIMIZER"
OPTIONS: Final = (
    "-x",
    "-q",
    "-p",
    "no:cacheprovider",
    "-p",
    "no:xdist",
    "--assert=plain",
    "-m",
    "not slow and not soak",
)


class Run:
    """Put tests into an order, the unnamed aside; note which fails, and how long each takes."""

    def __init__(self, named: list[str]) -> None:
        self._place = {test: place for place, test in enumerate(named)}
        self.failed = ""
        self.seconds: dict[str, float] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        if self._place:
            items[:] = sorted((item for item in items if item.nodeid in self._place), key=self._place_of)

    def _place_of(self, item: pytest.Item) -> int:
        return self._place[item.nodeid]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed:
            self.failed = self.failed or report.nodeid


def run(tests: list[str], named: list[str]) -> dict[str, Any]:
    gc.disable()
    watched = Run(named)
    code = pytest.main([*OPTIONS, *tests], plugins=[watched])
    return {"failed": watched.failed or (f"pytest ends with {code}" if code else ""), "seconds": watched.seconds}


def build(names: list[str]) -> dict[str, str] | None:
    try:
        contracts_build.build(names)
    except InputError:
        return None
    return {name: contracts_build.artifact(name)["bytecode"] for name in names}


def optimize(names: list[str]) -> dict[str, str]:
    del os.environ[WITHOUT_OPTIMIZER]
    compiled = contracts_build.compile_anew(names)
    return {name: compiled[name].bytecode for name in names}


def in_fork(work: Callable[[], Any]) -> Any:
    """Return what `work` returns in a process of its own, or that it took too long; end whatever that has started."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.setpgid(0, 0)
        try:
            with os.fdopen(writing, "w") as answer:
                json.dump(work(), answer)
        except BaseException:  # noqa: BLE001 - the parent finds no answer, and ends
            traceback.print_exc()
        finally:
            os._exit(0)
    os.close(writing)
    try:
        with os.fdopen(reading) as answer:
            text = answer.read() if select.select([reading], [], [], TIMEOUT_S)[0] else None
    finally:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return {"failed": f"more than {TIMEOUT_S} s"} if text is None else json.loads(text)


def main() -> None:
    """Import the tests once, then do what each line says."""
    tests = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w")
    os.environ[WITHOUT_OPTIMIZER] = "1"
    os.dup2(2, 1)  # what pytest says is for people
    with redirect_stdout(sys.stderr):
        pytest.main(["--collect-only", *OPTIONS, *tests])
    work: dict[str, Callable[[list[str]], Any]] = {"build": build, "optimize": optimize, "run": partial(run, tests)}
    for line in sys.stdin:
        ((task, names),) = json.loads(line).items()
        answer = in_fork(partial(work[task], names))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
