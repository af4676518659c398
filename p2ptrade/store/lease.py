"""The right to be the only writer: held by the operating system for a process, so it ends when the process does.

For SQLite it is a locked file beside the database, for PostgreSQL an advisory lock of a connection of its own. A
process that is stopped (not dead) keeps its lease; nobody else can take its place and write past it.
"""

import fcntl
import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import SQLAlchemyError

from p2ptrade.errors import ConfigError

# A lock of 64 bits is listed with its upper half as class and its lower half as object.
_HELD: Final = """
    SELECT count(*) FROM pg_locks
    WHERE locktype = 'advisory' AND granted AND pid = pg_backend_pid()
      AND (classid::bigint << 32 | objid::bigint) = :number
"""


class Lease(Protocol):
    """A right that somebody holds."""

    def require(self) -> None:
        """Make sure that it is still held.

        Raises:
            ConfigError: it was lost.
        """
        ...

    def close(self) -> None:
        """Give it up."""
        ...


class FileLease:
    """A locked file; the lock goes with the process, the file stays."""

    def __init__(self, path: Path, what: str) -> None:
        """Lock `path`.

        Raises:
            ConfigError: another process has locked it.
        """
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._descriptor)
            raise _taken(what) from None

    def require(self) -> None:
        """Make sure that it is still held, as it is while the process lives."""

    def close(self) -> None:
        """Unlock the file."""
        os.close(self._descriptor)


class AdvisoryLease:
    """An advisory lock of PostgreSQL, held by a connection of its own; it goes with the connection."""

    def __init__(self, connection: Connection, what: str) -> None:
        """Take the lock.

        Raises:
            ConfigError: another connection has it.
        """
        # Without a transaction: one that stays open would keep the database from cleaning up.
        self._connection = connection.execution_options(isolation_level="AUTOCOMMIT")
        self._number = int.from_bytes(hashlib.sha256(what.encode()).digest()[:8], "big", signed=True)
        self._what = what
        if not self._says("SELECT pg_try_advisory_lock(:number)"):
            self._connection.close()
            raise _taken(what)

    def require(self) -> None:
        """Make sure that the connection is still the one that took the lock.

        Raises:
            ConfigError: it was lost, and the lock with it.
        """
        try:
            held = self._says(_HELD)
        except SQLAlchemyError:
            held = False
        if not held:
            raise ConfigError(f"the connection that held {self._what} was lost: start this process again")

    def close(self) -> None:
        """Give the lock up; the connection only goes back to its pool, and would keep it."""
        with suppress(SQLAlchemyError):  # a connection that was lost has lost its locks
            self._says("SELECT pg_advisory_unlock(:number)")
        self._connection.close()

    def _says(self, query: str) -> bool:
        return bool(self._connection.execute(text(query), {"number": self._number}).scalar())


def lease_for(engine: Engine, what: str) -> Lease:
    """Return the lease for `what` that fits the database."""
    if engine.dialect.name == "postgresql":
        return AdvisoryLease(engine.connect(), what)
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database:
        raise ConfigError("only a SQLite file or PostgreSQL can guard a sole writer: use one of them")
    return FileLease(Path(f"{database}.{what}.lock"), what)


def _taken(what: str) -> ConfigError:
    return ConfigError(f"another process already has {what} in this database: stop it, or use another state folder")
