"""What the `check` commands of the daemons share: findings, how they are shown, and the market of the settings."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

import typer

from p2ptrade.chain.deployed import Deployment, Market
from p2ptrade.config import Settings


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a daemon needs: what it is, and what is wrong with it, if anything."""

    what: str
    wrong: str | None = None

    @property
    def ok(self) -> bool:
        """Return whether nothing is wrong with it."""
        return self.wrong is None

    def __str__(self) -> str:
        return f"ok    {self.what}" if self.wrong is None else f"WRONG {self.what}: {self.wrong}"


def connect_market(settings: Settings) -> Market:
    """Return the market of the settings.

    Raises:
        ConfigError, ChainUnreachableError, WrongChainError: there is none, or its chain is not there.
    """
    deployment = Deployment.read(settings.chain.deployment)
    return Market.connect(settings.chain.url, deployment, timeout_s=settings.chain.timeout_s)


def finish(findings: Iterable[Finding], *, as_json: bool) -> NoReturn:
    """Print the findings and end the command: exit code 0 if nothing is wrong, else 1."""
    listed = list(findings)
    if as_json:
        checks = [{"what": each.what, "ok": each.ok, "wrong": each.wrong} for each in listed]
        sys.stdout.write(json.dumps({"ok": all(each.ok for each in listed), "checks": checks}) + "\n")
    else:
        sys.stdout.write("".join(f"{each}\n" for each in listed))
    raise typer.Exit(0 if all(each.ok for each in listed) else 1)
