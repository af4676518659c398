"""Daemons that are killed at places of their code, one place a life, and started again by whoever looks after them."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from p2ptrade.demo.processes import READY_WITHIN_S, Daemon, Fleet

OUTBOX = ("outbox.before-store", "outbox.stored", "outbox.sent", "outbox.before-update", "outbox.updated")
PLACES: Mapping[str, tuple[str, ...]] = {
    "dso": ("dso.before-publish", *OUTBOX, "dso.before-log", "dso.logged"),
    "relay": ("relay.closed", *OUTBOX, "relay.approved"),
    # Each oracle sends in its own turn only, one or two times in a short day: so they share the outbox's places.
    "oracle-0": ("oracle.drafted", *OUTBOX[:2]),
    "oracle-1": OUTBOX[2:3],
    "oracle-2": ("oracle.stored", "oracle.agreed"),
    "oracle-3": OUTBOX[3:],
    "gateway": ("gateway.signed", "gateway.kept", "gateway.acknowledged"),
    "agent": ("wallet.before-keep", "wallet.kept", "wallet.seals-sent", "wallet.openings-sent"),
}


@dataclass(slots=True)
class MortalDaemon(Daemon):
    """A daemon with the places at which its next lives end; after the last one it lives on."""

    deaths: list[str] = field(default_factory=list)
    died_at: list[str] = field(default_factory=list)

    def start(self) -> None:
        """Start the next life."""
        environment = dict(os.environ)
        if self.deaths:
            environment["P2PTRADE_CRASH_AT"] = self.deaths[0]
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "p2ptrade", *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
            )

    def wait_until_ready(self, within_s: float = READY_WITHIN_S) -> None:
        """Return as soon as the daemon serves; each of its lives may take as long to get ready as any daemon."""
        Daemon.wait_until_ready(self, within_s * (1 + len(self.deaths)))

    def check_alive(self) -> None:
        """Start a daemon again that was killed where it should be; anything else is a failure."""
        if self.process is not None and self.process.poll() == -signal.SIGKILL and self.deaths:
            self.died_at.append(self.deaths.pop(0))
            self.start()
        Daemon.check_alive(self)


class CrashingFleet(Fleet):
    """A fleet whose daemons die as `plan` says, by name."""

    plan: Mapping[str, tuple[str, ...]] = PLACES

    def start(self, *daemons: Daemon) -> None:
        """Start daemons that may die from now on; a chain lives."""
        mortal = [
            MortalDaemon(each.name, each.arguments, each.log, each.is_ready, deaths=list(self.plan.get(each.name, ())))
            for each in daemons
        ]
        super().start(*mortal)

    def died_at(self) -> dict[str, list[str]]:
        """Return where each daemon died so far."""
        return {name: list(each.died_at) for name, each in self.daemons.items() if isinstance(each, MortalDaemon)}
