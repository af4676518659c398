"""Opening a database: pragmas that make a commit durable, migration to the newest tables, short transactions.

`Durability.FULL` survives a power cut: for outboxes, seals, salts and decisions, whatever was promised to somebody.
`Durability.NORMAL` survives a killed process and is far quicker: for raw telemetry that can be asked for again.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Final, Self

from sqlalchemy import (
    BigInteger,
    Column,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    insert,
    inspect,
    select,
)
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError
from sqlalchemy.orm import DeclarativeBase, Session

from p2ptrade.errors import ConfigError
from p2ptrade.store.lease import Lease, lease_for

WHOLE: Final = BigInteger().with_variant(Integer(), "sqlite")
"""The type of every whole number: 64 bits, which SQLite calls INTEGER, too, and numbers rows by itself only in such."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_REVISION_FILE: Final = re.compile(r"(?P<branch>[a-z_]+)_(?P<number>\d{4})")
_BUSY_TIMEOUT_MS: Final = 5000
# Where alembic keeps which migrations a database has.
_VERSIONS: Final = Table("alembic_version", MetaData(), Column("version_num", String(32), primary_key=True))


class Base(DeclarativeBase):
    """All tables of the platform."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {int: WHOLE}


class Durability(StrEnum):
    """What a commit survives; the values are SQLite's `synchronous` settings."""

    FULL = "FULL"
    NORMAL = "NORMAL"


class Database:
    """A migrated database."""

    def __init__(self, engine: Engine) -> None:
        """Wrap an engine; use `open`."""
        self.engine = engine

    @classmethod
    def open(cls, where: str | Path, durability: Durability = Durability.FULL) -> Self:
        """Open a database by path (SQLite) or SQLAlchemy URL, making it and its tables where they are missing.

        Raises:
            ConfigError: it cannot be opened.
        """
        url = f"sqlite:///{where}" if isinstance(where, Path) else where
        shown = repr(url)
        try:
            parsed = make_url(url)
            shown = parsed.render_as_string(hide_password=True)
            if parsed.get_backend_name() == "sqlite" and parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(parsed)
        except (ArgumentError, ModuleNotFoundError, OSError) as error:
            raise ConfigError(f"the database {shown} cannot be opened: {error}") from None
        if parsed.get_backend_name() == "sqlite":
            _prepare_sqlite(engine, durability)
        try:
            if not _is_current(engine) and not _create(engine):
                migrate(engine)
        except DatabaseError as error:
            raise ConfigError(f"the database {shown} cannot be opened: {error.orig}") from None
        return cls(engine)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session that commits when the block ends, durably, and rolls back if it raises."""
        with Session(self.engine, expire_on_commit=False) as session, session.begin():
            yield session

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session on one consistent state, for reading only; it never waits for a writer."""
        with self.engine.connect() as connection:
            reading = connection.execution_options(reading=True)
            with Session(reading, expire_on_commit=False) as session:
                yield session

    def lease(self, what: str) -> Lease:
        """Return the right to be the only one who does `what` with this database, until closed or the process ends.

        Raises:
            ConfigError: another process has it.
        """
        return lease_for(self.engine, what)

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def newest_revisions() -> set[str]:
    """Return the last revision of every branch of migrations."""
    last: dict[str, str] = {}
    for file in sorted((_MIGRATIONS / "versions").glob("*.py")):
        match = _REVISION_FILE.fullmatch(file.stem)
        if match:
            last[match["branch"]] = file.stem
    return set(last.values())


def _prepare_sqlite(engine: Engine, durability: Durability) -> None:
    @event.listens_for(engine, "connect")
    def _configure(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we begin transactions ourselves, below
        for pragma in (
            "journal_mode=WAL",
            f"synchronous={durability}",
            f"busy_timeout={_BUSY_TIMEOUT_MS}",
            "foreign_keys=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("reading", False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _is_current(engine: Engine) -> bool:
    """Whether the tables are the newest; asked without alembic, which daemons then need not load."""
    if not inspect(engine).has_table(_VERSIONS.name):
        return False
    with engine.connect() as connection:
        present = set(connection.scalars(select(_VERSIONS.c.version_num)))
    return present == newest_revisions()


def _create(engine: Engine) -> bool:
    """Make all tables in an empty database, in one transaction; return whether it was empty.

    This is what the migrations come to, without the weight of alembic in every daemon.
    """
    from p2ptrade.store import models

    with engine.begin() as connection:
        if inspect(connection).has_table(_VERSIONS.name):
            return False
        models.Base.metadata.create_all(connection)
        _VERSIONS.create(connection)
        connection.execute(insert(_VERSIONS), [{"version_num": revision} for revision in sorted(newest_revisions())])
        return True


def migrate(engine: Engine) -> None:
    """Bring the tables of an older version, or of none, to the newest by the migrations."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", _MIGRATIONS.as_posix())
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "heads")
        connection.commit()
